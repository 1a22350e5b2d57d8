"""Heads that are fitted, not trained: one linear map, the solution of a convex problem on frozen vectors. No torch."""
