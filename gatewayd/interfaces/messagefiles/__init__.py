"""Files of one message, and lines of them, as other gateways' users write them."""
