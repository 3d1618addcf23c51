"""The programs of ``bench/order_round_trip.py``: one gateway, and one client each."""
