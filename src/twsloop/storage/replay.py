"""The orders as the journal tells them: facts put one upon the other. Pure.

What an order is now is what its steps said of it, the latest of each field, with the executions and
commissions that were told (`twsloop.events.OrderStep`). So a journal that is read from its start
gives the same orders that the program had, whoever reads it and how often.

* An entry is counted once: with its number, what was read before is passed over.
* An order is found as the program finds it: by its permanent id, or by its id within its client,
  and the token that we wrote into its reference tells two orders apart that had the same id (a
  gateway that forgot which ids it had used).
* After a restart a program tells anew what it hears of an order. What only the first one knew (who
  made the order, and why) stays.
* An intent comes before the order's first byte. If nothing comes after it, nobody knows whether the
  order left: `OrderState.uncertain`.
* Executions and commissions repeat, come in any order, and are corrected: the newest version of
  each execution counts, with the commission of just that version. One that no order is known for
  waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    IdentityBroken,
    OrderCreated,
    OrderEvent,
    OrderIntent,
    OrderStep,
    RiskVerdict,
)
from twsloop.events.execution_ids import correction_of, execution_base

from .order_state import CREATED, OrderState

__all__ = ["Replay", "replay"]

#: What a step says that the socket has taken the order.
SENT = "sent"
#: How the fields of a step are kept, where not as they are; what is not here is in `told` alone.
_TEXTS = frozenset({"status", "ib_status", "reason", "account", "symbol"})
_FLAGS = frozenset({"own", "acknowledged", "abandoned", "cancel_asked", "changing"})
_AS_THEY_ARE = _TEXTS | _FLAGS | {"parent_id", "error_code", "contract", "order"}
_NUMBERS = frozenset({"quantity", "remaining", "average_price"})
#: Who made an order, and why: a later process does not know it, so the first word counts.
_FIRST_WORD = frozenset({"tag", "token", "origin", "purpose"})


class Replay:
    """Orders, executions and commissions out of facts, in the order in which they were written."""

    def __init__(self) -> None:
        self._orders: list[OrderState] = []
        self._by_id: dict[tuple[int, int], OrderState] = {}
        self._by_perm: dict[int, OrderState] = {}
        #: The newest version of each execution, by the part of its id that a correction keeps.
        self._fills: dict[str, tuple[Fill, OrderState | None]] = {}
        #: The executions whose id was given again to another one.
        self._earlier: list[Fill] = []
        #: The executions that no order is known for.
        self._strays: list[Fill] = []
        self._commissions: dict[str, CommissionReported] = {}
        self._number = 0

    # ---- what is known -------------------------------------------------------------------

    @property
    def orders(self) -> tuple[OrderState, ...]:
        """All, in the order in which they were first told of."""
        return tuple(self._orders)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Every execution in its latest version, in the order in which they became known."""
        return (*self._earlier, *(fill for fill, _ in self._fills.values()))

    @property
    def strays(self) -> tuple[Fill, ...]:
        """The executions that no order is known for."""
        return tuple(self._strays)

    @property
    def commissions(self) -> tuple[CommissionReported, ...]:
        """Every commission report, also those whose execution was not told yet."""
        return tuple(self._commissions.values())

    def commission_of(self, exec_id: str) -> CommissionReported | None:
        """What an execution cost, if that was told."""
        return self._commissions.get(exec_id)

    def find(self, client_id: int, order_id: int, perm_id: int | None = None) -> OrderState | None:
        """An order by its permanent id, or by its id within its client.

        A client's ids can begin anew: what is told of another permanent id than that of an order
        which is over, is told of another order. So can permanent ids, at a paper gateway that is
        started again: one that is told with the id of an order that had none yet is this order's.
        """
        named = self._by_perm.get(perm_id) if perm_id else None
        found = self._by_id.get((client_id, order_id)) if order_id else None
        if named is not None and found is not None and named.order_id != order_id:
            named = found if named.final or not found.perm_id else named
        if named is None and found is not None and found.final and perm_id:
            return found if found.perm_id in {None, perm_id} else None
        return named or found

    # ---- what was written ----------------------------------------------------------------

    def apply(self, fact: Fact, number: int | None = None) -> OrderState | None:
        """Take the next fact.

        Args:
            fact: What was written; other kinds than those of orders and executions say nothing.
            number: Which entry of the journal it is, counted up. One that was read is passed over.

        Returns:
            The order that it told of, if any.
        """
        if number is not None:
            if number <= self._number:
                return None
            self._number = number
        match fact:
            case OrderStep():
                return self._step(fact)
            case OrderIntent():
                return self._intend(fact)
            case Fill():
                return self._execute(fact)
            case CommissionReported():
                return self._pay(fact)
            case OrderEvent():
                return self._tell(fact)
            case RiskVerdict():
                return self._refuse(fact)
            case IdentityBroken():
                return self._alarm(fact)
        return None

    def _intend(self, intent: OrderIntent) -> OrderState:
        new = intent.kind != "modify" and intent.revision == 0
        state = self._of(intent, token=intent.token, new=new)
        state.epoch = intent.epoch if state.epoch is None else state.epoch
        for name in _FIRST_WORD:
            _first_word(state, name, getattr(intent, name))
        if state.revision is None or intent.revision >= state.revision:
            state.revision, state.allowed = intent.revision, intent.verdict
            state.meant = intent.order
        if not state.told:
            state.contract, state.order = intent.contract, intent.order
            state.quantity = _number(intent.order.get("totalQuantity"))
            state.account, state.symbol = intent.account, intent.symbol
        state.con_id = intent.con_id or state.con_id
        return state

    def _step(self, step: OrderStep) -> OrderState:
        token = step.changes.get("token") or ""
        new = step.changes.get("status") == CREATED
        state = self._of(step, step.perm_id, token=token, new=new)
        self._name(state, step.perm_id)
        if step.order_id and not state.order_id:  # it was placed by hand, and is a client's now
            state.client_id, state.order_id = step.client_id, step.order_id
            self._by_id[step.client_id, step.order_id] = state
        state.told.update(step.changes)
        for name, value in step.changes.items():
            if name == "filled":
                state.filled = _number(value) or Decimal(0)
            elif name in _NUMBERS:
                setattr(state, name, _number(value))
            elif name in _AS_THEY_ARE:
                setattr(state, name, value)
            elif name in _FIRST_WORD:
                _first_word(state, name, value or "")
        state.con_id = state.contract.get("conId") or state.con_id
        if step.source == SENT and state.sent_at is None:
            state.sent_at = step.time
        if state.acknowledged and state.answered_at is None:
            state.answered_at = step.time
        if not state.final:
            state.ended_at = None
        elif state.ended_at is None:
            state.ended_at = step.time
        if state.acknowledged:  # what was executed before it was made is not its own
            self._adopt(state)
        return state

    def _tell(self, event: OrderEvent) -> OrderState:
        """Where no step has told of an order, its events do."""
        state = self._of(event, event.perm_id)
        self._name(state, event.perm_id)
        if isinstance(event, OrderCreated):  # its intent is written first
            state.created_at = min(state.created_at, event.time)
        if state.told:
            return state
        # Of a new order the reason is why the program placed it.
        new = isinstance(event, OrderCreated)
        _first_word(state, "purpose", event.reason if new else "")
        state.status, state.reason = event.status, "" if new else event.reason
        state.quantity, state.filled, state.remaining = (
            event.quantity or None,
            event.filled,
            event.remaining,
        )
        state.average_price, state.symbol = event.average_price, event.symbol
        state.account, state.con_id = event.account, event.con_id or state.con_id
        state.contract = state.contract or ({"conId": event.con_id} if event.con_id else {})
        state.order = state.order or _order_of(event)
        _first_word(state, "tag", event.tag)
        _first_word(state, "origin", event.origin)
        if state.final and state.ended_at is None:
            state.ended_at = event.time
        self._adopt(state)
        return state

    def _refuse(self, verdict: RiskVerdict) -> OrderState | None:
        """A verdict by itself is one that refused an order."""
        state = self.find(verdict.client_id, verdict.order_id)
        if state is not None:
            state.allowed = verdict
        return state

    def _alarm(self, broken: IdentityBroken) -> OrderState:
        state = self._of(broken)
        for perm_id in broken.perm_ids:
            self._name(state, perm_id)
        return state

    def _execute(self, fill: Fill) -> OrderState | None:
        base = execution_base(fill.exec_id)
        kept, state = self._fills.get(base, (None, None))
        if kept is not None and _is_another_execution(kept, fill):
            self._earlier.append(kept)
            self._commissions.pop(fill.exec_id, None)
            kept = state = None
        state = state or self.find(fill.client_id, fill.order_id, fill.perm_id)
        if kept is not None and correction_of(kept.exec_id) >= correction_of(fill.exec_id):
            return state
        if kept in self._strays:
            self._strays.remove(kept)
        self._fills[base] = fill, state
        if state is None:
            self._strays.append(fill)
        else:
            self._join(fill, state)
        return state

    def _pay(self, report: CommissionReported) -> OrderState | None:
        self._commissions[report.exec_id] = report
        fill, state = self._fills.get(execution_base(report.exec_id), (None, None))
        if state is not None and fill is not None and fill.exec_id == report.exec_id:
            state.commissions[report.exec_id] = report
        return state

    # ---- inside --------------------------------------------------------------------------

    def _of(
        self,
        fact: OrderIntent | OrderStep | OrderEvent | IdentityBroken,
        perm_id: int | None = None,
        *,
        token: str = "",
        new: bool = False,
    ) -> OrderState:
        """The order that a fact is about; a new one if none is known.

        Args:
            fact: What tells of it.
            perm_id: Its permanent id, if the fact has it.
            token: Ours, if the fact has it.
            new: The fact tells of an order that did not leave yet.
        """
        state = self.find(fact.client_id, fact.order_id, perm_id)
        ids = fact.client_id, fact.order_id
        if state is not None and (
            _is_another(state, token, new=new)
            # A step names its order; only one that was placed by hand gets another id.
            or (state.order_id and fact.order_id and (state.client_id, state.order_id) != ids)
        ):
            state = None
        if state is None:
            state = OrderState(
                order_id=fact.order_id,
                client_id=fact.client_id,
                created_at=fact.time,
                updated_at=fact.time,
            )
            self._orders.append(state)
            if fact.order_id:
                self._by_id[fact.client_id, fact.order_id] = state
        state.updated_at = fact.time
        return state

    def _name(self, state: OrderState, perm_id: int | None) -> None:
        """Its permanent id is told."""
        if not perm_id:
            return
        state.perm_id = perm_id
        self._by_perm[perm_id] = state
        if perm_id not in state.perm_ids:
            state.perm_ids = (*state.perm_ids, perm_id)

    def _adopt(self, state: OrderState) -> None:
        """Give an order the executions that were told before it was."""
        for fill in self.strays:
            if self.find(fill.client_id, fill.order_id, fill.perm_id) is state:
                self._join(fill, state)

    def _join(self, fill: Fill, state: OrderState) -> None:
        """An execution and its order have met."""
        base = execution_base(fill.exec_id)
        if fill in self._strays:
            self._strays.remove(fill)
        if self._fills[base][0] is fill:
            self._fills[base] = fill, state
        self._name(state, fill.perm_id)
        earlier = state.fills.get(base)
        if earlier is not None:
            state.commissions.pop(earlier.exec_id, None)
        state.fills[base] = fill
        paid = self._commissions.get(fill.exec_id)
        if paid is not None:
            state.commissions[fill.exec_id] = paid


