"""The gateway's settings as paths and values."""

from __future__ import annotations

import pytest
from ibapi.protobuf.ConfigResponse_pb2 import ConfigResponse
from ibapi.protobuf.UpdateConfigResponse_pb2 import UpdateConfigResponse

from twsloop.system.configuration import (
    ConfigMessage,
    ConfigWarning,
    read_configuration,
    read_update,
    update_request,
)


def test_only_what_the_gateway_names_is_there() -> None:
    answer = ConfigResponse(reqId=1)
    answer.api.settings.readOnlyApi = False
    answer.api.settings.trustedIPs[:] = ["127.0.0.1", "10.0.0.1"]
    answer.orders.smartRouting.defaultAlgorithm = "SMART"
    answer.messages.add(id=131, title="t", message="m", defaultAction="OK", enabled=True)
    config = read_configuration(answer)
    assert config.values == {
        "api.settings.readOnlyApi": False,
        "api.settings.trustedIPs": ("127.0.0.1", "10.0.0.1"),
        "orders.smartRouting.defaultAlgorithm": "SMART",
    }
    assert config["api.settings.readOnlyApi"] is False
    assert config.get("api.settings.socketPort") is None
    assert config.messages == (ConfigMessage(131, "t", "m", "OK", True),)


def test_a_change_names_paths_values_messages_and_what_is_accepted() -> None:
    request = update_request(
        {
            "api.precautions.bypassBondWarning": True,
            "api.settings.masterClientId": 7,
            "api.settings.trustedIPs": ("127.0.0.1",),
            "lockAndExit.autoLogoffTime": "23:45",
        },
        messages={131: False},
        accepted=[ConfigWarning(5, "t", "m")],
    )
    assert request.api.precautions.bypassBondWarning is True
    assert request.api.settings.masterClientId == 7
    assert list(request.api.settings.trustedIPs) == ["127.0.0.1"]
    assert request.lockAndExit.autoLogoffTime == "23:45"
    assert [(one.id, one.enabled) for one in request.messages] == [(131, False)]
    assert [one.messageId for one in request.acceptedWarnings] == [5]
    assert not request.HasField("resetAPIOrderSequence")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("api.settings.noSuch", True, "no setting 'api.settings.noSuch'"),
        ("api.settings", True, "no setting"),
        ("api", True, "no setting"),
        ("reqId", 1, "no setting"),
        ("resetAPIOrderSequence", True, "no setting"),
        ("api.settings.readOnlyApi.deeper", True, "no setting"),
        ("", True, "no setting"),
        ("api.settings.masterClientId", "seven", "cannot be 'seven'"),
        ("api.settings.masterClientId", True, "cannot be True"),
        ("api.settings.readOnlyApi", ("a",), "cannot be"),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_words(path: str, value: bool, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        update_request({path: value})


def test_no_change_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to change"):
        update_request({})


def test_what_became_of_a_change_is_read() -> None:
    answer = UpdateConfigResponse(status="error", message="no", errors=["configuration.api.x"])
    answer.warnings.add(messageId=5, title="t", message="m")
    update = read_update(answer)
    assert (update.made, update.text, update.errors) == (False, "no", ("configuration.api.x",))
    assert update.warnings == (ConfigWarning(5, "t", "m"),)
    made = read_update(
        UpdateConfigResponse(status="success", changedFields=["configuration.api.a"])
    )
    assert (made.made, made.changed) == (True, ("api.a",))
