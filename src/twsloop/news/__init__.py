"""News: providers, headlines before now and as they come, articles, bulletins, corporate events."""
