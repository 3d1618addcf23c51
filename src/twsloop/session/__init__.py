"""twsloop.session."""
