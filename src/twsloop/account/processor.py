"""What comes in about accounts: IB's callbacks, read into rows and tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed
from twsloop.wire.values import decimal_or_none

from .rows import AccountProfit, PositionProfit, SummaryRow
from .state import AccountTable, PositionTable, SummaryTable

__all__ = ["POSITIONS", "AccountProcessor", "values_key"]

#: What the one feed of positions is shared by.
POSITIONS = ("positions",)


def values_key(account: str) -> tuple[str, str]:
    """What the feed of an account's updates is shared by."""
    return ("account updates", account)


class AccountProcessor:
    """EWrapper's callbacks about positions, summaries, account updates, and profit.

    Args:
        core: The connection; joins answers to our own requests.
        positions: The live positions.
        account: The live account updates.
    """

    def __init__(self, core: Core, positions: PositionTable, account: AccountTable) -> None:
        self._core = core
        self._positions = positions
        self._account = account
        #: What was reported since the image under way began, or since the last one.
        self._image: set[tuple[str, int]] = set()
        self._imaging = False
        #: Whether a whole image of the positions has ever come.
        self.positions_known = False
        self.downloaded: set[str] = set()

    # ---- positions -----------------------------------------------------------------------

    def position(self, account: str, contract: Any, position: Decimal, avgCost: float) -> None:
        """A position, of an image or changed."""
        core = self._core
        row, fact = self._positions.apply(account, contract, position, avgCost, core.clock.now())
        self._begin_image()
        self._image.add((account, contract.conId))
        if fact is not None:
            core.tell(fact)
        core.answer_part("positions", row)
        self._put(core.streams.keyed(POSITIONS), row, (account, contract.conId))

    def positionEnd(self) -> None:
        """The image of positions is whole."""
        core = self._core
        self._begin_image()  # it may be empty
        image = self.forget_image()
        for fact in self._positions.keep_only(image, core.clock.now()):
            core.tell(fact)
            row = self._positions.find(fact.account, fact.con_id)
            self._put(core.streams.keyed(POSITIONS), row, (fact.account, fact.con_id))
        self.positions_known = True
        core.answer_end("positions")

    def forget_image(self) -> set[tuple[str, int]]:
        """What an image has so far is all of it, or will never be whole."""
        image, self._image, self._imaging = self._image, set(), False
        return image

    def _begin_image(self) -> None:
        """What was reported before an image was asked for says nothing of what is in it."""
        if not self._imaging and "positions" in self._core.asks:
            self._image.clear()
            self._imaging = True

    # ---- summaries -----------------------------------------------------------------------

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """One value of a summary."""
        row = SummaryRow(account, tag, value, currency, decimal_or_none(value))
        self._core.answer_part(reqId, row)
        feed = self._summary(reqId)
        # The gateway sends the image twice, and every three minutes what may have changed.
        if feed is not None and feed.state.apply(row):
            feed.put(row, (account, tag, currency))

    def accountSummaryEnd(self, reqId: int) -> None:
        """The image of a summary is whole."""
        self._core.answer_end(reqId)
        feed = self._summary(reqId)
        if feed is not None:
            feed.imaged()

    # ---- account updates -----------------------------------------------------------------

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:
        """One value of the account updates."""
        row = self._account.apply_value(key, val, currency, accountName)
        self._core.answer_part("account_updates", row)
        self._put(self._core.streams.keyed(values_key(accountName)), row, (key, currency))

    def updatePortfolio(  # noqa: PLR0917  (IB's signature)
        self,
        contract: Any,
        position: Decimal,
        marketPrice: float,
        marketValue: float,
        averageCost: float,
        unrealizedPNL: float,
        realizedPNL: float,
        accountName: str,
    ) -> None:
        """One position of the account updates."""
        row = self._account.apply_item(
            contract,
            account=accountName,
            quantity=position,
            market_price=marketPrice,
            market_value=marketValue,
            average_cost=averageCost,
            unrealized_pnl=unrealizedPNL,
            realized_pnl=realizedPNL,
        )
        self._core.answer_part("account_updates", row)
        self._put(self._core.streams.keyed(values_key(accountName)), row, contract.conId)

    def updateAccountTime(self, timeStamp: str) -> None:
        """When the account updates were made, by the gateway's clock (``HH:MM``)."""
        self._account.updated = timeStamp

    def accountDownloadEnd(self, accountName: str) -> None:
        """The image of an account is whole."""
        self.downloaded.add(accountName)
        self._core.answer_end("account_updates")

    # ---- accounts and models -------------------------------------------------------------

    def positionMulti(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        account: str,
        modelCode: str,
        contract: Any,
        pos: Decimal,
        avgCost: float,
    ) -> None:
        """A position of an account and a model."""
        feed = self._core.streams.feed(reqId, "positionMulti")
        if feed is not None:
            row = feed.state.apply_position(account, modelCode, contract, pos, avgCost)
            feed.put(row, (account, modelCode, contract.conId))

    def positionMultiEnd(self, reqId: int) -> None:
        """The image of those positions is whole."""
        self._imaged(reqId, "positionMultiEnd")

    def accountUpdateMulti(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        account: str,
        modelCode: str,
        key: str,
        value: str,
        currency: str,
    ) -> None:
        """One value of an account and a model."""
        feed = self._core.streams.feed(reqId, "accountUpdateMulti")
        if feed is not None:
            row = feed.state.apply_value(account, modelCode, key, value, currency)
            feed.put(row, (account, modelCode, key, currency))

    def accountUpdateMultiEnd(self, reqId: int) -> None:
        """The image of those values is whole."""
        self._imaged(reqId, "accountUpdateMultiEnd")

    # ---- profit and loss -----------------------------------------------------------------

    def pnl(self, reqId: int, dailyPnL: float, unrealizedPnL: float, realizedPnL: float) -> None:
        """Profit and loss of an account."""
        feed = self._core.streams.feed(reqId, "pnl")
        if feed is not None:
            account, model = feed.state
            feed.put(
                AccountProfit(
                    account,
                    model,
                    daily=decimal_or_none(dailyPnL),
                    unrealized=decimal_or_none(unrealizedPnL),
                    realized=decimal_or_none(realizedPnL),
                    time=self._core.clock.now(),
                )
            )

    def pnlSingle(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        pos: Decimal,
        dailyPnL: float,
        unrealizedPnL: float,
        realizedPnL: float,
        value: float,
    ) -> None:
        """Profit and loss of a position."""
        feed = self._core.streams.feed(reqId, "pnlSingle")
        if feed is not None:
            account, model, con_id = feed.state
            feed.put(
                PositionProfit(
                    account,
                    model,
                    con_id,
                    quantity=decimal_or_none(pos) or Decimal(0),
                    daily=decimal_or_none(dailyPnL),
                    unrealized=decimal_or_none(unrealizedPnL),
                    realized=decimal_or_none(realizedPnL),
                    value=decimal_or_none(value),
                    time=self._core.clock.now(),
                )
            )

    # ---- inside --------------------------------------------------------------------------

    def _summary(self, req_id: int) -> Feed[Any] | None:
        """The summary of that id; its callbacks are heard always."""
        feed = self._core.streams.feed(req_id)
        return feed if feed is not None and isinstance(feed.state, SummaryTable) else None

    def _imaged(self, req_id: int, callback: str) -> None:
        feed = self._core.streams.feed(req_id, callback)
        if feed is not None:
            feed.imaged()

    @staticmethod
    def _put(feed: Feed[Any] | None, row: Any, key: Any) -> None:
        if feed is not None and row is not None:
            feed.put(row, key)
