"""Rows that belong together are dealt whole: to the parts of a cut, and to folds."""
