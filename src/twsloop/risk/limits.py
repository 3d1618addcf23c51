"""The limits in force, and how they are changed while the program runs. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from twsloop.config.options import options_of
from twsloop.config.sections import RiskParams
from twsloop.errors import ConfigError, RiskError
from twsloop.events import RiskLimitChanged

if TYPE_CHECKING:
    from .case import Case

__all__ = ["LimitBook", "Limits", "loosens", "tighter"]

logger = logging.getLogger(__name__)

#: The lower the tighter; None is no limit.
_UPPER = frozenset(
    {
        "max_quantity",
        "max_notional",
        "max_position",
        "max_position_value",
        "max_gross_exposure",
        "max_concentration",
        "max_buying_power",
        "max_open_orders",
        "orders_per_second",
        "orders_per_minute",
        "orders_per_day",
        "max_quote_age",
        "collar_percent",
        "collar_ticks",
        "max_daily_loss",
        "max_drawdown",
        "breaker_rejects",
        "breaker_errors",
    }
)
#: The higher the tighter; None is no limit.
_LOWER = frozenset({"duplicate_window", "before_restart", "breaker_window"})
#: The fewer the tighter; None is all.
_ALLOWED = frozenset({"accounts", "symbols", "sec_types", "currencies"})
#: From the loosest to the tightest.
_RANKS: Mapping[str, tuple[Any, ...]] = {
    "require_quote": (False, True),
    "trading_hours": ("any", "trading", "liquid"),
    "day_trading": ("off", "known", "broker"),
}


class Limits:
    """The limits of one moment, as the checks read them.

    Args:
        params: The settings.
    """

    def __init__(self, params: RiskParams) -> None:
        self.params = params
        self.currency = params.currency
        self.quote_age = params.max_quote_age
        self._general = _numbers(
            max_quantity=params.max_quantity,
            max_notional=params.max_notional,
            max_position=params.max_position,
            max_position_value=params.max_position_value,
            max_gross_exposure=params.max_gross_exposure,
            max_concentration=params.max_concentration,
            max_buying_power=params.max_buying_power,
            max_open_orders=params.max_open_orders,
            orders_per_second=params.orders_per_second,
            orders_per_minute=params.orders_per_minute,
            orders_per_day=params.orders_per_day,
            duplicate_window=params.duplicate_window,
            collar_percent=params.collar_percent,
            collar_ticks=params.collar_ticks,
            max_daily_loss=params.max_daily_loss,
            max_drawdown=params.max_drawdown,
            before_restart=params.before_restart,
        )
        self._of_symbols = _own(params, "symbol_limits") if params.symbol_limits else {}
        self._of_accounts = _own(params, "account_limits") if params.account_limits else {}
        self._set = {name for _, name in (*self._of_symbols, *self._of_accounts)}
        self._set |= self._general.keys()
        self.accounts = _words(params.accounts)
        self.symbols = _words(params.symbols)
        self.sec_types = _words(params.sec_types)
        self.currencies = _words(params.currencies)
        self.classic = _words(params.classic_day_trading) or frozenset()

    def sets(self, name: str) -> bool:
        """Whether there is such a limit for anything."""
        return name in self._set

    def general(self, name: str) -> Decimal | None:
        """The limit that stands alone; None if there is none."""
        return self._general.get(name)

    def only_general(self, name: str) -> bool:
        """Whether no symbol and no account has such a limit of its own."""
        own = (*self._of_symbols, *self._of_accounts)
        return all(limit != name for _, limit in own)

    def of(self, name: str, case: Case) -> Decimal | None:
        """The limit that counts for an order; None if there is none."""
        return self.find(name, case.names if self._of_symbols else (), case.account)

    def find(self, name: str, names: Iterable[str], account: str) -> Decimal | None:
        """The limit that counts for a contract in an account; None if there is none.

        The symbol's own, or the general one; the account's own, if that is lower.

        Args:
            name: The limit, as the settings call it.
            names: What the contract may be called, in capitals.
            account: The account.
        """
        limit = self._general.get(name)
        if self._of_symbols:
            own = [self._of_symbols.get((one, name)) for one in names]
            limit = min((found for found in own if found is not None), default=limit)
        return self.of_account(name, account, limit)

    def of_account(self, name: str, account: str, general: Decimal | None = None) -> Decimal | None:
        """The limit that counts for an account; None if there is none."""
        if general is None:
            general = self._general.get(name)
        if not self._of_accounts:
            return general
        own = self._of_accounts.get((account.upper(), name))
        if own is None:
            return general
        return own if general is None else min(own, general)


def _numbers(**numbers: float | None) -> dict[str, Decimal]:
    """Those that are set, exact."""
    return {name: Decimal(str(one)) for name, one in numbers.items() if one is not None}


def _own(params: RiskParams, key: str) -> dict[tuple[str, str], Decimal]:
    return {place: Decimal(text) for place, text in params.own_limits(key).items()}


def _words(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.upper() for name in names)


def loosens(name: str, old: RiskParams, new: RiskParams) -> bool:
    """Whether a change of one setting lets anything pass that did not before.

    What cannot be compared (the currency of the limits, when the day begins) counts as looser.
    """
    before, after = getattr(old, name), getattr(new, name)
    if before == after:
        return False
    if name in _UPPER:
        return before is not None and (after is None or after > before)
    if name in _LOWER:
        return before is not None and (after is None or after < before)
    if name in _ALLOWED:
        if before is None:
            return False
        return after is None or not (_words(after) or frozenset()) <= (
            _words(before) or frozenset()
        )
    if name in _RANKS:
        ranks = _RANKS[name]
        return ranks.index(after) < ranks.index(before)
    if name == "classic_day_trading":
        return not (_words(before) or frozenset()) <= (_words(after) or frozenset())
    if name == "breaker_pause":
        return bool(after) and (not before or after < before)  # 0 is the longest
    if name in {"symbol_limits", "account_limits"}:
        return _own_loosens(name, old, new)
    return True


def _own_loosens(name: str, old: RiskParams, new: RiskParams) -> bool:
    """Whether a limit of a symbol or an account is higher than what counted for it before."""
    before, after = _own(old, name), _own(new, name)
    for place in before.keys() | after.keys():
        general = getattr(new, place[1])
        known = None if general is None else Decimal(str(general))
        was, is_now = (_counts(name, own.get(place), known) for own in (before, after))
        if was is not None and (is_now is None or is_now > was):
            return True
    return False


def _counts(name: str, own: Decimal | None, general: Decimal | None) -> Decimal | None:
    """Which of two counts: a symbol's own is in place of the general, an account's beside it."""
    if own is None:
        return general
    return own if general is None or name == "symbol_limits" else min(own, general)


def tighter(name: str, one: RiskParams, other: RiskParams) -> Any:
    """Of one setting in two versions, what lets pass only what both do.

    Of lists that share something that is what they share; of what cannot be compared it is the
    other's.
    """
    mine, theirs = getattr(one, name), getattr(other, name)
    if not loosens(name, other, one):
        return mine
    if not loosens(name, one, other):
        return theirs
    if name in _ALLOWED:
        both = _words(theirs) or frozenset()
        return tuple(word for word in mine if word.upper() in both) or theirs
    if name == "classic_day_trading":
        return (*theirs, *(word for word in mine if word.upper() not in (_words(theirs) or ())))
    if name in {"symbol_limits", "account_limits"}:
        return _own_tighter(name, one, other)
    return theirs


def _own_tighter(name: str, one: RiskParams, other: RiskParams) -> tuple[str, ...]:
    """The lower of what counts for each symbol, or account, that has a limit in either."""
    mine, theirs = _own(one, name), _own(other, name)
    found = []
    for place in sorted(mine.keys() | theirs.keys()):
        general = getattr(one, place[1])
        known = None if general is None else Decimal(str(general))
        count = [_counts(name, own.get(place), known) for own in (mine, theirs)]
        lowest = min(number for number in count if number is not None)
        found.append(f"{place[0]}:{place[1]}={lowest.normalize():f}")
    return tuple(found)


class LimitBook:
    """Holds the limits, and changes them.

    Args:
        params: The settings that the program began with.
    """

    def __init__(self, params: RiskParams) -> None:
        self.limits = Limits(params)
        #: Which were changed since, by their names.
        self._changed: set[str] = set()

    @property
    def params(self) -> RiskParams:
        """The settings in force."""
        return self.limits.params

    def change(
        self, name: str, value: Any, *, reason: str = "", by: str = "api", now: datetime
    ) -> RiskLimitChanged | None:
        """Change one limit from now on.

        Args:
            name: Its name, as the settings call it.
            value: The new one; None for no limit.
            reason: Why; needed if it lets more pass than before.
            by: Who: ``api``, ``cli``, ``reload``.
            now: UTC.

        Returns:
            The fact to be told; None if it was that already.

        Raises:
            RiskError: There is no such limit, or it is loosened without a reason.
            ConfigError: The value does not fit.
        """
        if name not in options_of(RiskParams):
            msg = f"there is no limit {name!r}; see [risk] in config.ini.example"
            raise RiskError(msg)
        new = attrs.evolve(self.params, **{name: value})
        facts = self._take(new, [name], reason, by, now)
        return facts[0] if facts else None

    def reload(
        self, params: RiskParams, *, reason: str = "", by: str = "reload", now: datetime
    ) -> list[RiskLimitChanged]:
        """Take all limits of other settings; all of them, or none.

        Args:
            params: The new settings.
            reason: Why; needed if any of them lets more pass than before.
            by: Who.
            now: UTC.

        Returns:
            The facts to be told, one for each that is different.

        Raises:
            RiskError: At least one is loosened, and there is no reason.
        """
        return self._take(params, list(options_of(RiskParams)), reason, by, now)

    def restore(self, facts: Iterable[RiskLimitChanged], now: datetime) -> list[RiskLimitChanged]:
        """Let a limit that an earlier program of the day made tighter hold.

        Without that, to start again would loosen it, and nobody had said why.

        Args:
            facts: What was changed in the day under way, the oldest first.
            now: UTC.

        Returns:
            The facts to be told, one for each limit that is not as in the settings.
        """
        known = options_of(RiskParams)
        last = {fact.limit: fact.new for fact in facts if fact.limit in known}
        new = self.params
        for name, text in last.items():
            if name in self._changed:
                continue
            try:
                told = attrs.evolve(new, **{name: known[name].parse(text)})
            except (ConfigError, ValueError) as error:
                logger.warning("%s = %s, changed today, is passed over: %s", name, text, error)
                continue
            new = attrs.evolve(new, **{name: tighter(name, new, told)})
        return self._take(new, list(last), "it was changed so today", "restart", now)

    def _take(
        self, new: RiskParams, names: list[str], reason: str, by: str, now: datetime
    ) -> list[RiskLimitChanged]:
        old, known = self.params, options_of(RiskParams)
        changed = [name for name in names if getattr(old, name) != getattr(new, name)]
        looser = [name for name in changed if loosens(name, old, new)]
        reason = reason.strip()
        if looser and not reason:
            msg = f"{', '.join(looser)}: a limit is loosened only with a reason; give one"
            raise RiskError(msg)
        self.limits = Limits(new)
        self._changed.update(changed)
        return [
            RiskLimitChanged(
                time=now,
                limit=name,
                old=known[name].show(getattr(old, name)),
                new=known[name].show(getattr(new, name)),
                loosened=name in looser,
                reason=reason,
                by=by,
            )
            for name in changed
        ]
