"""twsloop.contracts."""
