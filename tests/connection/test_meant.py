"""What an error without an id says of the request that it refuses."""

from __future__ import annotations

import pytest

from twsloop.connection.meant import keys_meant

VALIDATING = "Error validating request.-'bF' : cause - "


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (VALIDATING + "FA data operations ignored for non FA customers", {"fa"}),
        ("You have unsaved FA changes. Please retry 'request FA' operation later", {"fa"}),
        ("Some error occured during communication with Advisor Setup web-app", {"fa"}),
        (
            "Unable to subscribe to account as the following clients are subscribed to",
            {"account_updates"},
        ),
        (VALIDATING + "The API interface is currently in Read-Only mode.", set()),
        ("Error validating request", set()),
        ("Failure of a family of fables", set()),
    ],
)
def test_what_a_text_speaks_of(text: str, keys: set[str]) -> None:
    assert keys_meant(text) == keys
