"""The clients, how each is met, and what the market and the account are that they meet."""

from __future__ import annotations

import attrs
import pytest

from tests.conformance.venvs import (
    IB_ASYNC,
    IB_INSYNC,
    OFFICIAL_9,
    OFFICIAL_10,
    OFFICIAL_BETWEEN,
    STOQEY,
    ForeignClient,
)

__all__ = [
    "ACCOUNT",
    "CASES",
    "CASH",
    "QUANTITY",
    "RATE",
    "SYMBOLS",
    "TICKS",
    "Case",
    "plain_case",
]

ACCOUNT = "DU7654321"
CASH = 1_000_000.0
QUANTITY = 10
SYMBOLS = ("AAPL", "MSFT", "SPY", "NVDA")
#: Actions a second of each watched share: a market busier than most.
RATE = 60.0
TICKS = 3000


@attrs.frozen
class Case:
    """A client, and how it is met.

    Attributes:
        client: Which one.
        driver: The file in ``drivers``.
        version: The server version that it must end up with.
        max_version: The newest version that the gateway offers.
        official: Whether it hands on each callback (the other two hand on what changed).
        loses_bid_sizes: Whether it has a defect: the size that comes with a bid gets lost in it.
        noise: What it may log at level WARNING and above: its own view of codes 202 and 10349.
    """

    client: ForeignClient
    driver: str
    version: int
    max_version: int = 225
    official: bool = True
    loses_bid_sizes: bool = False
    noise: str = "(?!)"

    def __str__(self) -> str:
        return f"{self.client.name}-{self.client.version}-at-{self.version}"


IB_NOISE = (
    r"ERROR ib_\w+\.wrapper Error (202, reqId \d+: Order Canceled|10349, reqId \d+: Order TIF)"
    r"|WARNING ib_\w+\.wrapper Canceled order: .*Error 10349"
)
CASES = (
    pytest.param(Case(OFFICIAL_10, "official.py", 225), marks=pytest.mark.conformance_short),
    Case(OFFICIAL_10, "official.py", 200, max_version=200),
    Case(OFFICIAL_9, "official.py", 157),
    *(
        Case(client, "official.py", version)
        # A client that announces 203 gets 200: between the two, text and protobuf are mixed.
        for client, version in zip(OFFICIAL_BETWEEN, (176, 187, 200, 219, 223), strict=True)
    ),
    pytest.param(
        Case(IB_ASYNC, "ib_sync.py", 178, official=False, noise=IB_NOISE),
        marks=pytest.mark.conformance_short,
    ),
    Case(IB_INSYNC, "ib_sync.py", 176, official=False, noise=IB_NOISE),
    # It hands on each callback, as IB's clients do.
    Case(STOQEY, "stoqey/driver.cjs", 193, loses_bid_sizes=True),
    # Versions that living clients speak, and that none of the above comes to by itself.
    Case(OFFICIAL_10, "official.py", 193, max_version=193),
    Case(OFFICIAL_10, "official.py", 177, max_version=177),
    Case(OFFICIAL_10, "official.py", 173, max_version=173),
    Case(OFFICIAL_9, "official.py", 151, max_version=151),
)


def plain_case(case: object) -> Case:
    """The case without its marks."""
    (found,) = getattr(case, "values", (case,))
    assert isinstance(found, Case)
    return found
