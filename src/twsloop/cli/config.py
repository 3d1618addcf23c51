"""``twsloop config``: a file of settings, what they are, and whether they are right."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

from twsloop.config import (
    SECTIONS,
    Config,
    Survey,
    closed_gates,
    options_of,
    render_example,
    survey,
)
from twsloop.config.options import Option
from twsloop.errors import StorageError

from .exits import Exit, with_exits
from .fields import flag, many, text, whole
from .output import Output
from .root import DEFAULT_CONFIG, Run, SuggestingGroup, output_option
from .shapes import line, prints

__all__ = ["config"]

WRITTEN = line(
    "written",
    "The file of settings is there.",
    file=text("its path"),
    settings=many(text("section.key"), "what it says that is not the default"),
)
SETTING = line(
    "setting",
    "One setting as it is in force.",
    section=text("its section"),
    key=text("its key"),
    value=text("as an INI file writes it; *** for a secret; null where it is empty", null=True),
    source=text("where it stands: a file, an environment variable, the command line; or default"),
    default=text("what it is if nobody says otherwise", null=True),
)
PROBLEM = line(
    "problem",
    "One thing that is wrong.",
    message=text("what is wrong, and what is allowed"),
    file=text("where it stands", null=True),
    section=text("of which section", null=True),
    key=text("of which key", null=True),
)
CHECKED = line(
    "config_checked",
    "What was looked at, at the end.",
    files=many(text("a path"), "the files that were read"),
    settings=whole("how many settings are given"),
    problems=whole("how many things are wrong"),
    mode=text("the kind of account", "paper", "live"),
    orders=text("what becomes of orders", "sent", "simulated", "blocked"),
    closed_gates=many(text("in words"), "which gates of live trading are closed"),
    ready=flag("a program could start with these settings"),
)
DEFAULT = "default"


@click.group(
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  twsloop config init
  twsloop config show connection
  twsloop config check
""",
)
def config() -> None:
    """Settings: write a file of them, show what is in force, see whether they are right."""


# ---------------------------------------------------------------------------------- init
@config.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop config init                                   config.ini, here
  twsloop --port 7497 --client-id 7 config init tws.ini
