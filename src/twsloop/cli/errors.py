"""``twsloop errors``: what one of IB's codes means, and what twsloop does about it."""

from __future__ import annotations

import difflib
import re
import textwrap
from typing import TYPE_CHECKING, Any

import click

from .exits import Exit, with_exits
from .fields import Field, anything, flag, many, record, table, text, whole
from .output import Output
from .root import Run, output_option
from .shapes import Line, prints

if TYPE_CHECKING:
    from twsloop.error_handler import ErrorInfo, Explanation, Policy

__all__ = ["errors"]

#: Most characters of a line of a paragraph; fewer where the terminal is narrow.
WIDTH = 96
#: The columns of a list of codes.
COLUMNS = ("code", "category", "severity", "scope", "retry", "message", "what_happens_next")
SHOWN = ("code", "category", "severity", "message")
#: How much of a text a list shows.
LISTED = 90

_INFO: dict[str, Field] = {
    "category": text("what it is about: order, data, connection..."),
    "severity": text("how bad it is: info, warning, error, fatal"),
    "scope": text("what it concerns: an order, a request, the session"),
    "retry": text("whether asking again helps"),
    "message": text("IB's text, as documented"),
    "what_happens_next": text("what twsloop does then, and what you can do"),
}
LISTED_CODE = Line("error_code", "One code of the list.", {"code": whole("IB's code"), **_INFO})
EXPLAINED = Line(
    "error_code",
    "What a code means, and what twsloop does about it.",
    {
        "code": whole("IB's code"),
        "listed": flag("whether it is in a list that twsloop knows"),
        **_INFO,
        "source": text("where it is documented"),
        "contexts": table(
            Field(
                record(
                    "what is done in one context",
                    {
                        "action": text("twsloop's word for it"),
                        "ends": text("what it ends: nothing, request, order, change, session"),
                        "does": text("the action in words"),
                        "because": text("why"),
                        "decided_by": text("the row of the policy, or a setting"),
                        **_INFO,
                    },
                ).schema
            ),
            "what is done, by what the code came for: order_new, order_live, request...",
        ),
        "texts": many(
            record(
                "what certain texts change",
                {
                    "text": text("the pattern", null=True),
                    "contexts": many(text("its name"), "where it counts"),
                    "action": text("what is done", null=True),
                    "changes": table(anything("the other value"), "what else is different"),
                    "because": text("why"),
                },
            ),
            "the rows of the policy that look at IB's text",
        ),
    },
)
CHOSEN = Line(
    "errors_chosen",
    "The codes for which the settings choose otherwise.",
    {"codes": many(anything("a code, or a range of them"), "they")},
)
_EPILOG = """\b
Examples:
  twsloop errors 10349                      in every context
  twsloop errors 110 --context order        for an order, new or working
  twsloop errors 162 --text "no data"       as IB worded it
  twsloop errors "pacing"                   the codes that speak of it
  twsloop errors 10349 --json | jq .contexts.order_live.action
"""


#: Options that are followed by their value.
_OPTIONS = ("--context", "--text", "--output")


class _Codes(click.Command):
    """Takes a number below nothing for a code, and not for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put such numbers behind all options; but for what an option is set to."""
        options: list[str] = []
        codes: list[str] = []
        for before, word in zip(["", *args], args, strict=False):
            is_code = re.fullmatch(r"-\d+", word) and before not in _OPTIONS
            (codes if is_code else options).append(word)
        if codes and "--" not in args:
            args = [*options, "--", *codes]
        return super().parse_args(ctx, args)


@click.command(
    cls=_Codes,
    epilog=with_exits(_EPILOG, Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.CONFIG),
)
@click.argument("code_or_words", nargs=-1)
@click.option(
    "--context",
    help="What the code came for: order (order_new and order_live), request, subscription or "
    "connection.  [default: all]",
)
@click.option("--text", default="", help="IB's text, which decides for a few codes.")
@output_option
@prints(LISTED_CODE, EXPLAINED, CHOSEN)
@click.pass_obj
def errors(
    run: Run, code_or_words: tuple[str, ...], context: str | None, text: str, form: str | None
) -> None:
    """Explain codes, or find codes by words; without either, list all.

    It explains what the settings choose ([errors] in the INI file), too. Nothing is connected.
    A code that nobody knows is explained as well: as what it would do, with the exit code 0;
    words that no code speaks of end with 1.
    """
    from twsloop.config.sections.errors import CONTEXTS, contexts_of  # noqa: PLC0415
    from twsloop.error_handler import Policy  # noqa: PLC0415

    try:
        contexts = contexts_of(context) if context is not None else tuple(CONTEXTS)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--context") from None
    policy = Policy(run.config().errors.rules)
    out = run.output(form)
    words = " ".join(code_or_words).split()
    if words and all(re.fullmatch(r"-?\d{1,10}", word) for word in words):
        for number, word in enumerate(words):
            if number and out.form == "table":
                out.event("", "")
            _explain(out, policy.explain(int(word), text), contexts)
        return
    if context is not None or text:
        raise click.UsageError("--context and --text belong to a code: twsloop errors 110 --text …")
    _list(out, policy, " ".join(words))


