"""What `fit` leaves beside a model for people: one page on how good it is, and the rows whose label looks wrong."""
