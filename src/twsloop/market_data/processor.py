"""What comes in: IB's tick callbacks, applied to the line's Ticker, then told to its subscribers.

IB's decoder makes two calls of one message for a bid, an ask or a last price: tickPrice, then
tickSize with the size that came along. Both are applied before anyone is told, so that a subscriber
never sees a new price beside the old size; ``Ticker.changed`` then names both fields.
"""

from __future__ import annotations

from collections.abc import Callable

from twsloop.clock import Arrival, Clock
from twsloop.connection.life import Life

from .forms import Ticking
from .lines import Line, LineLedger
from .ticks import EfpTick, Greeks, greek

__all__ = ["TICK_CALLBACKS", "MarketDataProcessor", "greeks_of"]

#: What the slice listens to while it holds a line.
TICK_CALLBACKS = (
    "tickPrice",
    "tickSize",
    "tickString",
    "tickGeneric",
    "tickOptionComputation",
    "tickEFP",
    "tickNews",
    "tickReqParams",
    "tickSnapshotEnd",
    "marketDataType",
    "rerouteMktDataReq",
)
#: ``tickAttrib`` of a computation that is based on returns.
_RETURN_BASED = 0
#: An underlying's price that is none.
_NO_PRICE = -1.0


def greeks_of(  # noqa: PLR0913, PLR0917  (in the order of IB's callback)
    tickAttrib: int,
    impliedVol: float,
    delta: float,
    optPrice: float,
    pvDividend: float,
    gamma: float,
    vega: float,
    theta: float,
    undPrice: float,
) -> Greeks:
    """The arguments of ``tickOptionComputation``, None where IB computed nothing."""
    return Greeks(
        implied_volatility=greek(impliedVol, floor=0.0),
        delta=greek(delta),
        price=greek(optPrice, floor=0.0),
        dividends_present_value=greek(pvDividend, floor=0.0),
        gamma=greek(gamma),
        vega=greek(vega),
        theta=greek(theta),
        # IB's -1 is none; but oil cost less than nothing once.
        underlying_price=None if undPrice == _NO_PRICE else greek(undPrice),
        return_based=tickAttrib == _RETURN_BASED,
    )


class MarketDataProcessor(Ticking):
    """EWrapper's tick callbacks.

    Args:
        ledger: Finds the line of a request id.
        arrival: When what is being handed over came.
        clock: Stamps a tick that did not come over the wire.
        heard: Told of a tick on a line whose life is not live.
        snapshot_end: Told of a snapshot that is complete.
        reroute: Told of a line that is to be asked for as another contract: its id, and exchange.
    """

    def __init__(
        self,
        ledger: LineLedger,
        arrival: Arrival,
        clock: Clock,
        *,
        heard: Callable[[Life], object],
        snapshot_end: Callable[[Line], object],
        reroute: Callable[[Line, int, str], object],
    ) -> None:
        super().__init__(ledger.requested, arrival, clock.monotonic, heard)
        self._by_id = ledger.by_id
        self._snapshot_end = snapshot_end
        self._reroute = reroute

    def tickOptionComputation(  # noqa: PLR0913, PLR0917  (IB's signature)
        self,
        reqId: int,
        tickType: int,
        tickAttrib: int,
        impliedVol: float,
        delta: float,
        optPrice: float,
        pvDividend: float,
        gamma: float,
        vega: float,
        theta: float,
        undPrice: float,
    ) -> None:
        """An option's computed values."""
        line = self._by_id(reqId)
        if line is None:
            return
        greeks = greeks_of(
            tickAttrib, impliedVol, delta, optPrice, pvDividend, gamma, vega, theta, undPrice
        )
        line.ticker.apply_greeks(tickType, greeks, self.now())
        self.tell(line)

    def tickEFP(  # noqa: PLR0913, PLR0917  (IB's signature)
        self,
        reqId: int,
        tickType: int,
        basisPoints: float,
        formattedBasisPoints: str,
        totalDividends: float,
        holdDays: int,
        futureLastTradeDate: str,
        dividendImpact: float,
        dividendsToLastTradeDate: float,
    ) -> None:
        """An exchange for physical. IB's name ``totalDividends`` carries the implied future."""
        line = self._by_id(reqId)
        if line is None:
            return
        efp = EfpTick(
            basis_points=greek(basisPoints),
            formatted_basis_points=formattedBasisPoints,
            implied_future=greek(totalDividends),
            hold_days=holdDays,
            future_last_trade_date=futureLastTradeDate,
            dividend_impact=greek(dividendImpact),
            dividends_to_last_trade_date=greek(dividendsToLastTradeDate),
        )
        line.ticker.apply_efp(tickType, efp, self.now())
        self.tell(line)

    def tickNews(  # noqa: PLR0917  (IB's signature)
        self,
        tickerId: int,
        timeStamp: int,
        providerCode: str,
        articleId: str,
        headline: str,
        extraData: str,
    ) -> None:
        """A headline."""
        line = self._by_id(tickerId)
        if line is not None:
            line.ticker.apply_news(headline, self.now())
            self.tell(line)

    def tickReqParams(
        self, tickerId: int, minTick: float, bboExchange: str, snapshotPermissions: int
    ) -> None:
        """How the line is displayed; no tick."""
        line = self._by_id(tickerId)
        if line is not None:
            line.ticker.apply_params(minTick, bboExchange, snapshotPermissions)

    def marketDataType(self, reqId: int, marketDataType: int) -> None:
        """What kind of data follows; no tick."""
        line = self._by_id(reqId)
        if line is not None:
            line.ticker.apply_type(marketDataType)

    def tickSnapshotEnd(self, reqId: int) -> None:
        """A snapshot is complete."""
        line = self._by_id(reqId)
        if line is not None:
            self._snapshot_end(line)

    def rerouteMktDataReq(self, reqId: int, conId: int, exchange: str) -> None:
        """The quotes of a CFD are those of another contract."""
        line = self._by_id(reqId)
        if line is not None:
            self._reroute(line, conId, exchange)
