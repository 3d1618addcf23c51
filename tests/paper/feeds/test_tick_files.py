"""Reading tick files: what rows become, what is counted, what is refused, and the oracle."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.projection_oracle import oracle
from twsloop.errors import FeedError
from twsloop.paper.feeds.tick_files import CURRENCY_SIZE, ReplayStats, TickFiles, window_time
from twsloop.paper.market import ticks
from twsloop.paper.market.vocabulary import Event, QuoteChange, TopOfBook, Trade

DATA = Path(__file__).parents[4] / "shared" / "data" / "market"
HEADER = (
    "ts_utc,kind,exch,bid,bid_size,ask,ask_size,price,size,cond,suspicious,"
    "nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size"
)
ROWS = """\
2013-10-07T08:00:00.054Z,Q,Q,,,183.63,100,,,1,0,,,183.63,100
2013-10-07T08:00:00.241Z,Q,P,180.01,300,,,,,1,0,180.01,300,183.63,100
2013-10-07T08:00:00.241Z,Q,N,180.01,300,,,,,1,0,180.01,300,183.63,100
2013-10-07T08:00:01.000Z,T,N,,,,,182,50,1,0,180.01,300,183.63,100
2013-10-07T08:00:01.500Z,Q,P,,,999,1,,,1,1,180.01,300,999,1
2013-10-07T08:00:02Z,T,N,,,,,182,50,1,0,180.01,300,183.63,100
2013-10-07T08:00:03.000000001Z,Q,N,180.01,200,,,,,1,0,180.01,200,183.63,100
2013-10-07T08:00:04Z,Q,P,,,,,,,1,0,180.01,200,,
"""
IBM = 8314
START = 1_381_132_800_000_000_000  # 2013-10-07 08:00 UTC


def write(path: Path, rows: str = ROWS, header: str = HEADER) -> Path:
    text = f"{header}\n{rows}"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def needs(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/market/{name}: not here")
    return path


def quote(at_ns: int, bid: Any, ask: Any, venues: tuple[str, str], con_id: int = IBM) -> Event:
    return QuoteChange(
        con_id,
        START + at_ns,
        None if bid is None else bid[0],
        None if bid is None else Decimal(bid[1]),
        None if ask is None else ask[0],
        None if ask is None else Decimal(ask[1]),
        *venues,
    )


EVENTS = [
    quote(54_000_000, None, (183.63, 100), ("", "Q")),
    quote(241_000_000, (180.01, 300), (183.63, 100), ("P", "Q")),
    Trade(IBM, START + 1_000_000_000, 182.0, Decimal(50), "N"),
    Trade(IBM, START + 2_000_000_000, 182.0, Decimal(50), "N"),
    quote(3_000_000_001, (180.01, 200), (183.63, 100), ("N", "Q")),
    quote(4_000_000_000, (180.01, 200), None, ("N", "Q")),
]


@pytest.mark.parametrize("name", ["IBM_20131007_tick.csv", "IBM.csv.gz", "ibm_x.csv"])
def test_rows_become_events(tmp_path: Path, name: str) -> None:
    files = TickFiles(write(tmp_path / name))
    assert list(files.events()) == EVENTS
    assert files.stats == ReplayStats(rows=8, quotes=4, trades=2, repeats=1, suspicious=1)
    assert files.traded == {IBM}


def test_files_can_be_read_again(tmp_path: Path) -> None:
    files = TickFiles([write(tmp_path / "IBM.csv")])
    assert list(files.events()) == list(files.events())


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    names = HEADER.split(",")
    order = sorted(range(len(names)), key=lambda n: names[n])
    rows = "".join(",".join(line.split(",")[n] for n in order) + "\n" for line in ROWS.splitlines())
    header = ",".join(names[n] for n in order)
    assert list(TickFiles(write(tmp_path / "IBM.csv", rows, header)).events()) == EVENTS


def test_a_window_begins_with_nothing_and_ends_before_its_end(tmp_path: Path) -> None:
    files = TickFiles(
        write(tmp_path / "IBM.csv"),
        since=window_time("2013-10-07T08:00:02Z"),
        until=window_time("2013-10-07T08:00:04"),
    )
    assert list(files.events()) == [
        quote(2_000_000_000, (180.01, 300), (183.63, 100), ("", "")),
        EVENTS[3],
        quote(3_000_000_001, (180.01, 200), (183.63, 100), ("N", "")),
    ]
    assert files.stats.outside == 5


def test_currency_files(tmp_path: Path) -> None:
    rows = "2014-05-06T05:00:00.339Z,1.38833,1.38835\n2014-05-06T05:00:00.400Z,1.38833,1.38835\n"
    write(tmp_path / "EURUSD_20140506_fxcm_tick.csv.gz", rows, "ts_utc,bid,ask")
    files = TickFiles(tmp_path)
    (event,) = files.events()
    assert isinstance(event, QuoteChange)
    assert (event.con_id, event.bid, event.ask) == (12087792, 1.38833, 1.38835)
    assert event.bid_size == event.ask_size == CURRENCY_SIZE
    assert files.stats == ReplayStats(rows=2, quotes=1, repeats=1)


def test_the_other_form_of_time_stamps(tmp_path: Path) -> None:
    rows = "2013-01-01 22:00:00.295000+00:00,86.655,86.728\n"
    files = TickFiles(write(tmp_path / "USDJPY_x.csv", rows, "timestamp,bid,ask"))
    (event,) = files.events()
    time = datetime(2013, 1, 1, 22, 0, 0, 295_000, tzinfo=UTC)
    assert event.time_ns == int(time.timestamp() * 1000) * 1_000_000


def test_symbols_that_the_catalogue_lacks_are_added(tmp_path: Path) -> None:
    write(tmp_path / "ZZZZ_1.csv")
    write(tmp_path / "CHFSEK.csv", "2014-05-06T05:00:00Z,7.1,7.2\n", "ts_utc,bid,ask")
    files = TickFiles(tmp_path)
    stock, pair = (files.instruments.by_symbol(name) for name in ("ZZZZ", "CHF.SEK"))
    assert stock is not None
    assert pair is not None
    assert (stock.sec_type, pair.sec_type, pair.currency) == ("STK", "CASH", "SEK")
    assert files.traded == {stock.con_id, pair.con_id}


def test_the_catalogue_is_of_the_datas_day(tmp_path: Path) -> None:
    files = TickFiles(write(tmp_path / "IBM.csv"))
    assert files.instruments.by_symbol("ESZ3") is not None


def test_files_merge_by_time_and_ties_by_path(tmp_path: Path) -> None:
    line = "2013-10-07T08:00:0{0}Z,T,N,,,,,{1},1,1,0,,,,\n"
    write(tmp_path / "IBM_1.csv", line.format(1, 10) + line.format(2, 20) + line.format(2, 21))
    write(tmp_path / "BAC_1.csv.gz", line.format(0, 1) + line.format(2, 2) + line.format(3, 3))
    write(tmp_path / "IBM_2.csv", line.format(5, 50))
    (tmp_path / "notes.txt").write_text("no data")
    prices = [event.price for event in TickFiles(tmp_path).events() if isinstance(event, Trade)]
    assert prices == [1, 10, 2, 20, 21, 3, 50]


def test_a_second_day_begins_with_the_quote_of_the_first(tmp_path: Path) -> None:
    """Repeats are those of the instrument, not of the file."""
    first = "2013-10-07T08:00:00Z,Q,N,,,,,,,1,0,1,100,2,100\n"
    write(tmp_path / "IBM_1.csv", first)
    write(tmp_path / "IBM_2.csv", first.replace("10-07", "10-08"))
    files = TickFiles(tmp_path)
    assert len(list(files.events())) == 1
    assert files.stats.repeats == 1


GOOD = ROWS.splitlines()[0]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("2013-10-07T08:00:00.100Z,Q,Q", "3 columns, the header has 15"),
        (GOOD.replace(",Q,Q", ",X,Q").replace("00.054", "01"), "kind 'X'"),
        (GOOD.replace("2013-10-07T08:00:00.054Z", "yesterday"), "time stamp 'yesterday'"),
        (GOOD.replace("00.054Z", "00.054"), "time stamp"),
        (GOOD.replace("00.054Z", "xx.054Z"), "time stamp"),
        (GOOD.replace("00.054Z", "00.05x4Z"), "time stamp"),
        (GOOD.replace("08:00:00.054", "07:59:59"), "time goes back"),
        (GOOD.replace("00.054", "01").replace("183.63", "cheap"), "cheap"),
        (GOOD.replace("00.054", "01").replace("183.63", "nan"), "price 'nan'"),
        (GOOD.replace("00.054", "01").replace("183.63", "-1"), "price '-1'"),
        (GOOD.replace("00.054", "01").removesuffix("100") + "many", "size 'many' is not 0 or more"),
        (GOOD.replace("00.054", "01").removesuffix("100") + "-5", "size '-5'"),
        (GOOD.replace("00.054", "01").replace(",Q,Q", ",T,Q"), "could not convert"),
    ],
)
def test_a_row_that_cannot_be_read_names_file_and_line(
    tmp_path: Path, bad: str, problem: str
) -> None:
    files = TickFiles(write(tmp_path / "IBM.csv.gz", f"{GOOD}\n{bad}\n{GOOD}\n"))
    events: list[Event] = []
    with pytest.raises(FeedError) as caught:
        events.extend(files.events())
    assert (caught.value.file, caught.value.line) == ("IBM.csv.gz", 3)
    assert problem in caught.value.problem
    assert str(caught.value).startswith("IBM.csv.gz:3: ")


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        (b"", "the file is empty", 1),
        (b"a,b,c\n", "the header lacks ts_utc", 1),
        (b"bid,ask\n", "the header lacks timestamp", 1),
        (b"ts_utc,bid,ask\nnow,1,2\n", "time stamp 'now'", 2),
        (b"bid,ask,ts_utc\n1,2\n", "2 columns, the header has 3", 2),
    ],
)
def test_a_file_that_is_none_is_refused_at_once(
    tmp_path: Path, content: bytes, problem: str, line: int
) -> None:
    path = tmp_path / "IBM.csv"
    path.write_bytes(content)
    with pytest.raises(FeedError, match=problem) as caught:
        TickFiles(path)
    assert (caught.value.file, caught.value.line) == ("IBM.csv", line)


def test_a_file_without_rows_is_none_but_harms_no_other(tmp_path: Path) -> None:
    write(tmp_path / "BAC.csv", rows="")
    with pytest.raises(FeedError, match="no rows"):
        TickFiles(tmp_path)
    write(tmp_path / "IBM.csv")
    assert list(TickFiles(tmp_path).events()) == EVENTS


def test_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="no file"):
        TickFiles([])
    with pytest.raises(FeedError, match=r"holds no \.csv"):
        TickFiles(tmp_path)
    with pytest.raises(FeedError, match="no such file"):
        TickFiles(tmp_path / "IBM.csv")


def test_a_gzip_that_breaks_off_or_is_none(tmp_path: Path) -> None:
    whole = gzip.compress(f"{HEADER}\n{ROWS * 1}".encode())
    (tmp_path / "IBM.csv.gz").write_bytes(whole[:-12])
    files = TickFiles(tmp_path / "IBM.csv.gz")
    with pytest.raises(FeedError, match="cannot be read beyond"):
        list(files.events())
    (tmp_path / "BAC.csv.gz").write_bytes(b"this is no gzip")
    with pytest.raises(FeedError, match="cannot be read beyond"):
        TickFiles(tmp_path / "BAC.csv.gz")


@pytest.mark.parametrize("text", ["", "half past nine", "2013-13-01"])
def test_a_window_edge_that_is_no_time(text: str) -> None:
    with pytest.raises(FeedError, match="is no time"):
        window_time(text)


@given(st.integers(0, 4_000_000_000), st.integers(0, 9), st.sampled_from(["Z", "+00:00"]))
def test_time_stamps_are_exact(tmp_path_factory: Any, seconds: int, digits: int, zone: str) -> None:
    fraction = 123_456_789 // 10 ** (9 - digits) if digits else 0
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    text += f".{fraction:0{digits}}" if digits else ""
    path = tmp_path_factory.mktemp("x") / "IBM.csv"
    (event,) = TickFiles(write(path, f"{text}{zone},1,2\n", "ts_utc,bid,ask")).events()
    assert event.time_ns == seconds * 10**9 + fraction * 10 ** (9 - digits)


# -- the oracle ------------------------------------------------------------------------------


def told_of_each(files: TickFiles, lot: int) -> Iterator[tuple[int, tuple[object, ...]]]:
    """The projection as the oracle words it, with the contract id."""
    books = {
        one.con_id: TopOfBook(one.con_id, one.hours.session_end)
        for one in files.instruments
        if one.con_id in files.traded
    }
    for con_id, (name, message) in ticks.project(
        files.events(), books.__getitem__, volume_unit=lambda _con_id: lot
    ):
        if name == "tickPrice":
            yield con_id, (name, message.tickType, message.price, Decimal(message.size))
        elif name == "tickSize":
            yield con_id, (name, message.tickType, Decimal(message.size))
        else:
            yield con_id, (name, message.tickType, message.value)


def told(files: TickFiles, lot: int) -> Iterator[tuple[object, ...]]:
    """The same without it."""
    return (message for _, message in told_of_each(files, lot))


@pytest.mark.parametrize("lot", [1, 100])
def test_the_projection_of_a_small_file_is_the_oracles(tmp_path: Path, lot: int) -> None:
    path = write(tmp_path / "IBM.csv.gz")
    expected = list(oracle(path, lot=lot))
    assert list(told(TickFiles(path), lot)) == expected
    assert expected[:5] == [
        ("tickPrice", 2, 183.63, Decimal(100)),
        ("tickSize", 3, Decimal(100)),
        ("tickString", 33, "Q"),
        ("tickPrice", 1, 180.01, Decimal(300)),
        ("tickSize", 0, Decimal(300)),
    ]


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Rows of any kind: sides that come and go, venues, trades that bring a new quote."""
    side = st.sampled_from([",", "10,100", "10,200", "10.5,100"])
    now, lines = 0, []
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.integers(0, 700))
        kind, venue = draw(st.sampled_from("QQT")), draw(st.sampled_from("NPQ"))
        bid, ask = draw(side), draw(side)
        own = draw(st.sampled_from([f"{bid},,", f",,{ask}", ",,,", f"{bid},{ask}"]))
        own, trade = (
            (own, ",") if kind == "Q" else (",,,", draw(st.sampled_from(["10,60", "11,40"])))
        )
        suspicious = draw(st.sampled_from("0001"))
        time = f"2013-10-07T08:00:{now // 1000:02}.{now % 1000:03}Z"
        lines.append(f"{time},{kind},{venue},{own},{trade},1,{suspicious},{bid},{ask}\n")
    return "".join(lines)


