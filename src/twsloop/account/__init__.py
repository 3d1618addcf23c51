"""twsloop.account."""
