"""Bodies: decoded here, never beyond their limit, however they come."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client.body import BadEncoding, Body, TooLarge

MIB = 1024 * 1024


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: lambda content: content,
    "identity": lambda content: content,
    "utf-8": lambda content: content,
    "gzip": gzip.compress,
    "GZip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity, gzip": gzip.compress,
}


def read(received: bytes, encoding: str | None, *, limit: int = MIB, split: int = 0) -> bytes:
    body = Body(limit, encoding)
    step = split or max(len(received), 1)
    for start in range(0, len(received), step):
        body.add(received[start : start + step])
    return body.whole()


@given(st.binary(max_size=300), st.sampled_from(list(PACKERS)), st.integers(1, 40))
def test_any_content_in_any_pieces(content: bytes, encoding: str | None, split: int) -> None:
    assert read(PACKERS[encoding](content), encoding, split=split) == content


@given(st.binary(min_size=1, max_size=300))
def test_deflate_without_its_header(content: bytes) -> None:
    assert read(raw_deflate(content), "deflate") == content


def test_members_and_what_stands_behind() -> None:
    assert read(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip", split=3) == b"abcd"
    assert read(gzip.compress(b"ab") + b"\0\0junk", "gzip") == b"ab"
    assert read(zlib.compress(b"ab") + b"junk", "deflate") == b"ab"


def test_nothing_is_nothing() -> None:
    for encoding in PACKERS:
        assert read(b"", encoding) == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("split", [1, 7, 1000])
def test_what_ends_too_early(encoding: str, split: int) -> None:
    whole = PACKERS[encoding](b"some content that is long enough")
    for cut in (1, 5, len(whole) - 1):
        with pytest.raises(BadEncoding):
            read(whole[:cut], encoding, split=split)


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "gzip,br", "compress"]
)
def test_what_nobody_asked_for(encoding: str) -> None:
    with pytest.raises(BadEncoding, match="not asked for"):
        Body(MIB, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_encoded_at_all(encoding: str) -> None:
    with pytest.raises(BadEncoding):
        read(b'{"status": "success"}', encoding)


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from(["gzip", "deflate", None]))
def test_the_limit_is_exact(size: int, limit: int, encoding: str | None) -> None:
    content = bytes(index % 251 for index in range(size))
    packed = PACKERS[encoding](content)
    if size > limit or len(packed) > limit:
        with pytest.raises(TooLarge):
            read(packed, encoding, limit=limit, split=13)
    else:
        assert read(packed, encoding, limit=limit, split=13) == content


def test_a_bomb_takes_no_room() -> None:
    bomb = gzip.compress(b" " * (64 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            read(bomb, "gzip")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * MIB
