"""The gateway itself over sockets: advisors, display groups, settings."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.support.desk import PATIENCE, Heard
from tests.support.sessions import SESSIONS, open_session
from twsloop import IBGateway, PaperGateway, stock
from twsloop.errors import NotConnected, RequestError
from twsloop.system.advisor import FaGroup, FaMember
from twsloop.system.configuration import ConfigUpdate, Setting
from twsloop.wire.framing import frame

Session = tuple[PaperGateway, IBGateway]


@pytest.fixture(scope="module", params=list(SESSIONS))
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with open_session(request.param, accounts=("DF7000000", "DU7000001", "DU7000002")) as pair:
        yield pair


def apple() -> object:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def test_an_advisors_groups_are_replaced_and_read(session: Session) -> None:
    _, gw = session
    groups = [
        FaGroup("both", "Equal", (FaMember("DU7000001"), FaMember("DU7000002"))),
        FaGroup("one", "Percent", (FaMember("DU7000001", Decimal("100.0")),)),
    ]
    assert gw.system.replace_fa_groups(groups).result(PATIENCE) == "success"
    assert gw.system.fa_groups().result(PATIENCE) == groups
    assert gw.system.fa_aliases().result(PATIENCE) == {name: name for name in gw.accounts}


def test_groups_with_accounts_that_there_are_not_are_ibs_error(session: Session) -> None:
    _, gw = session
    with pytest.raises(RequestError) as caught:
        gw.system.replace_fa_groups([FaGroup("x", "Equal", (FaMember("DU1"),))]).result(PATIENCE)
    assert caught.value.code == 10231


def test_a_display_group_shows_what_it_is_told_to(session: Session) -> None:
    _, gw = session
    heard, other = Heard(), Heard()
    number = gw.system.display_groups().result(PATIENCE)[0]
    with gw.system.display_group(number, heard) as group:
        assert heard.next().empty
        with gw.system.display_group(number, other) as second:
            assert second.feed is group.feed
            assert other.next().empty
            view = gw.system.show(group, apple()).result(PATIENCE)
            assert (view.con_id, view.exchange) == (265598, "SMART")
            assert heard.next() == view == other.next()
            assert group.state.shown == view
        # What it shows already is no change.
        assert gw.system.show(group, apple()).result(PATIENCE) == view
        assert gw.system.show(group, None).result(PATIENCE).empty
        assert heard.next().empty


def test_a_refused_change_does_not_end_the_subscription(session: Session) -> None:
    _, gw = session
    contract = stock("AAPL")
    contract.conId = 1
    heard = Heard()
    with gw.system.display_group(2, heard) as group:
        heard.next()
        with pytest.raises(RequestError) as caught:
            gw.system.show(group, contract).result(PATIENCE)
        assert caught.value.code == 321
        assert group.active
        assert gw.system.show(group, apple()).result(PATIENCE).con_id == 265598
    with pytest.raises(NotConnected):
        gw.system.show(group, None).result(PATIENCE)


def test_a_group_that_there_is_not_ends_the_stream(session: Session) -> None:
    _, gw = session
    with gw.system.display_group(99) as group:
        group.done.result(PATIENCE)
        assert isinstance(group.error, RequestError)
        assert group.error.code == 321
    with pytest.raises(ValueError, match="no contract id"):
        gw.system.show(group, "AAPL")


def test_settings_are_changed_all_or_none(session: Session) -> None:
    _, gw = session
    changes: dict[str, Setting] = {
        "api.precautions.bypassBondWarning": False,
        "api.settings.loggingLevel": "detail",
    }
    if (gw.serverVersion() or 0) < 221:
        with pytest.raises(RequestError) as caught:
            gw.system.update_configuration(changes).result(PATIENCE)
        assert caught.value.code == 503
        return
    update = gw.system.update_configuration(changes).result(PATIENCE)
    assert isinstance(update, ConfigUpdate)
    assert set(update.changed) == set(changes)
    config = gw.system.configuration().result(PATIENCE)
    assert {path: config[path] for path in changes} == changes
    with pytest.raises(RequestError, match=r"api\.settings\.readOnlyApi"):
        gw.system.update_configuration({"api.settings.readOnlyApi": True}).result(PATIENCE)
    with pytest.raises(ValueError, match="no setting"):
        gw.system.update_configuration({"api.nothing": True})


def test_a_message_that_nobody_knows_is_there_to_be_read(session: Session) -> None:
    paper, gw = session
    raw = (gw.serverVersion() or 0) > 200  # text begins with its number in digits
    body = (377).to_bytes(4, "big") + b"later" if raw else b"177\0later\0"

    def send() -> None:
        (client,) = paper.hub.clients.values()
        client._outlet.write(frame(body))

    paper.on_loop(send)
    gw.system.time().result(PATIENCE)
    (unknown,) = gw.system.unknown_messages
    assert (unknown.number, unknown.protobuf) == (177, raw)
    assert unknown.payload.rstrip(b"\0") == b"later"
