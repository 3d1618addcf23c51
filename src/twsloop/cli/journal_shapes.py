"""The JSON lines of ``twsloop journal`` and ``twsloop trace``."""

from __future__ import annotations

from .fields import anything, decimal, flag, moment, number, text, whole
from .journal_rows import ENTRY_COLUMNS
from .shapes import Line, line

__all__ = [
    "COPIED",
    "ENTRY",
    "EVENT",
    "EXPORTED",
    "FILL",
    "IMPORTED",
    "LATENCIES",
    "MOMENT",
    "ORDER",
    "RESTORED",
    "TRACED",
    "VERIFIED",
]

_ORDER = {
    "order_id": whole("its id within its client; 0 for one that was placed by hand"),
    "client_id": whole("whose order it is"),
    "perm_id": whole("IB's permanent id, once known", null=True),
    "account": text("the account it is for"),
    "symbol": text("the contract in short"),
}
_TAG = text("your own reference")
ORDER = Line(
    "journal_order",
    "An order as it stands, as far as the journal knows.",
    {
        **_ORDER,
        "action": text("BUY or SELL", null=True),
        "order_type": text("IB's word: MKT, LMT...", null=True),
        "quantity": decimal("the whole size; null for an order by cash", null=True),
        "filled": decimal("how much of it is filled"),
        "remaining": decimal("how much of it is open", null=True),
        "average_price": decimal("of what is filled", null=True),
        "limit_price": decimal("the limit, where it has one", null=True),
        "stop_price": decimal("the trigger, where it has one", null=True),
        "tif": text("its time in force", null=True),
        "status": text("where it is; empty before anything was told after its intent"),
        "ib_status": text("the gateway's last word"),
        "uncertain": flag("whether nobody knows what became of it"),
        "reason": text("why it is where it is"),
        "error_code": whole("IB's code of what ended it", null=True),
        "commission": decimal("of all its executions, once reported", null=True),
        "realized_pnl": decimal("what it earned, if it closed something", null=True),
        "parent_id": whole("the order that it is attached to; 0 for none"),
        "tag": _TAG,
        "token": text("ours, in its reference; empty for an order that we did not make"),
        "origin": text("what made it"),
        "purpose": text("why, in the program's words"),
        "revision": whole("how often a change of it was to leave", null=True),
        "epoch": whole("the session of its process it was meant for first", null=True),
        "created_at": moment("when it was first told of"),
        "sent_at": moment("when the socket took it first", null=True),
        "answered_at": moment("when the gateway first told of it", null=True),
        "ended_at": moment("when it was over", null=True),
        "updated_at": moment("when it was last told of"),
    },
)
FILL = Line(
    "journal_fill",
    "An execution in its latest version, with what it cost.",
    {
        "time": moment("when it was made"),
        **_ORDER,
        "side": text("BOT or SLD"),
        "shares": decimal("how much"),
        "price": decimal("at what price"),
        "exchange": text("the venue that filled it"),
        "exec_id": text("IB's execution id"),
        "corrects": text("the execution id that this one replaces", null=True),
        "commission": decimal("what it cost, once reported", null=True),
        "commission_currency": text("of the commission and of the profit", null=True),
        "realized_pnl": decimal("what it earned, if it closed something", null=True),
        "tag": _TAG,
        "order_status": text("where its order is", null=True),
    },
)
EVENT = line(
    "journal_event",
    "Something that happened to an order.",
    seq=whole("which entry of the journal it is"),
    time=moment("when it was known"),
    epoch=whole("the session it belongs to; 0 for none"),
    client_id=whole("whose order it is"),
    order_id=whole("its id within its client; 0 for one that was placed by hand"),
    perm_id=whole("IB's permanent id, once known", null=True),
    kind=text("the kind of fact"),
    source=text("what brought it"),
    account=text("where the fact says so", null=True),
    symbol=text("where the fact says so", null=True),
    tag=text("your own reference, where the fact says so", null=True),
    status=text("where it is another one now", null=True),
    filled=decimal("how much is filled, likewise", null=True),
    remaining=decimal("how much is open, likewise", null=True),
    average_price=decimal("of what is filled, likewise", null=True),
    reason=text("why, in words", null=True),
    correlation_id=text("the order's story"),
)
_ENTRY = {
    "seq": whole("its number"),
    "time": moment("when it was known"),
    "kind": text("the kind of fact"),
    "epoch": whole("the session it belongs to; 0 for none"),
    "correlation_id": text("the story that it belongs to"),
    "text": text("what it says, in words"),
    "hash": text("made of it and of the hash before it"),
    "fact": anything("the fact with all its fields"),
}
ENTRY = Line(
    "journal_entry",
    "An entry of the journal.",
    {name: _ENTRY[name] for name in (*ENTRY_COLUMNS, "fact")},
)
VERIFIED = line(
    "verified",
    "Whether the journal is as it was written.",
    file=text("the file"),
    ok=flag("whether nothing is wrong"),
    why=text("what is wrong first; empty if nothing is"),
    broken=whole("number of the first entry that is wrong", null=True),
    entries=whole("how many entries were found to be right"),
    newest=whole("number of the newest of them; 0 if there is none"),
    hash=text("its hash: note both"),
    moved=whole("number of the last entry that was moved away; 0 if none was"),
    unread=whole("how many entries have a fact that this version cannot read"),
)
COPIED = line("copied", "The journal was copied.", file=text("the copy"))
EXPORTED = line("exported", "The journal was written as JSON lines.", file=text("the file"))
IMPORTED = line(
    "imported",
    "A journal was made of JSON lines.",
    file=text("the journal"),
    entries=whole("how many entries it has"),
)
RESTORED = line(
    "restored",
    "What a program left behind was written into the journal.",
    file=text("the journal"),
    dry_run=flag("nothing was written: it says what would be"),
    facts=whole("how many facts the program left"),
    new=whole("how many of them were written"),
    known=whole("how many the journal had already"),
    passed_over=whole("how many the journal knows a later word of"),
)
TRACED = Line("order", "The order that the story is of.", ORDER.fields)
MOMENT = line(
    "moment",
    "One moment of the story.",
    hop=text("where it is on its way: call, verdict, intent, frame, answer..."),
    text=text("what happened"),
    time=moment("when"),
    took=number("seconds since the moment before", null=True),
    since=number("seconds since the first moment", null=True),
    seq=whole("which entry of the journal it is", null=True),
)
LATENCIES = Line(
    "latencies",
    "What each part of the way took; a part whose end was not told is left out.",
    {
        name: number(meaning, missing=True)
        for name, meaning in {
            "decided": "seconds from the call to the intent",
            "left": "seconds from the intent to the socket",
            "answered": "seconds from the socket to the gateway's first word",
            "filled": "seconds from the socket to the first execution",
            "paid": "seconds from the last execution to the last commission",
            "whole": "seconds from the call to the end",
        }.items()
    },
)
