"""The operator's verbs, one file a noun: parse, call a service, print."""
