"""What the outside touches: the drop folder, HTTP, webhooks."""
