"""What is asked about companies, seen at the server: its order, its cancels, and its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest
from ibapi.contract import Contract

from tests.support.asking import Wire, opened, session
from tests.support.clients import PATIENCE
from tests.support.fake_tws import FakeTws, message
from tests.support.scripted import ScriptedServer, text_body
from twsloop import Config, IBGateway, stock
from twsloop.contracts import symbol_of, to_contract
from twsloop.errors import ContractError, RequestError
from twsloop.news.companies import Fundamentals
from twsloop.news.requests import News

META = {"meta_data": {"event_types": [{"tag": "wshe_ed", "name": "Earnings Date"}]}}
EVENTS = [{"event_type": "wshe_ed", "index_date": "20260302", "conids": ["265598"]}]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with ScriptedServer(session) as server:
        yield from opened(Wire(server))


@pytest.fixture
def news(wire: Wire) -> News:
    return News(wire.core, to_contract=to_contract, label=symbol_of)


def apple() -> Contract:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def test_events_come_after_their_metadata_which_is_asked_once(wire: Wire, news: News) -> None:
    first = news.wsh_events(apple(), tag="wshe_ed", start=date(2026, 1, 1), limit=10)
    second = news.wsh_events(apple())
    ((number, meta_id),) = wire.await_request()
    assert number == "100"
    wire.reply(text_body(104, meta_id, json.dumps(META)))
    _, (number, asked, *fields) = wire.await_request(2)
    assert number == "102"
    assert json.loads(fields[1])["wshe_ed"] == "true"
    assert fields[5:8] == ["20260101", "", "10"]
    wire.settle()
    assert len(wire.requests) == 2  # IB takes one question at a time
    wire.reply(text_body(105, asked, json.dumps(EVENTS)))
    assert [event.day for event in first.result(PATIENCE)] == [date(2026, 3, 2)]
    _, _, (number, asked, *fields) = wire.await_request(3)
    assert (number, fields[0]) == ("102", "265598")
    wire.reply(text_body(105, asked, "[]"))
    assert second.result(PATIENCE) == []
    assert news.wsh_meta().result(PATIENCE).event_types[0].name == "Earnings Date"
    assert len(wire.requests) == 3


def test_a_question_that_nobody_waits_for_is_cancelled(wire: Wire, news: News) -> None:
    meta = news.wsh_meta()
    ((_, meta_id),) = wire.await_request()
    meta.cancel()
    assert wire.await_request(2)[1] == ["101", meta_id]
    events = news.wsh_events(apple())
    *_, (_, meta_id) = wire.await_request(3)
    wire.reply(text_body(104, meta_id, json.dumps(META)))
    *_, (number, asked, *_rest) = wire.await_request(4)
    assert number == "102"
    events.cancel()
    assert wire.await_request(5)[4] == ["103", asked]
    report = news.fundamentals(apple())
    asked = wire.await_request(6)[5][2]
    report.cancel()
    assert wire.await_request(7)[6] == ["53", "1", asked]


def test_an_answer_that_is_no_json_is_the_requests_error(wire: Wire, news: News) -> None:
    meta = news.wsh_meta()
    ((_, meta_id),) = wire.await_request()
    wire.reply(text_body(104, meta_id, "no json"))
    with pytest.raises(RequestError, match=r"metadata of Wall Street Horizon: .* no JSON"):
        meta.result(PATIENCE)


def test_a_report_is_passed_on(wire: Wire, news: News) -> None:
    report = news.fundamentals(apple(), Fundamentals.RATIOS)
    (fields,) = wire.await_request()
    assert fields[:2] == ["52", "2"]
    assert "ReportRatios" in fields
    wire.reply(text_body(51, 1, fields[2], "<Report/>"))
    assert report.result(PATIENCE) == "<Report/>"


def test_who_has_nobody_to_look_contracts_up_says_so(wire: Wire, news: News) -> None:
    with pytest.raises(ContractError, match="AAPL has no conId"):
        news.wsh_events("AAPL").result(PATIENCE)
    wire.settle()
    assert wire.requests == []


def test_more_than_one_contract_is_an_error_that_names_them(wire: Wire) -> None:
    class Row:
        def __init__(self, con_id: int, exchange: str) -> None:
            self.contract = stock("IBM", exchange)
            self.contract.conId = con_id

    async def details(_contract: Contract, _limit: float | None) -> list[Row]:
        return [Row(1, "SMART"), Row(2, "LSE")]

    news = News(wire.core, to_contract=to_contract, label=symbol_of, details=details)
    with pytest.raises(ContractError, match="IBM is 2 contracts") as caught:
        news.headlines("IBM", providers="BRFG").result(PATIENCE)
    assert len(caught.value.candidates) == 2


def test_answers_in_protobuf_are_read_as_well() -> None:
    with (
        FakeTws() as server,
        IBGateway(Config.load(overrides={"connection.port": server.port})) as gw,
    ):
        events = gw.news.wsh_events(apple())
        meta = server.next("reqWshMetaData")
        server.say(message("wshMetaData", reqId=meta.reqId, dataJson=json.dumps(META)))
        asked = server.next("reqWshEventData")
        assert asked.conId == 265598
        server.say(message("wshEventData", reqId=asked.reqId, dataJson=json.dumps(EVENTS)))
        assert [event.tag for event in events.result(PATIENCE)] == ["wshe_ed"]
        report = gw.news.fundamentals(apple())
        asked = server.next("reqFundamentalData")
        server.say(message("fundamentalData", reqId=asked.reqId, data="<Report/>"))
        assert report.result(PATIENCE) == "<Report/>"
