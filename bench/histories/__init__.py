"""The programs of ``bench/history.py``: one gateway, and one client each."""
