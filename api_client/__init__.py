"""A client of the Options Flow Monitor's HTTP API."""
