"""``twsloop journal verify``, ``backup``, ``export``, ``import``, ``restore``: the whole file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import click

from twsloop.clock import SystemClock
from twsloop.errors import StorageError

from .exits import Exit, with_exits
from .journal_options import file_option, journal_file, opened
from .journal_shapes import COPIED, EXPORTED, IMPORTED, RESTORED, VERIFIED
from .root import Run
from .shapes import prints

__all__ = ["backup", "export", "import_", "restore", "verify"]


class _Noted(click.ParamType[tuple[int, str]]):
    """An entry and its hash, as an earlier check told them: ``1234:9f86d0...``."""

    name = "seq:hash"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        """Read it."""
        found = re.fullmatch(r"(\d+):([0-9a-f]{64})", str(value).strip().lower(), re.ASCII)
        if found is None:
            self.fail(f"{value!r} is no entry with its hash: verify prints SEQ:HASH.", param, ctx)
        return int(found[1]), found[2]


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop journal verify
  twsloop journal verify --file backup.db
  twsloop journal verify --noted SEQ:HASH
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.STORAGE,
    )
)
@click.option(
    "--noted",
    type=_Noted(),
    help="What an earlier check printed: shows that nothing up to there was changed since.",
)
@file_option
@prints(VERIFIED)
@click.pass_obj
def verify(run: Run, noted: tuple[int, str] | None, file: Path | None) -> None:
    """Check that the journal is as it was written.

    The exit code is 1 if it is not. Every entry's hash is made of the entry and of the hash before
    it. Note what is printed, away from this machine: with --noted a later check shows, too, that
    nobody made all of it anew.
    """
    from twsloop.storage.verify import verify as check  # noqa: PLC0415

    path = journal_file(run, file)
    found = check(path, noted=noted)
    moved = f", those up to {found.moved} were moved away" if found.moved else ""
    unread = f", {found.unread} of them a newer version's" if found.unread else ""
    words = f"{path} is whole: {found.entries} entries{unread}{moved}\n{found.newest}:{found.hash}"
    if not found.ok:
        words = f"{path} is broken after entry {found.newest}: {found.why}"
    fields = {"file": path, **attrs.asdict(found)}
    run.output().event("verified", words, **fields)
    if not found.ok:
        click.get_current_context().exit(Exit.FAILED)


@click.command(
    epilog="""\b
Examples:
  twsloop journal backup
  twsloop journal backup /mnt/usb/journal.db
"""
)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@file_option
@prints(COPIED)
@click.pass_obj
def backup(run: Run, target: Path | None, force: bool, file: Path | None) -> None:
    """Copy the journal while it is used.

    Without TARGET the copy goes into [journal] backup_folder. Of the copies in that folder the
    newest [journal] backups are kept.
    """
    from twsloop.event_loop import IBKREventLoop  # noqa: PLC0415
    from twsloop.metrics import Metrics  # noqa: PLC0415
    from twsloop.storage.keeping import Keeper  # noqa: PLC0415

    _see_that_it_is_new(target, force=force)
    params = attrs.evolve(run.config().journal, file=journal_file(run, file))
    keeper = Keeper(params, SystemClock(), IBKREventLoop(), Metrics())
    copy = asyncio.run(keeper.backup(target))
    run.output().event("copied", f"copied to {copy}", file=copy)


def _see_that_it_is_new(target: Path | None, *, force: bool) -> None:
    if target is not None and not force and target.exists():
        raise StorageError(
            "the file is there already", path=str(target), remedy="--force writes over it"
        )


@click.command(
    epilog="""\b
Examples:
  twsloop journal export journal.jsonl
  twsloop journal export | gzip > journal.jsonl.gz
"""
)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@file_option
@prints(EXPORTED)
@click.pass_obj
def export(run: Run, target: Path | None, force: bool, file: Path | None) -> None:
    """Write all of it as JSON lines.

    `twsloop journal import` makes the same journal of them, hash for hash. Without TARGET the lines
    are printed. TARGET can be read by its owner alone.
    """
    from twsloop.storage.jsonl import export_lines  # noqa: PLC0415

    _see_that_it_is_new(target, force=force)
    with opened(run, file) as connection, contextlib.closing(export_lines(connection)) as lines:
        if target is None:
            sys.stdout.writelines(lines)
            return
        _write(target, lines)
    run.output().event("exported", f"exported to {target}", file=target)


def _write(target: Path, lines: Iterable[str]) -> None:
    """Write a file that only its owner can read, all of it or none."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.writelines(lines)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"it cannot be written: {reason}", path=str(target)) from error


@click.command(
    name="import",
    epilog="""\b
Examples:
  twsloop journal import journal.jsonl copy.db
  gunzip -c journal.jsonl.gz | twsloop journal import - copy.db
""",
)
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@prints(IMPORTED)
@click.pass_obj
def import_(run: Run, source: Path, target: Path) -> None:
    """Make a journal out of JSON lines.

    SOURCE has the lines of `twsloop journal export`; - is the standard input. TARGET is new, or has
    no entries. Lines that were changed, cut off or left out are found by their hashes, and nothing
    is taken of them.
    """
    from twsloop.storage.jsonl import import_lines  # noqa: PLC0415

    try:
        with click.open_file(str(source), encoding="utf-8") as stream:
            count = asyncio.run(import_lines(stream, target, source=str(source)))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(f"it cannot be read: {reason}", path=str(source)) from error
    words = f"imported {count} entries into {target}"
    run.output().event("imported", words, file=target, entries=count)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop journal restore journal.db.unwritten-20260105T143000.jsonl --dry-run
  twsloop journal restore journal.db.unwritten-20260105T143000.jsonl
""",
        Exit.DONE,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.STORAGE,
    )
)
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@file_option
@prints(RESTORED)
@click.pass_obj
def restore(run: Run, source: Path, dry_run: bool, file: Path | None) -> None:
    """Write into the journal what a program could not.

    A program that ends while the journal cannot be written leaves what it had to say in SOURCE,
    beside the journal. Each fact gets the session that it belongs to. What the journal has already
    is not written twice, and what it knows a later word of stays in SOURCE alone. Keep SOURCE until
    you have seen it.
    """
    from twsloop.storage.leftovers import read_left  # noqa: PLC0415
    from twsloop.storage.leftovers import restore as write  # noqa: PLC0415

    params = run.config().journal
    params = params if file is None else attrs.evolve(params, file=file)
    try:
        with click.open_file(str(source), encoding="utf-8") as stream:
            facts = read_left(stream, str(source))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(f"it cannot be read: {reason}", path=str(source)) from error
    done = write(params, facts, dry_run=dry_run)
    would = "would write" if dry_run else "wrote"
    rest = [f"{done.known} it had already"] if done.known else []
    rest += [f"{done.passed_over} it knows a later word of"] if done.passed_over else []
    of = f" ({', '.join(rest)})" if rest else ""
    words = f"{would} {done.new} of {done.facts} facts into {params.file}{of}"
    run.output().event("restored", words, file=params.file, dry_run=dry_run, **attrs.asdict(done))
