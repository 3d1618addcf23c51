"""twsloop.paper."""
