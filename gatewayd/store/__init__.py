"""Persistence: one database, one writer. It knows the domain only."""
