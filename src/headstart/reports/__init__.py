"""Tables and figures, computed from stored runs only."""
