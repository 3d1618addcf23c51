"""``twsloop doctor``: a verdict a step, and an exit code for a HEALTHCHECK."""

from __future__ import annotations

import json
import socket

import jsonschema  # type: ignore[import-untyped]

from tests.support.in_process import Said, said
from tests.support.stand_in_ibc import free_port
from twsloop.cli.doctor import doctor
from twsloop.cli.shapes import lines_of, schema_of
from twsloop.paper.server import PaperGateway

__all__ = ["said"]  # a fixture

SCHEMA = schema_of(lines_of(doctor) or (), strict=True)


def test_a_gateway_that_is_well(said: Said, paper_gateway: PaperGateway) -> None:
    code, out, complaints = said("--port", str(paper_gateway.port), "doctor")
    assert (code, complaints) == (0, "")
    for words in ("ok       tcp", "server version 225", "DU***567", "EUR.USD: bid", "\nhealthy"):
        assert words in out
    assert "DU1234567" not in out


def test_for_programs(said: Said, paper_gateway: PaperGateway) -> None:
    port = str(paper_gateway.port)
    given = ("--port", port, "doctor", "--symbol", "AAPL", "--json")
    code, out, complaints = said(*given)
    assert (code, complaints) == (0, "")
    lines = [json.loads(one) for one in out.splitlines()]
    for one in lines:
        jsonschema.validate(one, SCHEMA)
    assert [one["event"] for one in lines] == ["verdict"] * 12 + ["doctor"]
    assert lines[-1]["healthy"] is True
    assert next(one for one in lines if one.get("step") == "quote")["facts"]["symbol"] == "AAPL"


def test_nobody_listens(said: Said) -> None:
    given = ("--port", str(free_port()), "doctor")
    code, out, complaints = said(*given)
    assert (code, complaints) == (1, "")
    assert "failed   tcp" in out
    assert "-> start it (twsloop start)" in out
    assert "not healthy: tcp" in out
    code, out, complaints = said(*given, "--json")
    assert (code, complaints) == (1, "")
    assert json.loads(out.splitlines()[-1])["failed"] == ["tcp"]


def test_live_with_a_gate_closed_is_looked_at_from_outside(said: Said) -> None:
    said.environ({"TWSLOOP_CONNECTION_MODE": "live"})
    with socket.create_server(("127.0.0.1", 0)) as listens:
        code, out, complaints = said("--port", str(listens.getsockname()[1]), "doctor")
    assert (code, complaints) == (1, "")
    assert "ok       tcp" in out
    assert "failed   session" in out
    assert "[live] override_file is not set" in out
    assert "not healthy: session" in out
    code, out, _ = said("--port", str(free_port()), "doctor")
    assert code == 1
    assert "not healthy: tcp" in out


def test_one_of_its_own(said: Said) -> None:
    code, out, complaints = said("--paper", "doctor")
    assert (code, complaints) == (0, "")
    assert out.endswith("\nhealthy\n")
