"""Sessions written down: `recorder` writes tapes of other gateways, `player` plays scripts.

This room knows no market: of the rest of the paper gateway it imports nothing.
"""
