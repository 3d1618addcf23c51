"""A run of random faults; see `run`."""
