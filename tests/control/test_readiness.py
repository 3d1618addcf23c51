"""What has to be seen before a gateway is ready."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from twsloop.control.readiness import Seen, missing
from twsloop.session.farms import Farm, FarmTable

DEMAND = "inactive but should be available upon demand"
NOTICES = {
    "usfarm": (2104, "Market data farm connection is OK:usfarm"),
    "ushmds": (2107, f"HMDS data farm connection is {DEMAND}.ushmds"),
}
LOST = {
    "usfarm": (2103, "Market data farm connection is broken:usfarm"),
    "ushmds": (2105, "HMDS data farm connection is broken:ushmds"),
}


def farms(**changed: tuple[int, str]) -> dict[str, Farm]:
    """The farms of a gateway that told these notices."""
    table = FarmTable()
    for code, text in (NOTICES | changed).values():
        table.notice(code, text, datetime.now(UTC))
    return dict(table.rows())


READY = Seen(state="READY", ready=True, sessions=1, farms=farms())


def test_a_session_and_its_farms_are_the_proof() -> None:
    assert missing(READY) == ()


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen(state="CONNECTING", reason="refused; next attempt in 0.8 s"), "(refused)"),
        (Seen(failed="the host is unknown"), "the host is unknown"),
        (attrs.evolve(READY, state="DEGRADED", ready=False, reason="1100"), "IB's servers (1100)"),
        (attrs.evolve(READY, farms={}), "nothing was said of a market data farm"),
        (attrs.evolve(READY, codes=frozenset({10141})), "disclaimer"),
        (attrs.evolve(READY, farms=farms(x=LOST["usfarm"])), "usfarm is broken"),
        (attrs.evolve(READY, farms=farms(x=LOST["ushmds"])), "ushmds is broken"),
    ],
)
def test_an_open_port_is_not_enough(seen: Seen, words: str) -> None:
    assert any(words in one for one in missing(seen))


def test_one_of_several_farms_is_enough() -> None:
    some = farms(x=(2103, "Market data farm connection is broken:eufarm"))
    assert missing(attrs.evolve(READY, farms=some)) == ()