""",
        Exit.DONE,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.STORAGE,
    )
)
@click.argument(
    "file", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_CONFIG, required=False
)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@prints(WRITTEN)
@click.pass_obj
def init(run: Run, file: Path, force: bool) -> None:
    """Write FILE with every setting, what it means, and its default, commented out.

    Global options (--host, --port, --client-id, --trading-mode, --log-level) stand in force in it.
    FILE is config.ini unless named, which twsloop reads where it is started.
    """
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; --force writes over it.")
    Config.load(command_line=run.options, environ={})  # refuses a wrong one
    given = {name: run.options[name] for name in sorted(run.options)}
    words = render_example(given)
    try:
        file.write_text(words, encoding="utf-8")
    except OSError as error:
        msg = f"{file}: the settings cannot be written: {error.strerror or error}"
        raise StorageError(msg) from None
    told = f", with {', '.join(given)} as given" if given else ""
    run.output().event(
        WRITTEN.event,
        f"{file} is written{told}; see `twsloop --config {file} config check`",
        file=file,
        settings=list(given),
    )


# ---------------------------------------------------------------------------------- show
@config.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop config show
  twsloop config show connection risk
  twsloop config show --changed
  twsloop --json --port 7497 config show connection
""",
        Exit.DONE,
        Exit.USAGE,
        Exit.CONFIG,
    )
)
@click.argument("sections", nargs=-1)
@click.option("--changed", is_flag=True, help="Only what somebody has set.")
@output_option
@prints(SETTING)
@click.pass_obj
def show(run: Run, sections: tuple[str, ...], changed: bool, form: str | None) -> None:
    """Show the settings that are in force, and where each stands.

    What wins: the command line, then the environment (TWSLOOP_SECTION_KEY), the file of --env-file,
    the INI file, the default. Secrets are shown as ***.
    """
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        close = difflib.get_close_matches(unknown[0].lower(), SECTIONS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise click.BadParameter(
            f"there is no section {', '.join(map(repr, unknown))}.{hint} There are: "
            f"{', '.join(SECTIONS)}.",
            param_hint="SECTIONS",
        )
    found = _surveyed(run)
    if found.problems:
        raise found.problems[0]
    rows = [
        row
        for row in _settings(found)
        if (not sections or row["section"] in sections)
        and (not changed or row["source"] != DEFAULT)
    ]
    out = run.output(form)
    if not rows and out.form == "table":
        out.event("", "nothing is set: all of it has its default")
        return
    shown = ("section", "key", "value", "source")
    out.rows(SETTING.event, SETTING.columns, rows, shown=shown, important=("key", "value"))


def _surveyed(run: Run) -> Survey:
    """What the global options, the environment and the files say."""
    return survey(run.config_file, env_file=run.env_file, command_line=run.options)


def _settings(found: Survey) -> list[dict[str, Any]]:
    """A row for each setting there is, and for each that was given under a name of its own."""
    plain = Config()
    rows: list[dict[str, Any]] = []
    for name, kind in SECTIONS.items():
        ours, theirs = getattr(plain, name), getattr(found.config, name)
        for key, chosen in options_of(kind).items():
            rows.append(
                {
                    "section": name,
                    "key": key,
                    "value": _shown(chosen, getattr(theirs, key)),
                    "source": found.sources.get((name, key), DEFAULT),
                    "default": _shown(chosen, getattr(ours, key)),
                }
            )
        rows += [
            {
                "section": name,
                "key": key,
                "value": raw,
                "default": None,
                "source": found.sources[name, key],
            }
            for (section, key), raw in found.named.items()
            if section == name
        ]
    return rows


def _shown(chosen: Option, value: Any) -> str | None:
    """A value as an INI file writes it; a secret is never shown."""
    words = chosen.show(value)
    return "***" if chosen.secret and words else words or None


# ---------------------------------------------------------------------------------- check
@config.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop config check
  twsloop --json config check
""",
        Exit.DONE,
        Exit.CONFIG,
        Exit.BLOCKED,
    )
)
@prints(PROBLEM, CHECKED)
@click.pass_obj
def check(run: Run) -> None:
    """See whether the settings are right: all that is wrong, not only the first.

    Nothing is connected. It says what becomes of orders, and which gates of live trading are
    closed; live mode with a closed gate is wrong, too.
    """
    found = _surveyed(run)
    out = run.output()
    for error in found.problems:
        out.event(
            PROBLEM.event,
            f"{error}",
            message=str(error),
            file=error.file,
            section=error.section,
            key=error.key,
        )
    settings, live = found.config, found.config.connection.mode == "live"
    closed = closed_gates(settings) if live else ()
    orders = "blocked" if closed else "sent" if settings.orders_enabled else "simulated"
    files = [str(one) for one in (run.config_file, run.env_file) if one is not None]
    _say(out, found, files, orders, closed)
    if found.problems or closed:
        click.get_current_context().exit(Exit.CONFIG if found.problems else Exit.BLOCKED)


def _say(
    out: Output, found: Survey, files: list[str], orders: str, closed: tuple[str, ...]
) -> None:
    """The sum, and what it means for orders."""
    mode, given, wrong = found.config.connection.mode, len(found.sources), len(found.problems)
    read = ", ".join(files) or "no file (config.ini is read where it is)"
    settings = f"{given} {'setting' if given == 1 else 'settings'} given"
    things = f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong"
    words = [f"read: {read}", f"{settings}; {things if wrong else 'nothing is wrong'}"]
    words += [f"mode {mode}; orders are {orders}"]
    words += [f"  closed: {gate}" for gate in closed]
    out.event(
        CHECKED.event,
        "\n".join(words),
        files=files,
        settings=given,
        problems=wrong,
        mode=mode,
        orders=orders,
        closed_gates=list(closed),
        ready=not wrong and not closed,
    )
