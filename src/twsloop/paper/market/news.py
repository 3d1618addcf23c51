"""The paper gateway's news: small, made up, and marked as such (pure).

No provider's words are repeated here. A headline is a function of (seed, contract id, provider,
day): each instrument has none to two a weekday of each provider. Its id holds where it came from,
so an article is found again without anything being kept, also after a restart::

    PAPER$00040d7e 0b5a2 1      provider, contract id, day, which one of the day
          (without the blanks)

Programs name the three providers that every login at IB has, so they are known here too; the names
say that what comes under them is made up. Control code can add headlines of its own
(`NewsRoom.add`); those are kept as long as the gateway runs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from twsloop.paper.catalogue.instruments import Instrument

__all__ = ["PROVIDERS", "Headline", "NewsRoom", "provider_codes", "read_time"]

#: Provider code -> name.
PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "BRFG": "Briefing.com General Market Columns (made up by the paper gateway)",
        "BRFUPDN": "Briefing.com Analyst Actions (made up by the paper gateway)",
        "DJNL": "Dow Jones Newsletters (made up by the paper gateway)",
        "PAPER": "The paper gateway's own, made up",
    }
)
#: So far back headlines go.
OLDEST = timedelta(days=365)
#: Headlines come between these seconds of a day, UTC.
FIRST_S, LAST_S = 11 * 3600, 21 * 3600
SATURDAY = 5
#: There are none before.
FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
MARK = "[made up] "
_OUTLOOKS = (
    "opens a second office for its paper division",
    "tells of a quarter that nobody has lived through",
    "names a new head of invented products",
    "sees demand where a random walk led it",
    "denies what was never claimed",
    "holds a meeting about the seed of this market",
    "keeps its forecast, which is a constant",
    "is rated by analysts who do not exist",
)
_ID = re.compile(r"(?P<con_id>[0-9a-f]{8})(?P<day>[0-9a-f]{5})(?P<number>[0-9a-f])")
_TIME = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[ -]+(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?)?"
    r"(?: +(?P<zone>\S+))?"
)


@attrs.frozen
class Headline:
    """A headline.

    Attributes:
        time: When it came, in whole seconds.
        provider: The provider's code.
        article: The article's id.
        text: The headline.
        body: The article.
    """

    time: datetime
    provider: str
    article: str
    text: str
    body: str


def read_time(text: str) -> datetime | None:
    """A time of a request: IB's ``2026-01-05 14:30:00.0`` or ``20260105 14:30:00 US/Eastern``.

    Without a zone it is UTC; without a time of day the day's end; None of an empty text.

    Raises:
        ValueError: It is neither.
    """
    text = text.strip()
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    zone = UTC if found["zone"] is None else _zone(found["zone"])
    clock = (23, 59, 59)
    if found["hour"] is not None:
        clock = (int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
    try:
        day = (int(found["year"]), int(found["month"]), int(found["day"]))
        return datetime(*day, *clock, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(text) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(name) from None


def provider_codes(text: str) -> list[str]:
    """The codes of ``BRFG+DJNL``, each once.

    Raises:
        ValueError: One of them is unknown, or there is none.
    """
    codes = list(dict.fromkeys(part.strip() for part in re.split(r"[+,:]", text)))
    for code in codes:
        if code not in PROVIDERS:
            raise ValueError(code)
    return codes


def _chance(text: str) -> int:
    return zlib.crc32(text.encode()) * 0x9E3779B1 & 0xFFFFFFFF


@attrs.define
class NewsRoom:
    """All headlines.

    Args:
        seed: Of the market.
    """

    seed: int = 0
    _added: dict[int, list[Headline]] = attrs.Factory(dict)

    def add(self, con_id: int, at: datetime, text: str, body: str) -> Headline:
        """A headline that control code makes up; the paper gateway's own provider has it."""
        added = self._added.setdefault(con_id, [])
        article = f"PAPER$a{con_id:08x}{len(added):x}"
        headline = Headline(at.replace(microsecond=0), "PAPER", article, text, body)
        added.append(headline)
        return headline

    def latest(
        self,
        instrument: Instrument,
        providers: Iterable[str],
        until: datetime,
        since: datetime | None = None,
    ) -> Iterator[Headline]:
        """Headlines up to and with ``until``, after ``since``, the latest first."""
        wanted = tuple(providers)
        if until < FIRST_DAY:
            return
        oldest = until - OLDEST if since is None else max(since, until - OLDEST)
        added = [one for one in self._added.get(instrument.con_id, []) if one.provider in wanted]
        day = until.astimezone(UTC).date()
        while day >= oldest.astimezone(UTC).date():
            found = [one for provider in wanted for one in self._day(instrument, provider, day)]
            found += [one for one in added if one.time.astimezone(UTC).date() == day]
            found.sort(key=lambda one: (one.time, one.article), reverse=True)
            for one in found:
                if oldest < one.time <= until:
                    yield one
            day -= timedelta(days=1)

    def next_after(
        self, instrument: Instrument, providers: Iterable[str], after: datetime
    ) -> Headline | None:
        """The next headline that is due after a time, within a week."""
        wanted = tuple(providers)
        day = after.astimezone(UTC).date()
        for ahead in range(8):
            found = [
                one
                for provider in wanted
                for one in self._day(instrument, provider, day + timedelta(days=ahead))
                if one.time > after
            ]
            if found:
                return min(found, key=lambda one: (one.time, one.article))
        return None

    def article(
        self, provider: str, article: str, find: Callable[[int], Instrument | None]
    ) -> Headline | None:
        """The headline of an article's id, or None.

        Args:
            provider: Whose it is.
            article: The id.
            find: The instrument of a contract id.
        """
        for added in self._added.values():
            for one in added:
                if one.article == article:
                    return one if one.provider == provider else None
        prefix, _, rest = article.partition("$")
        found = _ID.fullmatch(rest)
        if prefix != provider or provider not in PROVIDERS or found is None:
            return None
        one_of = find(int(found["con_id"], 16))
        if one_of is None:
            return None
        try:
            day = date.fromordinal(int(found["day"], 16))
        except ValueError:
            return None
        headlines = self._day(one_of, provider, day)
        return next((one for one in headlines if one.article == article), None)

    def _day(self, instrument: Instrument, provider: str, day: date) -> list[Headline]:
        """A provider's headlines of a day."""
        if day.weekday() >= SATURDAY:
            return []
        chance = _chance(f"{self.seed} {instrument.con_id} {provider} {day:%Y%m%d}")
        return [
            self._headline(instrument, provider, day, number)
            for number in range((0, 0, 1, 2)[chance % 4])
        ]

    def _headline(self, instrument: Instrument, provider: str, day: date, number: int) -> Headline:
        chance = _chance(f"{self.seed} {provider} {instrument.con_id} {day:%Y%m%d} {number}")
        second = FIRST_S + chance % (LAST_S - FIRST_S)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
        name = instrument.long_name or instrument.local_symbol
        text = f"{MARK}{name} {_OUTLOOKS[chance // 7 % len(_OUTLOOKS)]}"
        article = f"{provider}${instrument.con_id:08x}{day.toordinal():05x}{number:x}"
        body = (
            f"{text}\n\n{at:%Y-%m-%d %H:%M:%S} UTC, {instrument.local_symbol}.\n"
            "This article was made up by the paper gateway of twsloop so that programs have "
            "something to read. Nothing in it is true, and no provider wrote it.\n"
        )
        return Headline(at, provider, article, text, body)
