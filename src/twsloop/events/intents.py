"""What is written down before an order leaves, and every step that its record takes after that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import attrs

from .basis import Fact, aware, in_utc
from .orders import OrderFact
from .risk import RiskVerdict

__all__ = ["ConfigTaken", "IdentityBroken", "OrderIntent", "OrderStep", "QuoteSeen", "SessionBegan"]


@attrs.frozen(kw_only=True)
class QuoteSeen:
    """The quote that an order was judged by.

    Attributes:
        bid: The best bid; None if there was none.
        ask: The best ask; None if there was none.
        last: The last trade's price; None if none was told.
        at: When its newest tick came, UTC.
        age: How old that was, seconds.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    at: datetime = attrs.field(converter=in_utc, validator=aware)
    age: float


@attrs.frozen(kw_only=True)
class OrderIntent(OrderFact):
    """An order, or a change of one, is about to leave. It is durable before its first byte is.

    Attributes:
        order_id: The id within its client id.
        client_id: Whose order it is.
        epoch: Which session of this process it is meant for, counted from 1.
        kind: ``place``, ``modify`` or ``exercise``.
        revision: 0 for a new order, then one more for each change that was to leave.
        account: The account it is for.
        con_id: The contract's id, once known.
        symbol: The contract in short, for people.
        contract: IB's Contract by the fields that are set, under IB's names.
        order: IB's Order by the fields that are set, under IB's names.
        token: What we wrote into ``orderRef`` behind the user's tag; with the permId it is the
            order's identity.
        tag: The user's own reference.
        origin: What made it: one of our methods, or a raw call.
        purpose: Why, in the program's words.
        verdict: What the risk gate said of it; None if it was not asked.
        quote: The quote it was judged by; None if there was none.
        config: The digest of the settings in force (`ConfigTaken`).
    """

    order_id: int
    client_id: int
    epoch: int
    kind: Literal["place", "modify", "exercise"]
    revision: int = 0
    account: str = ""
    con_id: int | None = None
    symbol: str = ""
    contract: Mapping[str, Any] = attrs.field(hash=False, repr=False)
    order: Mapping[str, Any] = attrs.field(hash=False, repr=False)
    token: str = ""
    tag: str = ""
    origin: str = ""
    purpose: str = ""
    verdict: RiskVerdict | None = None
    quote: QuoteSeen | None = None
    config: str = ""


@attrs.frozen(kw_only=True)
class OrderStep(OrderFact):
    """Something about one order is different now; the steps of an order, in order, are its state.

    Attributes:
        order_id: The id within its client id; 0 for one that was placed by hand.
        client_id: Whose order it is.
        perm_id: IB's permanent id, once known.
        source: What brought it: a callback of IB's, or an input of ours (``sent``, ``refused``).
        changes: The fields that are different, each with its value now.
    """

    order_id: int
    client_id: int
    perm_id: int | None = None
    source: str = ""
    changes: Mapping[str, Any] = attrs.field(hash=False)


@attrs.frozen(kw_only=True)
class IdentityBroken(OrderFact):
    """One intent is seen live under two permanent ids: what was meant once may work twice.

    Attributes:
        order_id: The id within its client id.
        client_id: Whose order it is.
        token: The intent's token.
        perm_ids: The permanent ids, the first known first.
    """

    order_id: int
    client_id: int
    token: str
    perm_ids: tuple[int, ...]


@attrs.frozen(kw_only=True)
class SessionBegan(Fact):
    """A session with a gateway stands, as the journal numbers it.

    Attributes:
        host: Where the gateway is.
        port: Its port.
        client_id: Ours.
        epoch: Which session of this process it is, counted from 1.
        server_version: What the gateway speaks.
        mode: ``paper`` or ``live``.
        accounts: The accounts of the login.
        next_id: The gateway's nextValidId.
        floor: The lowest order id that is unused as far as the journal knows.
        program: What runs, in short.
        pid: Its process id.
    """

    host: str
    port: int
    client_id: int
    epoch: int
    server_version: int = 0
    mode: str
    accounts: tuple[str, ...] = ()
    next_id: int | None = None
    floor: int | None = None
    program: str = ""
    pid: int = 0


@attrs.frozen(kw_only=True)
class ConfigTaken(Fact):
    """The settings in force from now on, without secrets.

    Attributes:
        digest: A hash of them; intents name it.
        settings: Section and key to value, as text.
    """

    digest: str
    settings: Mapping[str, str] = attrs.field(hash=False)
