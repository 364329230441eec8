"""One individual SMS per recipient, through SIMs of one's own, with consent checked and STOP obeyed."""
