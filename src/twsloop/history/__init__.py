"""The history slice: bars and ticks of any span, kept in a store, and bars kept up to date."""
