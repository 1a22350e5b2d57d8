"""Finished comparisons as tables, figures, pages and files: nothing is decided here."""
