"""What is remembered of contracts, as text: IB's objects and our rows, and back.

Pure. Of IB's objects only what differs from a new one is written, so that a file stays small and a
field that a later ibapi adds has its default. What cannot be read (another version wrote it) is a
`ValueError`, and is asked for anew.
"""

from __future__ import annotations

import enum
import functools
import json
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import (
    ComboLeg,
    Contract,
    ContractDetails,
    DeltaNeutralContract,
    FundAssetType,
    FundDistributionPolicyIndicator,
)
from ibapi.ineligibility_reason import IneligibilityReason
from ibapi.tag_value import TagValue

from .chains import OptionChain
from .rules import MarketRule, PriceStep
from .state import DepthExchange, SmartVenue

__all__ = ["decode", "encode"]

#: The key that says what an object is.
_KIND = "$"
_IBS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(ComboLeg, Contract, ContractDetails, DeltaNeutralContract),
        *(IneligibilityReason, TagValue),
    )
}
_WORDS: dict[str, type[enum.Enum]] = {
    kind.__name__: kind for kind in (FundAssetType, FundDistributionPolicyIndicator)
}
_ROWS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (DepthExchange, MarketRule, OptionChain, PriceStep, SmartVenue)
}


def encode(value: Any) -> str:
    """A value as text.

    Raises:
        TypeError: It holds something that has no form.
    """
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Any:
    """The value that a text stands for; tuples come back in rows, and as lists elsewhere.

    Raises:
        ValueError: It stands for none.
    """
    try:
        return json.loads(text, object_hook=_object)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        msg = f"it cannot be read: {error!r}"
        raise ValueError(msg) from error


@functools.cache
def _defaults(name: str) -> dict[str, Any]:
    """What a new object of IB's has, by its class's name."""
    new = vars(_IBS[name]())
    return {key: _plain(value) for key, value in new.items() if key != "contract"}


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return {_KIND: "Decimal", "is": str(value)}
    if isinstance(value, date):
        return {_KIND: "date", "is": value.isoformat()}
    kind = type(value)
    name = kind.__name__
    if _WORDS.get(name) is kind:
        return {_KIND: name, "is": value.name}
    if _ROWS.get(name) is kind:
        fields = {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(kind)}
        return {_KIND: name, **fields}
    if _IBS.get(name) is kind:
        usual = _defaults(name)
        plain = {key: _plain(one) for key, one in vars(value).items()}
        return {_KIND: name} | {
            key: one for key, one in plain.items() if key not in usual or usual[key] != one
        }
    msg = f"{name} has no form as text"
    raise TypeError(msg)


def _object(found: dict[str, Any]) -> Any:
    """An object of what JSON has."""
    name = found.pop(_KIND)
    if name == "Decimal":
        return Decimal(found["is"])
    if name == "date":
        return date.fromisoformat(found["is"])
    if name in _WORDS:
        return _WORDS[name][found["is"]]
    if name in _ROWS:
        return _ROWS[name](**{k: tuple(v) if isinstance(v, list) else v for k, v in found.items()})
    made = _IBS[name]()
    for key, one in found.items():
        setattr(made, key, one)
    return made
