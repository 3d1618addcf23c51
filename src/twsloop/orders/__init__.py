"""twsloop.orders."""
