"""May this order leave? The one place that says so, asked for every order from every surface.

Pure but for the override file of live trading, whose existence is looked up at each order.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import attrs

from twsloop.config import Config, check_accounts, check_live_gates
from twsloop.errors import LiveTradingBlocked
from twsloop.session.roles import Role

__all__ = ["Answer", "Situation", "Verdict", "judge"]


class Answer(Enum):
    """What to do with an order."""

    SEND = "send"
    HOLD = "hold"
    """The session is not there yet (accounts, open orders): wait for it."""
    REFUSE = "refuse"
    SIMULATE = "simulate"


@attrs.frozen
class Verdict:
    """The answer, with its reason where it is not SEND."""

    answer: Answer
    reason: str = ""


@attrs.frozen
class Situation:
    """What the gate looks at.

    Attributes:
        connected: There is a session to send in.
        session: Its state, in words.
        fetching: Open, completed and executed orders, or what limits need, are being fetched.
        orders_known: They have been, or nobody asked for them (IB's own start).
        reason: Why they are not known.
        accounts: The accounts of the session.
        named: The gateway has said in this session which accounts it serves.
        queued: How many orders wait to be let go, or to be written, already.
        window: The planned reset or restart that it is in, in words, if that refuses orders.
        behind: Who is behind with reports about orders, in words.
        read_only: The gateway has said that it takes no orders, in words.
    """

    connected: bool
    session: str
    fetching: bool
    orders_known: bool
    reason: str
    accounts: Sequence[str]
    named: bool = True
    queued: int = 0
    window: str = ""
    behind: str = ""
    read_only: str = ""


def judge(config: Config, situation: Situation, account: str) -> Verdict:
    """Judge one order, new or modified.

    Args:
        config: The settings.
        situation: The session.
        account: The account that the order names; empty for the login's only one.
    """
    role = Role(config.session.role)
    if not role.sends_orders or config.reconcile.dry_run:
        dry = "this is a dry run: no order leaves ([reconcile] dry_run)"
        return Verdict(Answer.REFUSE, dry if role.sends_orders else role.why_no_orders)
    if not config.orders_enabled:
        return Verdict(Answer.SIMULATE, "orders are disabled ([orders] enabled)")
    if not situation.connected:
        return Verdict(Answer.REFUSE, f"not connected (the session is {situation.session})")
    if situation.window:
        # A change as well: whether it is in force after the restart, nobody could tell.
        return Verdict(Answer.REFUSE, f"no orders in {situation.window} ([calendar] refuse_orders)")
    if not situation.named:
        # Whether this is a paper login is not known yet: what left now might be live.
        return Verdict(Answer.HOLD, "the gateway has not named its accounts yet")
    try:
        check_live_gates(config)
        check_accounts(config, (account,) if account else situation.accounts)
    except LiveTradingBlocked as error:
        return Verdict(Answer.REFUSE, error.problem)
    if not situation.accounts:
        return Verdict(Answer.REFUSE, "the gateway named no account")
    if account and account not in situation.accounts:
        return Verdict(Answer.REFUSE, "the order names an account that this login does not have")
    if situation.fetching:
        return Verdict(Answer.HOLD, "the open orders, or what limits need, are being fetched")
    unknown = f"the open orders are not known: {situation.reason}"
    blind = situation.read_only or ("" if situation.orders_known else unknown)
    if blind:
        return Verdict(Answer.REFUSE, blind)
    if situation.behind:
        # A program that has not heard of its fills must not place the next order by them.
        return Verdict(Answer.REFUSE, situation.behind)
    if situation.queued >= config.pacing.queue_limit:
        return Verdict(
            Answer.REFUSE,
            f"{situation.queued} orders wait already ([pacing] queue_limit): the gateway "
            "does not read, or orders come faster than the pacing allows",
        )
    return Verdict(Answer.SEND)
