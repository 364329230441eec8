"""The driver of GSM modems: bytes, AT commands, PDUs, sessions. It knows the domain only."""
