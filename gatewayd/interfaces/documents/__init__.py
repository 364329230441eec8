"""A document of ours for people: as HTML that prints on a page, and as PDF."""
