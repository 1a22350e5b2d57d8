"""Statistics over seeds: what a mean is worth, and what a difference over paired seeds shows."""
