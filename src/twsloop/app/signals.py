"""`SignalSource`: predictions of the flow service become proposals, and accepted ones orders.

::

    def decide(proposal):
        return proposal.confidence > 0.6          # True: as proposed; or a quantity, an Order...

    with IBGateway(config) as gw, ApiClient() as client:
        with SignalSource(gw, client, ["SPY", "QQQ"], decide) as source:
            ...

Each ticker is asked for every ``interval`` seconds by a task of its own on the gateway's loop
thread, timed by the gateway's clock; a ticker that fails is asked for less and less often, and
keeps no other one waiting. An `AsyncApiClient` is awaited on that loop; the calls of an `ApiClient`
are made in a thread beside it, so that nothing ever blocks the loop. `twsloop.app.proposals` says
which prediction is proposed, and what the callback's answer means. Proposals are made one at a
time, also those of different tickers: a callback that looks at positions before it accepts sees
those of the last acceptance. It has until the prediction expires; then the next one comes.

An accepted proposal goes through `IBGateway.place_order`, like any order: whether it may leave is
for the gateway's own gates to say. A prediction is proposed once in the life of a source. A program
that starts again within ``max_age`` passes ``since``, or finds its own orders by their `Trade.tag`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from api_client import (
    ApiClient,
    ApiClosedError,
    ApiParameterError,
    ApiRateWaitError,
    AsyncApiClient,
    PredictionAnswer,
    RateLimitError,
)
from twsloop.contracts import symbol_of
from twsloop.errors import LoopNotRunning
from twsloop.orders.checks import describe
from twsloop.processors import Deliver, Place
from twsloop.session.backoff import Backoff

from .callbacks import Callbacks
from .proposals import (
    Outcome,
    Proposal,
    Rejection,
    SignalRules,
    judge,
    order_for,
    seen_before,
    worth,
)

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway
    from twsloop.orders.trade import Trade

__all__ = ["Outcome", "Proposal", "SignalReport", "SignalRules", "SignalSource", "worth"]

logger = logging.getLogger(__name__)

#: A proposal in; the answer out, at once or awaited. See `twsloop.app.proposals.order_for`.
OnProposal = Callable[[Proposal], Any]
OnReport = Callable[["SignalReport"], object]

#: The daily bread; the other outcomes are warnings in the log.
_QUIET = frozenset(
    {Outcome.ACCEPTED, Outcome.DECLINED, Outcome.HOLD, Outcome.UNSURE, Outcome.STALE}
)


@attrs.frozen(kw_only=True)
class SignalReport:
    """What became of one prediction, or of one question for it.

    Attributes:
        time: When, by the gateway's clock.
        ticker: What was asked for.
        outcome: What became of it.
        reason: The same in words.
        prediction: What the service gave; None if it gave nothing.
        proposal: What the callback was shown.
        trade: The order's handle; its ``done`` says how it ends.
        error: What was raised.
        failures: How many questions for this ticker have failed in a row.
        next_in: Seconds until the next question, where that is not the interval.
    """

    time: datetime
    ticker: str
    outcome: Outcome
    reason: str
    prediction: Any = attrs.field(default=None, repr=False)
    proposal: Proposal | None = None
    trade: Trade | None = None
    error: BaseException | None = None
    failures: int = 0
    next_in: float | None = None


class SignalSource:
    """Asks for predictions, proposes the new ones, and places what is accepted.

    Args:
        gateway: Where orders go; started. Its loop and clock are used.
        client: An `ApiClient` (it stays yours: close it after the source), or an `AsyncApiClient`,
            which then belongs to the gateway's loop, and is closed with the source.
        tickers: What to ask for.
        on_proposal: Called with each `Proposal`; a function or a coroutine function. Its answer:
            True, a quantity, a changed proposal or IB's Order accept; None and False decline.
        rules: How often, how old, how sure, how much.
        on_report: Called with each `SignalReport`, in order.
        where: Where the two callbacks run: None for the loop thread (they must not block there),
            an executor, or an asyncio loop.

    Raises:
        ValueError: No tickers.
        TypeError: A coroutine function for an executor; a `Deliver`, since nothing queues here.
    """

    def __init__(
        self,
        gateway: IBGateway,
        client: ApiClient | AsyncApiClient,
        tickers: Iterable[str],
        on_proposal: OnProposal,
        *,
        rules: SignalRules | None = None,
        on_report: OnReport | None = None,
        where: Place | None = None,
    ) -> None:
        names = [tickers] if isinstance(tickers, str) else tickers
        self.tickers = tuple(dict.fromkeys(name.strip().upper() for name in names))
        if not all(self.tickers) or not self.tickers:
            msg = "a SignalSource needs tickers"
            raise ValueError(msg)
        if isinstance(where, Deliver):
            msg = "a SignalSource waits for each decision: give where= the executor or loop itself"
            raise TypeError(msg)
        self.rules = rules if rules is not None else SignalRules()
        self._gateway = gateway
        # A user's subclass may hide any other name of ours behind one of its own.
        self._loop = gateway._tws.event_loop  # noqa: SLF001
        self._callbacks = Callbacks(self._loop, where)
        for callback in (on_proposal, on_report):
            self._callbacks.check(callback)
        self._client = client
        self._on_proposal = on_proposal
        self._on_report = on_report
        self._backoff = Backoff(
            first=2 * self.rules.interval,
            cap=max(self.rules.max_backoff, 2 * self.rules.interval),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._deciding = asyncio.Lock()
        self._last: dict[str, Any] = {}
        self._told_future: dict[str, Any] = {}
        self._trades: list[Trade] = []
        self._counts: Counter[Outcome] = Counter()
        self._state = threading.Lock()
        self._started = False
        self._over = False

    # ---- life ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to ask; returns at once. Starting twice does nothing more.

        Raises:
            LoopNotRunning: The gateway is not started.
            RuntimeError: It was stopped; make another one.
        """
        with self._state:
            if self._over:
                msg = "this SignalSource was stopped; make another one"
                raise RuntimeError(msg)
            if self._started:
                return
            self._loop.post(self._begin)
            self._started = True
        self._loop.at_stop(self._end)

    def stop(self) -> None:
        """Ask no more; orders that were placed stay. Returns when the last question is over.

        On the gateway's loop thread it asks for the end and returns. Stopping twice does nothing.
        """
        with self._state:
            self._over = True
        try:
            if self._loop.in_loop():
                self._loop.spawn(self._end(), name="the end of a SignalSource")
            else:
                self._loop.call(self._end)
        except LoopNotRunning:
            pass  # the loop has ended, and all of this with it

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start."""
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, without blocking the loop that awaits it."""
        await asyncio.to_thread(self.stop)

    @property
    def running(self) -> bool:
        """Whether any ticker is asked for."""
        return self._started and not self._over and any(not task.done() for task in self._tasks)

    @property
    def trades(self) -> tuple[Trade, ...]:
        """The orders that came of it, in their order."""
        return tuple(self._trades)

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How often each outcome came."""
        return MappingProxyType(dict(self._counts))

    def __repr__(self) -> str:
        """Its tickers, and whether it runs."""
        state = "running" if self.running else "not running"
        return f"<SignalSource {', '.join(self.tickers)}: {state}>"

    def _begin(self) -> None:
        if not self._over:
            self._tasks = [
                self._loop.spawn(self._watch(ticker), name=f"predictions of {ticker}")
                for ticker in self.tickers
            ]

    async def _end(self) -> None:
        self._over = True
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        # Not gather: stop() may come from inside one of them, which cannot wait for itself.
        others = [task for task in tasks if task is not asyncio.current_task()]
        if others:
            await asyncio.wait(others)
        if isinstance(self._client, AsyncApiClient):
            await self._client.close()

    # ---- asking --------------------------------------------------------------------------

    async def _watch(self, ticker: str) -> None:
        failures = 0
        while True:
            wait = self.rules.interval
            try:
                answer = await self._ask_service(ticker)
            except (ApiClosedError, ApiParameterError) as error:
                self._report(ticker, Outcome.ENDED, str(error), error=error)
                return
            except Exception as error:  # noqa: BLE001  (whatever it is, the next answer may be good)
                failures += 1
                wait = self._wait_after(error, failures)
                self._report(
                    ticker,
                    Outcome.NO_ANSWER,
                    str(error) or type(error).__name__,
                    error=error,
                    failures=failures,
                    next_in=wait,
                )
            else:
                failures = 0
                if answer.prediction is not None:
                    await self._consider(ticker, answer.prediction)
            await self._loop.clock.sleep(wait)

    async def _ask_service(self, ticker: str) -> PredictionAnswer:
        default_only = self.rules.use_default_only
        if isinstance(self._client, AsyncApiClient):
            return await self._client.prediction.latest(ticker, use_default_only=default_only)
        endpoint = self._client.prediction
        return await _beside(lambda: endpoint.latest(ticker, use_default_only=default_only))

    def _wait_after(self, error: BaseException, failures: int) -> float:
        """Longer with each failure, and never shorter than the service asks for."""
        least = self.rules.interval
        if isinstance(error, RateLimitError):
            least = max(least, error.reset or 0.0)
        elif isinstance(error, ApiRateWaitError):
            least = max(least, error.wait)
        return max(least, self._backoff.delay(failures, self.rules.chance()))

    # ---- deciding ------------------------------------------------------------------------

    async def _consider(self, ticker: str, prediction: Any) -> None:
        if seen_before(prediction, self._last.get(ticker)):
            return
        async with self._deciding:
            try:
                found = judge(prediction, ticker, self.rules, self._loop.clock.now())
            except Exception as error:  # noqa: BLE001  (the user's quantity rule; reported)
                self._last[ticker] = prediction
                self._failed("the quantity rule", ticker, prediction, None, error)
                return
            if isinstance(found, Rejection) and found.outcome is Outcome.FUTURE:
                # Not taken as seen: it may be right, and only early by our clock.
                if self._told_future.get(ticker) != prediction:
                    self._told_future[ticker] = prediction
                    self._report(ticker, found.outcome, found.reason, prediction=prediction)
                return
            self._last[ticker] = prediction
            if isinstance(found, Rejection):
                self._report(ticker, found.outcome, found.reason, prediction=prediction)
            else:
                await self._propose(found)

    async def _propose(self, proposal: Proposal) -> None:
        ticker, prediction = proposal.ticker, proposal.prediction
        try:
            in_time, answer = await self._answer_in_time(proposal)
            wanted = order_for(proposal, answer) if in_time else None
        except Exception as error:  # noqa: BLE001  (the user's callback; reported, never fatal)
            self._failed("on_proposal", ticker, prediction, proposal, error)
            return
        more = {"prediction": prediction, "proposal": proposal}
        if not in_time:
            self._report(ticker, Outcome.LATE, "no answer before it expired", **more)
        elif wanted is None:
            self._report(ticker, Outcome.DECLINED, "the callback declined", **more)
        elif self._loop.clock.now() > proposal.expires:
            self._report(ticker, Outcome.LATE, "accepted after it expired", **more)
        else:
            try:
                trade = self._gateway.place_order(*wanted)
            except Exception as error:  # noqa: BLE001  (what the user made of it cannot be placed)
                self._report(ticker, Outcome.REFUSED, str(error), error=error, **more)
                return
            self._trades.append(trade)
            words = f"order {trade.order_id}: {describe(trade.order)} {symbol_of(trade.contract)}"
            self._report(ticker, Outcome.ACCEPTED, words, trade=trade, **more)

    async def _answer_in_time(self, proposal: Proposal) -> tuple[bool, Any]:
        """Whether the callback answered before the proposal expired, and what."""
        loop = asyncio.get_running_loop()
        work = loop.create_task(self._callbacks.ask(self._on_proposal, proposal))
        expired: asyncio.Future[None] = loop.create_future()
        clock = self._loop.clock
        left = (proposal.expires - clock.now()).total_seconds()
        timer = clock.call_later(max(left, 0.0), expired.cancel)
        try:
            await asyncio.wait({work, expired}, return_when=asyncio.FIRST_COMPLETED)
            return (True, work.result()) if work.done() else (False, None)
        finally:
            timer.cancel()
            expired.cancel()
            if not work.done():
                work.cancel()  # not waited for: a callback that ignores it would keep us here
                work.add_done_callback(_forget)

    # ---- what became of it ---------------------------------------------------------------

    def _report(self, ticker: str, outcome: Outcome, reason: str, **more: Any) -> None:
        self._counts[outcome] += 1
        level = logging.INFO if outcome in _QUIET else logging.WARNING
        logger.log(level, "prediction of %s %s: %s", ticker, outcome, reason)
        if self._on_report is None:
            return
        report = SignalReport(
            time=self._loop.clock.now(), ticker=ticker, outcome=outcome, reason=reason, **more
        )
        self._callbacks.tell("on_report", self._on_report, report)

    def _failed(
        self,
        name: str,
        ticker: str,
        prediction: Any,
        proposal: Proposal | None,
        error: BaseException,
    ) -> None:
        """The user's own code raised, or gave what is no answer."""
        self._loop.report(name, error)
        self._report(
            ticker,
            Outcome.FAILED,
            f"{name} raised {type(error).__name__}: {error}",
            prediction=prediction,
            proposal=proposal,
            error=error,
        )


async def _beside(work: Callable[[], PredictionAnswer]) -> PredictionAnswer:
    """Do blocking work in a thread of its own, and await it.

    A daemon thread, not an executor's: those are waited for when the program ends, and a question
    that waits for the rate limit may take minutes.
    """
    done: concurrent.futures.Future[PredictionAnswer] = concurrent.futures.Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  (handed to whoever awaits it)
            done.set_exception(error)

    threading.Thread(target=run, name="twsloop-flow", daemon=True).start()
    return await asyncio.wrap_future(done)


def _forget(task: asyncio.Task[Any]) -> None:
    """Take note of an outcome that came too late, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
