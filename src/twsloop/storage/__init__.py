"""The order journal: what was meant, what left, and what became of it, in one SQLite file."""
