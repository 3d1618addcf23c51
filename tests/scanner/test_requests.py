"""Scans over sockets, of a market that a test moves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.support.asking import Wire, opened
from tests.support.asking import session as scripted
from tests.support.desk import PATIENCE, Heard
from tests.support.scripted import ScriptedServer, text_body
from tests.support.sessions import SESSIONS, open_session
from twsloop import IBGateway, PaperGateway
from twsloop.errors import RequestError
from twsloop.paper.requests.handling import desk
from twsloop.paper.requests.scanner import ScannerDesk
from twsloop.scanner.builders import market_scan
from twsloop.scanner.requests import Scanner
from twsloop.scanner.state import ScanRow, ScanRows, read_row

Session = tuple[PaperGateway, IBGateway]


@pytest.fixture(scope="module", params=list(SESSIONS))
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with open_session(request.param) as pair:
        yield pair


def test_nothing_that_fits_is_an_empty_answer(session: Session) -> None:
    _, gw = session
    assert gw.scanner.scan("HALTED").result(PATIENCE) == []


def test_a_scan_that_goes_on_tells_an_empty_image_once(session: Session) -> None:
    _, gw = session
    heard = Heard()
    with gw.scanner.follow("HALTED", heard) as stream:
        assert heard.next() == ()
        assert stream.notice is not None
        assert stream.notice.code == 165
        assert stream.latest == ()
        # The end of the empty answer told nothing more before this.
        gw.news.providers().result(PATIENCE)
        assert heard.rest() == []


def test_equal_scans_share_one_at_the_gateway(session: Session) -> None:
    _, gw = session
    first, second = Heard(), Heard()
    scan = market_scan("MOST_ACTIVE", rows=5)
    with gw.scanner.follow(scan, first) as one:
        rows = first.next()
        assert [row.rank for row in rows] == list(range(5))
        with gw.scanner.follow(scan, second) as other:
            assert other.feed is one.feed
            assert second.next() == rows  # what is known, at once
        with gw.scanner.follow(scan, filters={"priceAbove": 1}) as filtered:
            assert filtered.feed is not one.feed


def test_equal_scans_under_way_are_one_at_the_gateway() -> None:
    with ScriptedServer(scripted) as server:
        for wire in opened(Wire(server)):
            scanner = Scanner(wire.core)
            first, second = scanner.scan("HALTED"), scanner.scan("HALTED")
            other = scanner.scan("MOST_ACTIVE")
            asked, _ = wire.await_request(2)
            wire.settle()
            assert len(wire.requests) == 2
            wire.reply(text_body(20, 3, asked[1], 0))
            assert first.result(PATIENCE) == second.result(PATIENCE) == []
            assert wire.await_request(3)[2] == ["23", "1", asked[1]]  # given back, once
            other.cancel()


def test_what_is_asked_is_not_changed_by_what_becomes_of_the_callers_object(
    session: Session,
) -> None:
    _, gw = session
    scan = market_scan("MOST_ACTIVE", rows=3)
    answer = gw.scanner.scan(scan)
    scan.scanCode = "NO_SUCH"
    assert len(answer.result(PATIENCE)) == 3


def test_an_unknown_scan_is_ibs_error_162(session: Session) -> None:
    _, gw = session
    with pytest.raises(RequestError) as caught:
        gw.scanner.scan("NO_SUCH").result(PATIENCE)
    assert caught.value.code == 162
    assert "scan NO_SUCH of STK.US.MAJOR" in str(caught.value)
    with gw.scanner.follow("NO_SUCH") as stream:
        stream.done.result(PATIENCE)
        assert isinstance(stream.error, RequestError)
        assert stream.error.code == 162


def test_a_scan_is_given_back_when_it_was_answered(session: Session) -> None:
    _, gw = session
    for _ in range(12):  # IB has room for ten at a time
        assert gw.scanner.scan(market_scan("MOST_ACTIVE", rows=1)).result(PATIENCE)


def test_a_scan_that_nobody_waits_for_is_cancelled(session: Session) -> None:
    paper, gw = session
    answer = gw.scanner.scan(market_scan("MOST_ACTIVE", rows=50))
    answer.cancel()
    gw.system.time().result(PATIENCE)  # answered after whatever was sent for it
    assert paper.on_loop(lambda: desk(paper.hub, ScannerDesk).open) == 0


def test_more_scans_than_ib_has_room_for(session: Session) -> None:
    _, gw = session
    codes = ["MOST_ACTIVE", "TOP_PERC_GAIN"]
    scans = [market_scan(code, rows=rows) for code in codes for rows in range(1, 6)]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(gw.scanner.follow(scan)) for scan in scans]
        for stream in streams:
            assert next(stream.items(PATIENCE))
        one_more = gw.scanner.follow(market_scan("MOST_ACTIVE", rows=9))
        one_more.done.result(PATIENCE)
        assert isinstance(one_more.error, RequestError)
        assert one_more.error.code == 162
        assert all(stream.active for stream in streams)
    gw.system.time().result(PATIENCE)
    assert gw.scanner.scan(market_scan("MOST_ACTIVE", rows=1)).result(PATIENCE)


def test_a_cancel_that_was_asked_for_is_no_error(session: Session) -> None:
    _, gw = session
    gw.scanner.scan(market_scan("MOST_ACTIVE", rows=1)).result(PATIENCE)
    gw.news.providers().result(PATIENCE)  # answered after the cancel
    told = [notice for notice in gw.errors.recent if notice.code == 162]
    assert {notice.severity for notice in told if "cancelled" in notice.text} == {"info"}


def test_rows_are_sorted_and_their_texts_may_be_missing() -> None:
    class Details:
        contract = None

    def row(rank: int) -> ScanRow:
        return read_row(rank, Details, "", " ", "5%", "")

    rows = ScanRows()
    rows.add(row(1))
    rows.add(row(0))
    image = rows.end()
    assert image is not None
    assert [(one.rank, one.distance, one.projection) for one in image] == [
        (0, None, "5%"),
        (1, None, "5%"),
    ]
    assert rows.nothing_found() == ()
    assert rows.end() is None
    assert rows.end() == ()
