"""The paper market's catalogue: what a contract description finds, as IB finds it.

By contract id, or by the fields that are given; fields left empty fit everything, several fits
mean that the description is ambiguous, none means IB's error 200. Expiries of futures and options
follow from the date that the catalogue is made for.

What is iterated over are the instruments whose prices a feed makes: stocks, funds, currency pairs,
crypto currencies, futures. Found, but not iterated over, are those whose prices follow from others
or that have none: indices, options, continuous and expired futures, bonds.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from datetime import date

from ibapi.protobuf.Contract_pb2 import Contract

from .chains import Chain, Chains
from .instrument import VENUES, Instrument, generated_con_id
from .listed import (
    bond_instrument,
    continuous,
    crypto_instrument,
    currency_instrument,
    expired_futures,
    futures,
    index_instrument,
    stock_instrument,
)
from .listings import BONDS, CRYPTO, CURRENCIES, ETFS, FUTURES, INDICES, OPTIONS, STOCKS
from .market_rules import MARKET_RULES

__all__ = [
    "MARKET_RULES",
    "VENUES",
    "Catalogue",
    "Instrument",
    "currency_instrument",
    "generated_con_id",
    "stock_instrument",
]


@functools.lru_cache(maxsize=4)
def _listed(today: date) -> tuple[tuple[Instrument, ...], tuple[Instrument, ...]]:
    """All that a feed makes prices of, and all the others; instruments never change."""
    lines = [stock_instrument(line) for line in STOCKS]
    lines += [stock_instrument(line, etf=True) for line in ETFS]
    lines += [currency_instrument(line) for line in CURRENCIES]
    lines += [crypto_instrument(line) for line in CRYPTO]
    for future in FUTURES:
        lines += futures(future, today)
    others = [index_instrument(line) for line in INDICES]
    others += [bond_instrument(line) for line in BONDS if line.maturity > f"{today:%Y%m%d}"]
    return tuple(lines), tuple(others)


class Catalogue:
    """All instruments of a paper market.

    Args:
        instruments: Those whose prices a feed makes, in the order in which they are told.
        others: Those whose prices follow from others', or that have none.
        today: With a date there are the listed options on what the catalogue has.

    Raises:
        ValueError: Two instruments have one contract id.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        others: Iterable[Instrument] = (),
        today: date | None = None,
    ) -> None:
        self._by_id: dict[int, Instrument] = {}
        self._others: dict[int, Instrument] = {}
        self._by_symbol: dict[str, list[Instrument]] = {}
        self._expired: dict[str, list[Instrument]] = {}
        self._gone: dict[int, Instrument] = {}
        self._today = today
        self.chains: Chains | None = None
        for instrument in instruments:
            self._add(instrument, self._by_id)
        for instrument in others:
            self._add(instrument, self._others)
        if today is not None:
            self.chains = Chains(OPTIONS, self._named, today)

    def _add(self, instrument: Instrument, table: dict[int, Instrument]) -> None:
        if instrument.con_id in self._by_id or instrument.con_id in self._others:
            msg = f"contract id {instrument.con_id} stands twice in the catalogue"
            raise ValueError(msg)
        table[instrument.con_id] = instrument
        self._by_symbol.setdefault(instrument.symbol, []).append(instrument)

    @classmethod
    def standard(cls, today: date) -> Catalogue:
        """Everything that is listed, with the futures and options that live on that day."""
        lines, others = _listed(today)
        return cls(lines, others=others, today=today)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id.values())

    def __contains__(self, con_id: object) -> bool:
        return isinstance(con_id, int) and self.by_con_id(con_id) is not None

    def all(self) -> tuple[Instrument, ...]:
        """Every instrument whose prices a feed makes."""
        return tuple(self._by_id.values())

    @property
    def others(self) -> tuple[Instrument, ...]:
        """Indices and bonds."""
        return tuple(self._others.values())

    def by_con_id(self, con_id: int) -> Instrument | None:
        """The instrument of a contract id, or None."""
        found = self._by_id.get(con_id) or self._others.get(con_id) or self._gone.get(con_id)
        if found is None and self.chains is not None:
            found = self.chains.by_con_id(con_id)
        return found

    def by_symbol(self, symbol: str) -> Instrument | None:
        """The instrument that people call so: ``AAPL``, ``EUR.USD``, or a local symbol."""
        for instrument in (*self._by_id.values(), *self._others.values()):
            if symbol == instrument.local_symbol:
                return instrument
        if self.chains is not None:
            options = self.chains.find(Contract(localSymbol=symbol))
            if options:
                return options[0]
        found = self._by_symbol.get(symbol, [])
        return found[0] if len(found) == 1 else None

    def options_on(self, under_con_id: int) -> list[Chain]:
        """The option chains on an instrument."""
        return self.chains.of(under_con_id) if self.chains is not None else []

    def move_to(self, today: date) -> None:
        """It is a later day: expired options are listed no more, new ones are."""
        if self.chains is not None:
            self.chains.move_to(today)

    def find(self, wanted: Contract) -> list[Instrument]:
        """What fits a contract description (the protobuf message of a request).

        A contract id decides alone, save for the exchange, which must trade it. Without one, the
        description needs a symbol, a local symbol or another identifier.
        """
        if wanted.conId:
            instrument = self.by_con_id(wanted.conId)
            only = Contract(exchange=wanted.exchange)
            if instrument is None or not instrument.fits(only):
                return []
            if wanted.secType.upper() == "CONTFUT" and instrument.sec_type == "FUT":
                instrument = continuous(instrument)
            return [instrument]
        if not (wanted.symbol or wanted.localSymbol or wanted.secId):
            return []
        kind = wanted.secType.upper()
        if kind in {"CONTFUT", "FUT+CONTFUT"}:
            return self._futures(wanted, both=kind != "CONTFUT")
        found = [one for one in self._candidates(wanted) if one.fits(wanted)]
        if not kind and not wanted.secId:
            # A company's bonds go by its symbol; who says no type does not mean them.
            found = [one for one in found if one.sec_type != "BOND"]
        if kind == "FUT" and wanted.includeExpired:
            found = [one for one in self._past(wanted) if one.fits(wanted)] + found
        if self.chains is not None and (kind == "OPT" or (not kind and wanted.localSymbol)):
            found += self.chains.find(wanted)
        return found

    def _candidates(self, wanted: Contract) -> Iterable[Instrument]:
        name = wanted.symbol.strip()
        if not name:
            return (*self._by_id.values(), *self._others.values())
        names = {name, name.upper()}
        return [one for name in sorted(names) for one in self._by_symbol.get(name, [])]

    def _futures(self, wanted: Contract, *, both: bool) -> list[Instrument]:
        """The continuous futures that fit: each is its lead contract by another name."""
        asked = Contract()
        asked.CopyFrom(wanted)
        asked.secType = "FUT"
        fitting = [one for one in self._candidates(asked) if one.fits(asked)]
        leads: dict[str, Instrument] = {}
        for one in fitting:
            leads.setdefault(one.trading_class, one)
        return [continuous(one) for one in leads.values()] + (fitting if both else [])

    def _past(self, wanted: Contract) -> list[Instrument]:
        """The expired futures of a symbol; made when first asked for, and known from then on."""
        symbol = wanted.symbol.strip().upper()
        if self._today is None:
            return []
        if symbol not in self._expired:
            made: list[Instrument] = []
            for line in FUTURES:
                if line.symbol == symbol:
                    made += expired_futures(line, self._today)
            self._expired[symbol] = made
            self._gone.update((one.con_id, one) for one in made)
        return self._expired[symbol]

    def _named(self, sec_type: str, symbol: str) -> Instrument | None:
        found = [one for one in self._by_symbol.get(symbol, []) if one.sec_type == sec_type]
        return found[0] if found else None

    def with_instruments(self, more: Iterable[Instrument]) -> Catalogue:
        """A catalogue that lists more; of a contract id listed twice the new one counts."""
        merged = dict(self._by_id)
        merged.update((one.con_id, one) for one in more)
        others = [one for one in self._others.values() if one.con_id not in merged]
        return Catalogue(merged.values(), others=others, today=self._today)
