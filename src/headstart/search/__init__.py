"""Which way to train suits a table best: candidates race within a time limit, and the winner learns from all rows."""