def replay(facts: Iterable[Fact]) -> Replay:
    """The orders of a whole journal, its facts in the order in which they were written."""
    made = Replay()
    for fact in facts:
        made.apply(fact)
    return made


def _is_another(state: OrderState, token: str, *, new: bool) -> bool:
    """Whether what is told is not about an order that had the same id."""
    if token and state.token:
        return token != state.token
    return new and state.final


def _is_another_execution(known: Fill, fill: Fill) -> bool:
    """Whether an id is that of another execution: a paper gateway counts anew when it starts."""
    if known.exec_id != fill.exec_id or known.executed_at == fill.executed_at:
        return False
    return bool(known.executed_at and fill.executed_at)


def _first_word(state: OrderState, name: str, value: str) -> None:
    if value and not getattr(state, name):
        setattr(state, name, value)


def _order_of(event: OrderEvent) -> dict[str, Any]:
    """What an event says of its order, under IB's names: the process died before it said more."""
    fields = {
        "action": event.action,
        "orderType": event.order_type,
        "totalQuantity": format(event.quantity, "f"),
        "account": event.account,
    }
    prices = {"lmtPrice": event.limit_price, "auxPrice": event.stop_price}
    return fields | {name: float(price) for name, price in prices.items() if price is not None}


def _number(value: Any) -> Decimal | None:
    """A number as a step writes it."""
    return None if value is None else Decimal(str(value))
