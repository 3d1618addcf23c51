"""``python -m twsloop``: the command line."""

from __future__ import annotations

from twsloop.cli import main

if __name__ == "__main__":
    main()
