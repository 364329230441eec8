"""The drop folder: spreadsheets become messages, with a report beside each file."""
