"""Where the data lies that the tests may use and the project may not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "data"


def shared(*parts: str) -> Path:
    """A path below ``../shared/data``; skips the test where it is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{'/'.join(parts)}: it is not here")
    return path
