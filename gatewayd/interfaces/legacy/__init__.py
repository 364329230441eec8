"""What other gateways have left behind, read and never changed."""
