"""The command line: ``python gateway_cli.py --help``, installed as ``twsloop``."""

from __future__ import annotations

from twsloop.cli import main

if __name__ == "__main__":
    main()