def _explain(out: Output, found: Explanation, contexts: tuple[str, ...]) -> None:
    info = found.info
    if out.form != "table":
        _explain_as_data(out, found, contexts)
        return
    _paragraph(out, f"{info.code}  {info.message or '(no text is documented)'}")
    if not found.listed:
        out.event("", "This code is in no list that twsloop knows.")
    about = f"about: {info.scope}, asking again helps: {info.retry.replace('_', ' ')}"
    _paragraph(out, f"category: {info.category}, severity: {info.severity}, {about}")
    _paragraph(out, info.what_happens_next)
    if info.source:
        _paragraph(out, f"Source: {info.source}")
    for name in contexts:
        verdict = found.verdicts[name]
        chosen = verdict.info
        out.event("", f"\n{name}: {chosen.action} ({chosen.severity})")
        _paragraph(out, _words_of(chosen.action), "  ")
        _paragraph(out, f"{verdict.because} [{verdict.decided_by}]", "  ")
        if chosen.what_happens_next != info.what_happens_next:
            _paragraph(out, chosen.what_happens_next, "  ")
    rows = [row for row in found.texts if row.contexts & set(contexts)]
    if rows:
        out.event("", "")
        _paragraph(out, "With certain texts (--text shows what follows from one):")
    for row in rows:
        assert row.text is not None
        says = ", ".join(filter(None, (row.action, *(v for k, v in _short(row.changes).items()))))
        where = "" if len(row.contexts) == len(found.verdicts) else _order_of(found, row.contexts)
        _paragraph(out, f"/{row.text.pattern}/{where}: {says}. {row.because}".rstrip(), "  ")


def _order_of(found: Explanation, contexts: frozenset[str]) -> str:
    """The contexts of a row, in the order they are always told in."""
    return f" ({', '.join(name for name in found.verdicts if name in contexts)})"


def _short(changes: Any) -> dict[str, str]:
    """What a row changes, without the sentence."""
    return {k: f"{k} {v}" for k, v in changes.items() if k != "what_happens_next"}


def _words_of(action: str) -> str:
    from twsloop.error_handler import ACTIONS  # noqa: PLC0415

    return ACTIONS[action].words


def _explain_as_data(out: Output, found: Explanation, contexts: tuple[str, ...]) -> None:
    def told(info: ErrorInfo) -> dict[str, Any]:
        return {column: getattr(info, column) for column in COLUMNS if column != "code"}

    verdicts = {
        name: {
            "action": (verdict := found.verdicts[name]).info.action,
            "ends": verdict.info.ends.value,
            "does": _words_of(verdict.info.action),
            "because": verdict.because,
            "decided_by": verdict.decided_by,
            **told(verdict.info),
        }
        for name in contexts
    }
    if out.form == "csv":
        rows = [{"code": found.info.code, "context": k, **v} for k, v in verdicts.items()]
        out.rows("verdict", ["code", "context", *next(iter(verdicts.values()))], rows)
        return
    texts = [
        {
            "text": row.text.pattern if row.text else None,
            "contexts": sorted(row.contexts),
            "action": row.action or None,
            "changes": dict(row.changes),
            "because": row.because,
        }
        for row in found.texts
    ]
    out.event(
        "error_code",
        None,
        code=found.info.code,
        listed=found.listed,
        **told(found.info),
        source=found.info.source,
        contexts=verdicts,
        texts=texts,
    )


def _list(out: Output, policy: Policy, words: str) -> None:
    """The codes whose lines have all of the words; all codes without one."""
    from twsloop.error_handler import load_codes  # noqa: PLC0415
    from twsloop.errors import TwsLoopError  # noqa: PLC0415

    codes = load_codes()
    wanted = words.lower().split()
    found = [info for info in codes.values() if all(w in _line(info) for w in wanted)]
    if not found:
        vocabulary = {w for info in codes.values() for w in re.findall(r"[a-z-]{3,}", _line(info))}
        close = [
            m for w in wanted if w not in vocabulary
            for m in difflib.get_close_matches(w, vocabulary, n=1, cutoff=0.7)
        ]  # fmt: skip
        hint = f" Did you mean {' '.join(close)!r}?" if close else ""
        raise TwsLoopError(f"no code speaks of {words!r}.{hint}")
    rows = [
        {column: getattr(info, column) for column in COLUMNS}
        | ({"message": _cut(info.message or info.what_happens_next)} if out.form == "table" else {})
        for info in sorted(found, key=lambda info: info.code)
    ]
    chosen = {rule.code for rule in policy.overrides}
    out.rows("error_code", COLUMNS, rows, shown=SHOWN)
    if chosen:
        listed = ", ".join(str(code) for code in sorted(chosen))
        out.event("errors_chosen", f"The settings choose otherwise for: {listed}", codes=[*chosen])


def _line(info: ErrorInfo) -> str:
    """What a search looks at."""
    return f"{info.code} {info.category} {info.message} {info.what_happens_next}".lower()


def _cut(text: str) -> str:
    return textwrap.shorten(text, LISTED, placeholder=" …")


def _paragraph(out: Output, text: str, indent: str = "") -> None:
    width = min(WIDTH, out.console.width)
    for line in textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent):
        out.event("", line)
