"""twsloop.market_data."""
