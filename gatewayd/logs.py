"""Structured events, one stable name per line; a keyed pseudonym stands for a number, and texts never enter."""
