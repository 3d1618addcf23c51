"""Transcripts: a session written down so that people can read it, change it, and play it.

::

    # What the gateway does when an order is refused.
    version 200                        announced; left out: the newest that the client speaks
    client: reqMktData reqId=1 contract.symbol=AAPL
    server: tickPrice reqId=1 tickType=4 price=189.5 size=100
    sleep 0.5
    client: placeOrder orderId=1 order.action=BUY
    split 3                            the next thing leaves in two pieces, the first of 3 bytes
    server: errMsg id=1 errorCode=201 errorMsg="Order rejected - reason:no"
    disconnect

========================= ==========================================================================
``client: NAME ...``      wait until the client has sent it; the fields given have to be right
``server: NAME ...``      send it
``sleep SECONDS``         what follows comes so much later (not when played flat out)
``split N``               cut what is sent next after N bytes, its 4 bytes of length included
``disconnect``            the gateway ends the connection; ``client: disconnect``: the client did
``server: fields 4 2 -1`` a text message by its fields, its number first; also of the client
``server: hex 0000``      a message by its body, without the length; also of the client
``server: bytes 00``      bytes as they are, whatever they mean
``version N``             of the session
``time TEXT``             in the gateway's hello, such as ``20260105 14:30:00 UTC``
``accounts A,B``          of the login (of a start that is not written down)
``next-id N``             the next order id (likewise)
``session``               begins the next session
========================= ==========================================================================

Names are IB's; fields are those of IB's protobuf messages, written as `wording` says, whatever
protocol the client speaks. ``#`` begins a comment. A session that does not begin with ``client:
startApi`` starts by itself: startApi, managedAccounts, nextValidId.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from twsloop.errors import EncodeError, ParseError, TapeError
from twsloop.wire import codec, handshake
from twsloop.wire.messages import INBOUND_BY_NAME, OUTBOUND_BY_NAME, Direction
from twsloop.wire.tape import ClientHello, End, Entry, Frame, Open, ServerHello

from .script import Cut, Expect, Hangup, Raw, Say, Scene, Script, Step, new_message, read_request
from .wording import (
    BadWord,
    assign,
    close_to,
    describe,
    kind_named,
    quote,
    read_value,
    split_words,
)

__all__ = ["DEFAULT_ACCOUNT", "entries_of", "read_transcript", "write_transcript"]

DEFAULT_ACCOUNT = "DU1234567"
#: A shorter wait is not worth a line, seconds.
SHORTEST_SLEEP = 0.001

_SIDES = {"client": Direction.OUTBOUND, "server": Direction.INBOUND}
_FIELD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')


# ---- reading -------------------------------------------------------------------------------


@attrs.define
class _Draft:
    """A scene while it is read."""

    line: int
    version: int | None = None
    time: str = ""
    accounts: str = DEFAULT_ACCOUNT
    next_id: int = 1
    delay: float = 0.0
    started_by: str = ""
    steps: list[Step] = attrs.Factory(list)

    def scene(self) -> Scene:
        steps = tuple(self.steps)
        first = steps[0] if steps else None
        client_id = None
        if isinstance(first, Expect) and first.kind is OUTBOUND_BY_NAME["startApi"]:
            if first.message.HasField("clientId"):
                client_id = first.message.clientId
        else:
            steps = (*self._start(), *steps)
        return Scene(steps, self.version, self.time, client_id, self.line)

    def _start(self) -> Iterator[Step]:
        """The start that nobody wrote down."""
        start = OUTBOUND_BY_NAME["startApi"]
        yield Expect(start, new_message(start), line=self.line)
        accounts = new_message(INBOUND_BY_NAME["managedAccounts"])
        accounts.accountsList = self.accounts
        yield Say(INBOUND_BY_NAME["managedAccounts"], accounts)
        next_id = new_message(INBOUND_BY_NAME["nextValidId"])
        next_id.orderId = self.next_id
        yield Say(INBOUND_BY_NAME["nextValidId"], next_id)

    def take_delay(self) -> float:
        delay, self.delay = self.delay, 0.0
        return delay


def read_transcript(text: str, name: str = "transcript") -> Script:
    """Read a transcript.

    Args:
        text: The transcript.
        name: What errors call it.

    Raises:
        TapeError: A line cannot be read; the error has its number, and what may have been meant.
    """
    drafts: list[_Draft] = []
    draft: _Draft | None = None
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        head, _, rest = words.partition(" ")
        try:
            if head == "session":
                draft = None
                continue
            if draft is None:
                draft = _Draft(number)
                drafts.append(draft)
            if head in {"client:", "server:"}:
                _message(draft, head[:-1], rest.strip(), number)
            else:
                _directive(draft, head, rest, number)
        except BadWord as error:
            raise TapeError(str(error), file=name, line=number) from error
    if not drafts:
        raise TapeError("the transcript is empty", file=name)
    return Script(tuple(draft.scene() for draft in drafts), name)


def _message(draft: _Draft, side: str, text: str, line: int) -> None:
    name, _, rest = text.partition(" ")
    if name in {"hex", "fields", "bytes"}:
        _literal(draft, side, name, rest, line)
        return
    if name == "disconnect":
        _no_more(rest, "disconnect")
        draft.steps.append(Hangup(side, draft.take_delay(), line))
        return
    if not name:
        msg = f"what does the {side} say?"
        raise BadWord(msg)
    kind = kind_named(_SIDES[side], name)
    try:
        message = new_message(kind)
    except ParseError as error:
        msg = f"{kind.name} has no protobuf form: write it as {side}: fields {kind.number} ..."
        raise BadWord(msg) from error
    for path, value in split_words(rest):
        assign(message, path, read_value(value))
    if side == "client":
        draft.delay = 0.0
        draft.steps.append(Expect(kind, message, line=line))
    else:
        draft.steps.append(Say(kind, message, delay=draft.take_delay(), line=line))


def _literal(draft: _Draft, side: str, form: str, text: str, line: int) -> None:
    """A message by its bytes."""
    text = _before_comment(text)
    if form == "fields":
        fields = [read_value(word) for word in _FIELD.findall(text)]
        if not fields or "".join(_FIELD.sub("", text).split()):
            msg = 'write the fields one after the other, such as: fields 4 2 -1 2104 "all is well"'
            raise BadWord(msg)
        data = "".join(f"{field}\0" for field in fields).encode()
    else:
        try:
            data = bytes.fromhex(text)
        except ValueError as error:
            msg = f"{text!r} is not made of pairs of hexadecimal digits"
            raise BadWord(msg) from error
    if side == "client":
        if form == "bytes":
            msg = "of a client only whole messages can be waited for: write hex or fields"
            raise BadWord(msg)
        draft.steps.append(Expect(None, None, data, line))
    elif form == "bytes":
        draft.steps.append(Raw(data, draft.take_delay(), line))
    else:
        draft.steps.append(Say(None, None, data, draft.take_delay(), line))


def _before_comment(text: str) -> str:
    return re.sub(r'("(?:[^"\\]|\\.)*")|#.*', lambda match: match[1] or "", text).strip()


def _directive(draft: _Draft, head: str, rest: str, line: int) -> None:
    value = _before_comment(rest)
    setter = _DIRECTIVES.get(head)
    if setter is None:
        known = [*_DIRECTIVES, "session", "client:", "server:"]
        hint = close_to(head, iter(known))
        if head.rstrip(":") in _SIDES and ":" not in head:
            hint = f"; did you mean {head}: ?"
        msg = f"there is no {head!r}{hint or '; there are ' + ', '.join(known)}"
        raise BadWord(msg)
    setter(draft, value, line)


def _no_more(rest: str, head: str) -> None:
    if _before_comment(rest):
        msg = f"nothing may stand behind {head}"
        raise BadWord(msg)


def _number(text: str, what: str, *, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        msg = f"{what} has to be a whole number from {least} on, not {text!r}"
        raise BadWord(msg)
    return int(text)


def _set_version(draft: _Draft, text: str, _line: int) -> None:
    version = _number(text, "version", least=handshake.MIN_CLIENT_VERSION)
    if version > handshake.MAX_CLIENT_VERSION:
        msg = f"version {version} is not known: the newest is {handshake.MAX_CLIENT_VERSION}"
        raise BadWord(msg)
    _before_steps(draft, "version")
    draft.version = version


def _before_steps(draft: _Draft, what: str) -> None:
    if draft.steps:
        msg = f"{what} has to stand before what client and server say"
        raise BadWord(msg)


def _set_time(draft: _Draft, text: str, _line: int) -> None:
    _before_steps(draft, "time")
    if not text or not text.isascii() or not text.isprintable():
        msg = "time has to be a text such as 20260105 14:30:00 UTC"
        raise BadWord(msg)
    draft.time = text


def _set_accounts(draft: _Draft, text: str, _line: int) -> None:
    _before_steps(draft, "accounts")
    if not text or " " in text:
        msg = "accounts has to be a list such as DU1234567,DU7654321"
        raise BadWord(msg)
    draft.accounts = text


def _set_next_id(draft: _Draft, text: str, _line: int) -> None:
    _before_steps(draft, "next-id")
    draft.next_id = _number(text, "next-id", least=1)


def _sleep(draft: _Draft, text: str, _line: int) -> None:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        msg = f"sleep has to be a number of seconds, not {text!r}"
        raise BadWord(msg)
    draft.delay += seconds


def _split(draft: _Draft, text: str, line: int) -> None:
    draft.steps.append(Cut(_number(text, "split", least=1), line))


def _disconnect(draft: _Draft, text: str, line: int) -> None:
    _no_more(text, "disconnect")
    draft.steps.append(Hangup("server", draft.take_delay(), line))


_DIRECTIVES: dict[str, Callable[[_Draft, str, int], None]] = {
    "version": _set_version,
    "time": _set_time,
    "accounts": _set_accounts,
    "next-id": _set_next_id,
    "sleep": _sleep,
    "split": _split,
    "disconnect": _disconnect,
}


# ---- writing -------------------------------------------------------------------------------


def write_transcript(script: Script, *, exact: bool = False, sleeps: bool = True) -> Iterator[str]:
    """The lines of a transcript, each with its newline.

    Args:
        script: What to write down.
        exact: A message whose bytes are not what we would write for it is written by its bytes.
            Otherwise its meaning is enough (TWS writes ``1.50`` where we write ``1.5``).
        sleeps: Whether to write the times between messages, too.
    """
    if script.header is not None:
        upstream = f" of {script.header.upstream}" if script.header.upstream else ""
        yield f"# recorded{upstream} at {script.header.started:%Y-%m-%d %H:%M:%S %Z}\n"
    for number, scene in enumerate(script.scenes, 1):
        if number > 1:
            yield "\nsession\n"
        if scene.version is not None:
            yield f"version {scene.version}\n"
        if scene.time:
            yield f"time {scene.time}\n"
        rest = 0.0
        for step in scene.steps:
            if isinstance(step, Say | Raw | Hangup):
                rest += step.delay
                if sleeps and rest >= SHORTEST_SLEEP:
                    rounded = round(rest, 3)
                    yield f"sleep {rounded:g}\n"
                    rest -= rounded
            else:
                rest = 0.0
            yield f"{_line_of(step, scene.version, exact=exact)}\n"


def _line_of(step: Step, version: int | None, *, exact: bool) -> str:
    if isinstance(step, Cut):
        return f"split {step.at}"
    if isinstance(step, Hangup):
        return "disconnect" if step.by == "server" else "client: disconnect"
    if isinstance(step, Raw):
        return f"server: bytes {step.data.hex(' ')}"
    if isinstance(step, Expect):
        if step.kind is None or step.message is None:
            return f"client: {_literal_of(step.body or b'', version)}"
        # What a client's library fills in is noise; the exact form keeps it.
        return f"client: {describe(step.kind, step.message, limit=None, brief=not exact)}"
    if step.body is None:
        return f"server: {describe(step.kind, step.message, limit=None)}"
    words = _meaning(step.body, version or 0, exact=exact)
    return f"server: {words or _literal_of(step.body, version)}"


def _meaning(body: bytes, version: int, *, exact: bool) -> str | None:
    """A recorded message in words, if the words say all of it."""
    try:
        decoded = codec.decode(Direction.INBOUND, body, version)
        again = codec.encode(decoded.type, decoded.message, version)
        if decoded.leftover or decoded.dates is not None or (exact and again != body):
            return None
        read = codec.decode(Direction.INBOUND, again, version)
    except (ParseError, EncodeError):
        return None
    if read.message != decoded.message:
        return None
    return describe(decoded.type, decoded.message, limit=None)


def _literal_of(body: bytes, version: int | None) -> str:
    text = body.decode("utf-8", "replace")
    if (version or 0) <= 200 and body.endswith(b"\0") and text.encode() == body:
        return "fields " + " ".join(quote(field) for field in text.split("\0")[:-1])
    return f"hex {body.hex()}"


def entries_of(script: Script) -> Iterable[Entry]:
    """A script as entries of a tape; sessions come one after the other.

    Raises:
        TapeError: A session names no version, so its messages have no bytes; or a step has no
            place on a tape (``split``, ``bytes``).
    """
    t = 0.0
    for number, scene in enumerate(script.scenes, 1):
        if scene.version is None:
            msg = f'a tape needs the version of session {number}: write "version 200" into it'
            raise TapeError(msg, file=script.name, line=scene.line)
        yield Open(round(t * 1e9), number)
        hello = f"v{handshake.MIN_CLIENT_VERSION}..{scene.version}"
        yield ClientHello(round(t * 1e9), number, hello)
        time = scene.time or "20260105 14:30:00 UTC"
        yield ServerHello(round(t * 1e9), number, scene.version, time)
        ended = False
        for step in scene.steps:
            if isinstance(step, Cut | Raw):
                msg = "a tape has no place for this: only whole messages are on it"
                raise TapeError(msg, file=script.name, line=step.line)
            t += step.delay if isinstance(step, Say | Hangup) else 0.0
            if isinstance(step, Hangup):
                ended = True
                by: Any = step.by
                yield End(round(t * 1e9), number, by)
            else:
                yield _entry(step, number, round(t * 1e9), scene.version)
        if not ended:
            yield End(round(t * 1e9), number, "client")


def _entry(step: Say | Expect, session: int, t: int, version: int) -> Frame:
    body = step.body
    if body is None:
        assert step.kind is not None
        body = codec.encode(step.kind, step.message, version)
    if isinstance(step, Say):
        return Frame(t, session, "server", body, step.kind.name if step.kind is not None else "")
    name = step.kind.name if step.kind is not None else read_request(body, version).name
    return Frame(t, session, "client", body, name if step.kind is not None else "")
