"""The gates of live trading.

Money can be lost only through all four of them: the mode says live, orders are enabled in so many
words, the override file exists, and the accounts are the ones that were named. `check_live_gates`
runs at start and again at each order; `check_accounts` runs when the gateway has named its
accounts.
"""

from __future__ import annotations

from collections.abc import Iterable

from twsloop.errors import LiveTradingBlocked

from .load import Config

__all__ = ["check_accounts", "check_live_gates", "closed_gates"]

#: The first letter of every paper account (DU single, DF advisor); live ones start with U or F.
PAPER_PREFIX = "D"


def closed_gates(config: Config) -> tuple[str, ...]:
    """Which gates of live trading are closed, each in words; empty when all are open."""
    closed = []
    if config.connection.mode != "live":
        closed.append("[connection] mode is not live")
    if config.orders.enabled is not True:
        closed.append("[orders] enabled is not set to yes")
    override = config.live.override_file
    if override is None:
        closed.append("[live] override_file is not set")
    elif not override.is_file():
        closed.append(f"[live] override_file {override} does not exist")
    prefix = config.live.account_prefix
    if not prefix:
        closed.append("[live] account_prefix is not set")
    elif prefix.upper().startswith(PAPER_PREFIX):
        closed.append("[live] account_prefix names paper accounts")
    return tuple(closed)


def check_live_gates(config: Config) -> None:
    """Let paper mode pass, and live mode only through every gate.

    Raises:
        LiveTradingBlocked: Live mode, and at least one gate is closed; it names them all.
    """
    if config.connection.mode != "live":
        return
    closed = closed_gates(config)
    if closed:
        _block(config, f"live trading is blocked: {'; '.join(closed)}")


def check_accounts(config: Config, accounts: Iterable[str]) -> None:
    """Refuse a gateway whose accounts are not of the kind that was configured.

    A paper configuration that reaches a live gateway (a wrong port is enough) stops here.

    Args:
        config: The settings.
        accounts: What managedAccounts said.

    Raises:
        LiveTradingBlocked: An account that is not a paper account in paper mode, or that does not
            start with ``[live] account_prefix`` in live mode. Account numbers are shown shortened.
    """
    named = [account for account in accounts if account]
    if config.connection.mode == "paper":
        wrong = [a for a in named if not a.upper().startswith(PAPER_PREFIX)]
        if wrong:
            _block(
                config,
                f"the gateway serves {len(wrong)} live account(s) ({_short(wrong[0])}), but "
                "[connection] mode is paper; is this the port of the live program?",
            )
        return
    prefix = config.live.account_prefix
    wrong = [a for a in named if not prefix or not a.startswith(prefix)]
    if wrong or not named:
        _block(
            config,
            f"{len(wrong)} of {len(named)} accounts do not start with [live] account_prefix"
            + (f" (the first: {_short(wrong[0])})" if wrong else "; the gateway named none"),
        )


def _short(account: str) -> str:
    """Enough of an account number to know it again, not enough to use it."""
    return f"{account[:2]}***{account[-2:]}"


def _block(config: Config, problem: str) -> None:
    connection = config.connection
    raise LiveTradingBlocked(
        problem, host=connection.host, port=connection.port, client_id=connection.client_id
    )