@given(tables(), st.sampled_from([1, 100]))
def test_the_projection_of_any_file_is_the_oracles(
    tmp_path_factory: Any, rows: str, lot: int
) -> None:
    path = write(tmp_path_factory.mktemp("x") / "IBM.csv.gz", rows)
    assert list(told(TickFiles(path), lot)) == list(oracle(path, lot=lot))


@pytest.mark.slow
def test_merged_files_are_told_like_each_alone() -> None:
    names = ("BAC_20131007", "IBM_20131007")
    paths = [needs(f"us_equity_tick/{name}_tick.csv.gz") for name in names]
    files = TickFiles(paths)
    expected = {
        files.instruments.by_symbol(path.name[:3]).con_id: oracle(path)  # type: ignore[union-attr]
        for path in paths
    }
    count = 0
    for con_id, ours in told_of_each(files, 1):
        assert ours == next(expected[con_id]), f"message {count} of {con_id}"
        count += 1
    assert all(next(rest, None) is None for rest in expected.values())
    assert count > 500_000


@pytest.mark.parametrize(
    ("name", "lot", "since", "until"),
    [
        ("IBM_20131007", 1, "", "9"),
        ("IBM_20131008", 100, "2013-10-08T13:30:00", "9"),
        ("BAC_20131007", 1, "2013-10-07T13:25:00", "2013-10-07T14:30:00"),
    ],
)
def test_the_projection_of_real_files_is_the_oracles(
    name: str, lot: int, since: str, until: str
) -> None:
    path = needs(f"us_equity_tick/{name}_tick.csv.gz")
    files = TickFiles(
        path,
        since=window_time(since) if since else None,
        until=window_time(until) if until != "9" else None,
    )
    count = 0
    expected = oracle(path, lot=lot, since=since, until=until)
    for ours, theirs in zip(told(files, lot), expected, strict=True):
        assert ours == theirs, f"message {count}"
        count += 1
    assert count > 50_000


def test_real_files_are_streamed_not_loaded() -> None:
    folder = needs("us_equity_tick")
    files = TickFiles(folder, until=window_time("2013-10-07T13:45:00Z"))
    tracemalloc.start()
    try:
        count = sum(len(step.events) for step in files.steps())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count > 10_000
    assert peak < 8_000_000
    assert files.stats.rows > 20_000


def test_counters_of_real_files_add_up() -> None:
    files = TickFiles(needs("us_equity_tick/IBM_20131007_tick.csv.gz"))
    events = list(files.events())
    stats = files.stats
    assert (stats.rows, stats.suspicious) == (133_360, 1)
    assert stats.quotes + stats.trades == len(events)
    # A row that is a trade never changes the quote in this file.
    assert stats.rows == stats.quotes + stats.trades + stats.repeats + stats.suspicious
