"""The rules, pure: no I/O and no clock of their own."""
