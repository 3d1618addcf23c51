"""The check before a test may place an order."""

from __future__ import annotations

from collections.abc import Sequence

from twsloop.log import mask_account

__all__ = ["NotPaper", "require_paper_accounts"]


class NotPaper(AssertionError):
    """A test would have placed an order on an account that is not a paper account."""


def require_paper_accounts(accounts: Sequence[str]) -> None:
    """Refuse unless there are accounts, and every one of them starts with DU.

    Raises:
        NotPaper: Names the others, masked.
    """
    others = [mask_account(account) for account in accounts if not account.startswith("DU")]
    if others or not accounts:
        msg = f"no order is placed: not a paper account: {', '.join(others) or 'none told'}"
        raise NotPaper(msg)
