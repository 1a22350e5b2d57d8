"""The report's figures, one module a kind: each turns rows into a `Figure`, drawn once for the page, SVG and PDF."""
