"""Market scanners: what can be scanned, a scan once, and one that goes on."""
