"""Commands that cannot be taken back ask first; ``--yes`` says it beforehand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from twsloop.errors import TwsLoopError

__all__ = ["Declined", "confirm", "must_be_answerable", "yes_option"]

F = TypeVar("F", bound=Callable[..., Any])


class Declined(TwsLoopError):
    """Who was asked did not say yes: nothing was done."""


def yes_option(function: F) -> F:
    """``--yes`` of a command that asks."""
    return click.option("--yes", "-y", is_flag=True, help="Do it without asking.")(function)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if that is what is wanted.

    The question goes to the standard error output: the standard output is for data.

    Args:
        question: What is about to be done, as a question: ``Cancel 3 orders?``.
        yes: It was said on the command line already.

    Raises:
        Declined: The answer was not yes; Ctrl-C and the end of the input are none either.
        UsageError: There is nobody to ask.
    """
    must_be_answerable(question, yes=yes)
    if yes:
        return
    try:
        if click.confirm(question, err=True):
            return
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
    raise Declined("nothing was done")


def must_be_answerable(question: str, *, yes: bool) -> None:
    """Before anything is connected: see that a question can be asked.

    Args:
        question: The question.
        yes: It was answered on the command line already.

    Raises:
        UsageError: There is nobody to ask.
    """
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        msg = f"{question} There is no terminal to ask on: say --yes if that is what you want."
        raise click.UsageError(msg)
