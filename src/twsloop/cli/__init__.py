"""twsloop.cli."""
