"""Everything that can be done about a code, by the word of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from twsloop.events import Ends

__all__ = ["ACTIONS", "FIXED", "Action"]


@attrs.frozen
class Action:
    """Something that is done about a code.

    Attributes:
        ends: What it brings to its end.
        words: What twsloop does, for people.
    """

    ends: Ends
    words: str


#: Everything that can be done, by the word of the tables.
ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "keep": Action(Ends.NOTHING, "Nothing ends; it is noted, and told to whom it concerns."),
        "end_order": Action(
            Ends.ORDER, "The order is over: rejected, or cancelled where it was working."
        ),
        "refuse_change": Action(
            Ends.CHANGE,
            "The modification or cancel is refused; the order stays as it was.",
        ),
        "query_order": Action(
            Ends.NOTHING,
            "The order's fate is not known: it keeps its state until the gateway's lists tell; it "
            "is never sent again.",
        ),
        "end_request": Action(
            Ends.REQUEST, "The request gets no (further) answer; whoever waits gets the error."
        ),
        "retry": Action(
            Ends.REQUEST,
            "This attempt is over. What twsloop asked by itself is held back and asked again; a "
            "request of the program's own fails.",
        ),
        "ask_again": Action(
            Ends.REQUEST, "A subscription that was answered once is asked for again, after pauses "
            "that grow, and when what it lacks is back; one that never was is over.",
        ),
        "resubscribe": Action(
            Ends.REQUEST, "The gateway has ended the subscription; it is asked for anew."
        ),
        "wait": Action(
            Ends.REQUEST, "The subscription is silent for now; it is tried again until data comes."
        ),
        "farm_lost": Action(
            Ends.NOTHING, "Subscriptions that the farm serves are interrupted; nothing else is."
        ),
        "farm_back": Action(
            Ends.NOTHING, "Subscriptions of the farm are looked at: those that stay silent are "
            "asked for anew.",
        ),
        "degrade": Action(
            Ends.NOTHING, "The session is DEGRADED, and every subscription is interrupted."
        ),
        "renew_all": Action(
            Ends.NOTHING, "The session is READY again; every subscription is asked for anew."
        ),
        "verify_all": Action(
            Ends.NOTHING, "The session is READY again; subscriptions go on, and are looked at."
        ),
        "reconnect": Action(
            Ends.SESSION, "The session ends, and is made again as [reconnect] says."
        ),
    }
)  # fmt: skip

#: What the session and its subscriptions live by: these happen by themselves. Of a code that does
#: one of them in a context, a program may choose the severity there, and nothing else.
FIXED = frozenset(
    {"retry", "wait", "farm_lost", "farm_back", "degrade", "renew_all", "verify_all", "reconnect"}
)
