"""Spreadsheets as people save them, CSV or XLSX, become rows of text: for the drop folder and for lists of people."""
