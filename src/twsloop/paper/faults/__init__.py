"""What a gateway and a network do to their clients, on command: each fault by name."""
