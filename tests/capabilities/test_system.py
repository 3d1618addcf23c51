"""The gateway itself, on any gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.capabilities.conftest import PATIENCE
from tests.support.desk import Heard
from twsloop import IBGateway
from twsloop.errors import RequestError
from twsloop.events import Notice
from twsloop.system.state import LogLevel


def test_the_gateways_time_is_utc_and_near_ours(gw: IBGateway) -> None:
    told = gw.system.time().result(PATIENCE)
    assert told.tzinfo is UTC
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_gateways_clock_is_laid_beside_ours(gw: IBGateway) -> None:
    reading = gw.system.clock().result(PATIENCE)
    assert abs(reading.skew) < 300
    assert 0 <= reading.round_trip < PATIENCE
    assert reading.resolution == 0.001
    assert reading.uncertainty >= reading.round_trip / 2


def test_the_login_has_a_next_order_id(gw: IBGateway) -> None:
    assert gw.system.next_valid_id().result(PATIENCE) >= 1


def test_the_login_may_have_a_brand_and_soft_dollars(gw: IBGateway) -> None:
    brand = gw.system.user_info().result(PATIENCE).white_branding_id
    assert brand is None or brand
    assert isinstance(gw.system.soft_dollar_tiers().result(PATIENCE), list)


def test_the_log_level_is_set_without_an_answer(gw: IBGateway) -> None:
    assert gw.system.set_log_level(LogLevel.ERROR).result(PATIENCE) is None
    with pytest.raises(ValueError, match="9 is not a valid LogLevel"):
        gw.system.set_log_level(9)


def test_only_advisors_have_groups(gw: IBGateway) -> None:
    with pytest.raises(RequestError) as caught:
        gw.system.fa_groups().result(PATIENCE)
    assert caught.value.code == 321
    assert "advisor's groups" in str(caught.value)


def test_display_groups_are_numbers(gw: IBGateway) -> None:
    groups = gw.system.display_groups().result(PATIENCE)
    assert all(number > 0 for number in groups)


def test_settings_are_read_where_the_gateway_tells_them(gw: IBGateway) -> None:
    answer = gw.system.configuration()
    if (gw.serverVersion() or 0) < 219:
        with pytest.raises(RequestError) as caught:
            answer.result(PATIENCE)
        assert caught.value.code == 503
    else:
        assert answer.result(PATIENCE).values


def test_verification_stays_raw_and_is_refused_with_ibs_errors(gw: IBGateway) -> None:
    # It wants an agreement with IB, and a connection that announced it in its first message.
    heard = Heard()
    end = gw.observe(Notice, heard)
    try:
        # IB's own client refuses the first two; the code depends on its way of writing them.
        gw.verifyRequest("twsloop", "1.0")
        assert heard.next(PATIENCE).code in {544, 545}
        gw.verifyAndAuthRequest("twsloop", "1.0", "key")
        assert heard.next(PATIENCE).code == 551
        gw.verifyMessage("data")
        assert heard.next(PATIENCE).code in {320, 321}
        gw.verifyAndAuthMessage("data", "response")
        assert heard.next(PATIENCE).code in {320, 321}
    finally:
        end()


async def test_the_time_is_awaited_as_well(gw: IBGateway) -> None:
    assert (await gw.system.time()).tzinfo is UTC
