"""Heads that are fitted, not trained: one linear map on vectors that a frozen backbone computed, found exactly."""
