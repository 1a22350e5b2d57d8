"""What may be compared, and what a comparison shows: decided once, from stored runs only."""
