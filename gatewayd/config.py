"""The YAML file as typed, immutable settings; every refusal names its line."""
