"""Heads that are fitted instead of trained: one linear map, found by a convex problem on frozen vectors. No torch."""
