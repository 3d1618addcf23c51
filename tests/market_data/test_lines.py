"""Who shares a market data line, and when it closes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from twsloop.clock import ManualClock
from twsloop.contracts import stock
from twsloop.market_data.lines import Line, LineLedger, line_key
from twsloop.market_data.state import Ticker


def test_the_same_contract_is_the_same_line() -> None:
    assert line_key(stock("AAPL")) == line_key(stock("AAPL"))
    assert line_key(stock("AAPL"), "233,236") == line_key(stock("AAPL"), " 236, 233")


def test_different_contracts_are_different_lines() -> None:
    assert line_key(stock("AAPL")) != line_key(stock("AAPL", "ARCA"))


def test_generic_ticks_make_another_line() -> None:
    assert line_key(stock("AAPL"), "233") != line_key(stock("AAPL"))


def line(symbol: str = "AAPL", *, shared: bool = True) -> Line:
    contract = stock(symbol)
    key = line_key(contract) if shared else None
    return Line(key, Ticker(contract, symbol, ManualClock()))


def test_first_holder_opens_and_last_one_closes() -> None:
    ledger = LineLedger()
    apple = line()
    assert ledger.hold(apple, "a")
    assert ledger.find(apple.key) is apple
    assert not ledger.hold(apple, "b")
    assert not ledger.release(apple, "a")
    assert not ledger.release(apple, "a")  # once is enough
    assert ledger.release(apple, "b")
    assert ledger.find(apple.key) is None
    assert len(ledger) == 0


def test_a_line_changes_its_id_with_each_session() -> None:
    ledger = LineLedger()
    apple = line()
    ledger.hold(apple, "a")
    assert ledger.assign(apple, 7) is None
    assert ledger.by_id(7) is apple
    assert ledger.assign(apple, 9) == 7
    assert ledger.by_id(7) is None
    assert ledger.by_id(9) is apple
    assert ledger.assign(apple, None) == 9
    assert ledger.by_id(9) is None


def test_a_snapshot_is_never_shared() -> None:
    ledger = LineLedger()
    ledger.hold(line(shared=False), "a")
    ledger.hold(line(shared=False), "a")
    assert len(ledger) == 2


def test_a_closed_line_does_not_take_its_successor_along() -> None:
    ledger = LineLedger()
    old, new = line(), line()
    ledger.hold(old, "a")
    ledger.close(old)
    ledger.hold(new, "a")
    ledger.close(old)
    assert ledger.find(new.key) is new


def test_lines_are_found_by_their_instrument() -> None:
    ledger = LineLedger()
    plain, more, snapshot = line(), line(), line(shared=False)
    more.key = line_key(stock("AAPL"), "233")
    for number, one in enumerate((plain, more, snapshot)):
        ledger.hold(one, number)
    assert ledger.of(plain.instrument) == (plain, more, snapshot)
    ledger.close(more)
    assert ledger.of(plain.instrument) == (plain, snapshot)
    ledger.close(plain)
    ledger.close(snapshot)
    assert ledger.of(plain.instrument) == ()


def test_a_line_that_is_not_shared_any_more_is_kept_by_its_holders() -> None:
    ledger = LineLedger()
    old, new = line(), line()
    ledger.hold(old, "a")
    ledger.unshare(old)
    assert ledger.find(old.key) is None
    assert old in ledger
    ledger.hold(new, "b")
    ledger.unshare(old)
    assert ledger.find(old.key) is new


def test_a_line_says_what_it_is() -> None:
    ticker = Ticker(stock("AAPL"), "AAPL", ManualClock())
    assert Line(None, ticker).words == "quotes of AAPL"
    assert Line(None, ticker, snapshot=True).words == "snapshot of AAPL"
    assert Line(None, ticker, snapshot=True, regulatory=True).words == (
        "regulatory snapshot of AAPL"
    )


class Sharing(RuleBasedStateMachine):
    """Holders come and go in any order, against the plainest model there is."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = LineLedger()
        self.model: dict[str, set[int]] = {}
        self.ids: dict[str, int] = {}
        self.next_id = 1

    @rule(symbol=st.sampled_from("ABC"), holder=st.integers(0, 4))
    def come(self, symbol: str, holder: int) -> None:
        found = self.ledger.find(line_key(stock(symbol))) or line(symbol)
        fresh = self.ledger.hold(found, holder)
        assert fresh is not bool(self.model.get(symbol))
        self.model.setdefault(symbol, set()).add(holder)
        if fresh:
            self.ledger.assign(found, self.next_id)
            self.ids[symbol] = self.next_id
            self.next_id += 1

    @rule(symbol=st.sampled_from("ABC"), holder=st.integers(0, 4))
    def go(self, symbol: str, holder: int) -> None:
        found = self.ledger.find(line_key(stock(symbol)))
        held = self.model.get(symbol, set())
        if found is None:
            assert not held
            return
        last = self.ledger.release(found, holder)
        assert last is (held == {holder})
        held.discard(holder)
        if last:
            del self.ids[symbol]

    @invariant()
    def lines_are_those_with_holders(self) -> None:
        open_now = {line.ticker.symbol for line in self.ledger}
        assert open_now == {symbol for symbol, held in self.model.items() if held}
        for symbol, req_id in self.ids.items():
            found = self.ledger.by_id(req_id)
            assert found is not None
            assert found.ticker.symbol == symbol
            assert set(found.holders) == self.model[symbol]


Sharing.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestSharing = Sharing.TestCase
