"""Use cases: domain, store and modem brought together."""
