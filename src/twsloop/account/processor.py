"""What comes in about accounts: IB's callbacks, read into rows and tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twsloop.connection.core import Core
from twsloop.wire.values import decimal_or_none

from .state import AccountTable, PositionTable, SummaryRow

__all__ = ["AccountProcessor"]


class AccountProcessor:
    """EWrapper's callbacks about positions, summaries and account updates.

    Args:
        core: The connection; joins answers to our own requests.
        positions: The live positions.
        account: The live account updates.
    """

    def __init__(self, core: Core, positions: PositionTable, account: AccountTable) -> None:
        self._core = core
        self._positions = positions
        self._account = account
        self._image: set[tuple[str, int]] = set()
        self.downloaded: set[str] = set()

    def position(self, account: str, contract: Any, position: Decimal, avgCost: float) -> None:
        """A position, of an image or changed."""
        core = self._core
        row, fact = self._positions.apply(account, contract, position, avgCost, core.clock.now())
        self._image.add((account, contract.conId))
        if fact is not None:
            core.tell(fact)
        core.answer_part("positions", row)

    def positionEnd(self) -> None:
        """The image of positions is whole."""
        core = self._core
        image, self._image = self._image, set()
        for fact in self._positions.keep_only(image, core.clock.now()):
            core.tell(fact)
        core.answer_end("positions")

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """One value of a summary."""
        self._core.answer_part(
            reqId, SummaryRow(account, tag, value, currency, decimal_or_none(value))
        )

    def accountSummaryEnd(self, reqId: int) -> None:
        """The image of a summary is whole."""
        self._core.answer_end(reqId)

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:
        """One value of the account updates."""
        row = self._account.apply_value(key, val, currency, accountName)
        self._core.answer_part("account_updates", row)

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

    def updateAccountTime(self, timeStamp: str) -> None:
        """When the account updates were made, by the gateway's clock (``HH:MM``)."""
        self._account.updated = timeStamp

    def accountDownloadEnd(self, accountName: str) -> None:
        """The image of an account is whole."""
        self.downloaded.add(accountName)
        self._core.answer_end("account_updates")
