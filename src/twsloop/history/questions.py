"""The requests for history, as they are sent, and what makes two of them the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

from twsloop.connection.core import Core
from twsloop.wire.identity import contract_key
from twsloop.wire.times import utc_text

from .asking import Question
from .chunks import Chunk
from .pacing import Paced
from .reading import BarReader
from .spans import moment
from .words import BarSize, Show, TickKind

__all__ = [
    "MOST_TICKS",
    "bars_question",
    "head_question",
    "histogram_question",
    "schedule_question",
    "ticks_question",
]

#: IB's formatDate: seconds since 1970, which no zone and no summer time can blur.
EPOCH = 2
#: The most ticks that a request may ask for (domain.md f).
MOST_TICKS = 1000
#: The server version from which historical ticks can be cancelled (protocol.md).
_TICKS_CANCEL_SINCE = 215


def bars_question(
    core: Core,
    contract: Any,
    chunk: Chunk,
    size: BarSize,
    show: Show,
    *,
    regular: bool,
    words: str,
    timeout: float | None,
) -> Question:
    """Bars."""
    what = contract_key(contract)
    end = "" if chunk.end is None else utc_text(moment(chunk.end))

    def send(req_id: int) -> None:
        core.reqHistoricalData(
            req_id,
            contract,
            end,
            chunk.duration,
            size.text,
            str(show),
            int(regular),
            EPOCH,
            False,
            [],
        )

    return Question(
        f"{words}, {chunk.duration} up to {end or 'now'}",
        send,
        core.cancelHistoricalData,
        Paced(
            ("bars", what, end, chunk.duration, size.text, show, regular),
            (what, str(show)),
            show.weight,
            small=size.small,
        ),
        timeout,
        gather=functools.partial(BarReader, show),
    )


def ticks_question(
    core: Core,
    contract: Any,
    start: int,
    kind: TickKind,
    *,
    regular: bool,
    ignore_size: bool,
    words: str,
    timeout: float | None,
) -> Question:
    """The next ticks from a second on."""
    what, text = contract_key(contract), utc_text(moment(start))

    def send(req_id: int) -> None:
        core.reqHistoricalTicks(
            req_id,
            contract,
            text,
            "",
            MOST_TICKS,
            str(kind),
            int(regular),
            ignore_size,
            [],
        )

    cancel: Callable[[int], object] | None = None
    if core.server_version >= _TICKS_CANCEL_SINCE:
        cancel = core.cancelHistoricalTicks
    same = ("ticks", what, text, kind, regular, ignore_size)
    paced = Paced(same, (what, str(kind)), kind.weight, counted=False)
    return Question(f"{words} from {text}", send, cancel, paced, timeout)


def head_question(
    core: Core, contract: Any, show: Show, *, symbol: str, timeout: float | None = None
) -> Question:
    """The first time with data; it stays open at the gateway until it is cancelled."""
    what = contract_key(contract)
    return Question(
        f"first time with data of {symbol} ({show})",
        lambda req_id: core.reqHeadTimeStamp(req_id, contract, str(show), 1, EPOCH),
        core.cancelHeadTimeStamp,
        Paced(("head", what, show), (what, str(show)), show.weight),
        timeout,
        always_cancel=True,
    )


def histogram_question(
    core: Core, contract: Any, period: str, *, regular: bool, symbol: str, timeout: float | None
) -> Question:
    """Volume by price."""
    what = contract_key(contract)
    return Question(
        f"histogram of {symbol}",
        lambda req_id: core.reqHistogramData(req_id, contract, regular, period),
        core.cancelHistogramData,
        Paced(("histogram", what, period, regular), (what, "histogram"), small=False),
        timeout,
    )


def schedule_question(
    core: Core,
    contract: Any,
    end: datetime | None,
    days: int,
    *,
    regular: bool,
    symbol: str,
    timeout: float | None,
) -> Question:
    """Trading days."""
    what = contract_key(contract)
    text = "" if end is None else utc_text(end)

    def send(req_id: int) -> None:
        core.reqHistoricalData(
            req_id,
            contract,
            text,
            f"{days} D",
            "1 day",
            "SCHEDULE",
            int(regular),
            1,
            False,
            [],
        )

    return Question(
        f"schedule of {symbol}",
        send,
        core.cancelHistoricalData,
        Paced(("schedule", what, text, days, regular), (what, "SCHEDULE"), small=False),
        timeout,
    )
