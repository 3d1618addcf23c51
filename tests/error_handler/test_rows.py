"""The rows of the policy's table: each can be read, and is one that can be meant."""

from __future__ import annotations

import pytest

from twsloop.error_handler.actions import ACTIONS, FIXED
from twsloop.error_handler.rows import load_policy, read_policy

HEAD = "match,text,context,action,category,severity,retry,scope,what_happens_next,because\n"


def test_every_action_is_somewhere_and_says_what_it_does() -> None:
    used = {row.action for row in load_policy().rows if row.action}
    assert used == set(ACTIONS)
    assert set(ACTIONS) >= FIXED
    for name, action in ACTIONS.items():
        assert action.words.endswith("."), name


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("300,,nowhere,keep,,,,,,", "line 2: there is no context 'nowhere'"),
        ("300,,*,explode,,,,,,", "line 2: there is no action 'explode'"),
        ("many,,*,keep,,,,,,", "line 2: 'many' is no code, range or kind"),
        ("category:stuff,,*,keep,,,,,,", "line 2: there is no category 'stuff'"),
        ("300,,*,,,loud,,,,", "line 2: there is no severity 'loud'"),
        ("300,,*,,,,,,,", "line 2: it says nothing"),
        ("300,,*,keep,,,,,,\n300,,request,end_request,,,,,,", "line 3: decided by an earlier row"),
        ("300,,*,keep,,,,,,", r"no row '\*' for connection, order_live, order_new, request"),
    ],
)
def test_a_table_that_cannot_be_meant_does_not_load(row: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_policy(f"{HEAD}{row}\n")
