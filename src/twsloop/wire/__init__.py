"""twsloop.wire."""
