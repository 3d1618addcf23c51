"""A run of kill -9; see `run`."""
