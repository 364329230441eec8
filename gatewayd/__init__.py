"""One individual SMS per recipient, through SIMs of one's own, with consent checked and STOP obeyed."""

__version__ = "0.1.0"
