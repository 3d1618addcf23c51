"""The root command: global options, what they mean together, and suggestions for typos."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import click

from twsloop.config import Config

from .exits import describe_exits
from .output import FORMATS, Output
from .shapes import json_option

__all__ = ["COMMANDS", "GROUPS", "Run", "SuggestingGroup", "cli", "json_option", "output_option"]

#: Read when it exists and no --config says otherwise.
DEFAULT_CONFIG = Path("config.ini")

#: Command -> the module that has it, under the headings of ``--help``; loaded when it is asked for.
GROUPS: dict[str, dict[str, str]] = {
    "First contact": {
        "demo": "demo",
        "check": "check",
    },
    "The gateway's process": {
        "start": "gateway",
        "stop": "gateway",
        "restart": "gateway",
        "status": "gateway",
        "ibc": "gateway",
        "doctor": "doctor",
    },
    "Market data": {
        "watch": "watch",
        "subscribe": "market",
        "subscriptions": "market",
        "depth": "depth",
        "bars": "bars",
        "history": "history",
        "search": "search",
        "contracts": "contracts",
        "chain": "chain",
    },
    "Account": {
        "positions": "account",
        "account": "account",
        "pnl": "pnl",
        "trades": "trades",
    },
    "Orders": {
        "orders": "orders",
        "buy": "trading",
        "sell": "trading",
        "bracket": "trading",
        "what-if": "what_if",
        "cancel": "orders",
        "cancel-all": "orders",
        "close": "close",
    },
    "Safety": {
        "kill": "kill",
        "protection": "protection",
        "reconcile": "reconcile",
        "close-day": "close_day",
    },
    "Journal": {
        "journal": "journal",
        "trace": "trace",
    },
    "Paper gateway and tapes": {
        "paper": "paper",
        "record": "record",
        "replay": "replay",
        "transcript": "tapes",
    },
    "More": {
        "config": "config",
        "errors": "errors",
        "schema": "schema",
        "flow": "flow",
    },
}
#: All of them.
COMMANDS: dict[str, str] = {
    name: module for group in GROUPS.values() for name, module in group.items()
}


@attrs.define
class Run:
    """What the global options say; every command gets it.

    Attributes:
        options: The settings given on the command line, ``{"section.key": value}``.
        config_file: The INI file, or None.
        env_file: The .env file, or None.
        as_json: JSON lines were asked for.
        paper: Start a paper gateway of our own and use it.
    """

    options: dict[str, Any]
    config_file: Path | None
    env_file: Path | None
    as_json: bool
    paper: bool
    _config: Config | None = None

    def config(self, *, log_level: str = "error", **more: Any) -> Config:
        """The settings; ``more`` are options of the command, ``{"section.key": value}``.

        Args:
            log_level: From which level on the log is shown when nothing else says so. The terminal
                is for the command's own words: the log of most speaks up when we are wrong. That
                of a server tells what became of its clients.
            **more: The command's options.

        Raises:
            ConfigError: One of them is wrong.
        """
        given = {**self.options, **{name: v for name, v in more.items() if v is not None}}
        return Config.load(
            self.config_file,
            env_file=self.env_file,
            command_line=given,
            defaults={"logging.level": log_level},
        )

    def output(self, form: str | None = None) -> Output:
        """Where the command's words go."""
        return Output(form or ("json" if self.as_json else "table"))


class SuggestingGroup(click.Group):
    """A group that says what was probably meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table; that is the order of use."""
        return [*COMMANDS] if not self.commands else super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command's module when it is asked for."""
        if self.commands:
            return super().get_command(ctx, cmd_name)
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = getattr(import_module(f"twsloop.cli.{module}"), cmd_name.replace("-", "_"))
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their headings; those of a group of commands under one."""
        if self.commands:
            super().format_commands(ctx, formatter)
            return
        widest = max(map(len, COMMANDS))
        limit = formatter.width - 6 - widest
        for heading, names in GROUPS.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                assert command is not None, name
                rows.append((name.ljust(widest), command.get_short_help_str(limit)))
            with formatter.section(heading):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or name the closest one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            close = [k for k in known if len(name) > 1 and k.startswith(name)]
            close = close or difflib.get_close_matches(name, known, n=2, cutoff=0.6)
            hint = f" Did you mean {' or '.join(repr(k) for k in close)}?" if close else ""
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--output`` of the commands that print data."""
    return click.option(
        "--output",
        "form",
        type=click.Choice(FORMATS),
        help="How to print: a table (the default), JSON lines (as with --json), or CSV.",
    )(function)


_EPILOG = """\b
Examples:
  twsloop --paper demo                      see all of it work, without an account
  twsloop paper --port 4002                 serve a paper gateway to any TWS client
  twsloop subscribe AAPL MSFT EUR.USD       quotes, live
  twsloop --json account | jq .             for scripts
\b
Exit codes:
{exits}"""


@click.group(
    cls=SuggestingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG.format(exits=describe_exits()),
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help=f"An INI file; {DEFAULT_CONFIG} is read if it is here. See config.ini.example.",
)
@click.option("--host", help="The machine of TWS or IB Gateway.")
@click.option("--port", type=int, help="Its port. Gateway: 4002 paper, 4001 live; TWS: 7497, 7496.")
@click.option("--client-id", type=int, help="Our number among its clients.")
@click.option("--trading-mode", type=click.Choice(["paper", "live"]), help="The account's kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error", "critical"]),
    help="From which level on the log goes to the standard error output.",
)
@click.option("--paper", is_flag=True, help="Start a paper gateway of our own, and use it.")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    help="A file with TWSLOOP_SECTION_KEY=value lines.",
)
@click.version_option(package_name="twsloop", prog_name="twsloop")
@click.pass_context
def cli(
    ctx: click.Context,
    config_file: Path | None,
    host: str | None,
    port: int | None,
    client_id: int | None,
    trading_mode: str | None,
    as_json: bool,
    log_level: str | None,
    paper: bool,
    env_file: Path | None,
) -> None:
    """Interactive Brokers' TWS API: quotes, orders and accounts from the command line.

    Global options stand before the command: twsloop --json subscribe AAPL.
    """
    if paper and trading_mode == "live":
        raise click.UsageError("--paper starts a paper gateway; it cannot be --trading-mode live.")
    if paper and (host is not None or port is not None):
        raise click.UsageError("--paper finds its own gateway; leave --host and --port away.")
    options = {
        "connection.host": host,
        "connection.port": port,
        "connection.client_id": client_id,
        "connection.mode": "paper" if paper else trading_mode,
        "logging.level": log_level,
    }
    if config_file is None and DEFAULT_CONFIG.is_file():
        config_file = DEFAULT_CONFIG
    ctx.obj = Run(
        options={name: value for name, value in options.items() if value is not None},
        config_file=config_file,
        env_file=env_file,
        as_json=as_json,
        paper=paper,
    )
