"""Server-sent events are read as they come, whatever the chunks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuntas.engines.sse import EventReader

STREAM = 'data: {"a": "上海"}\n\n: keep-alive\n\nevent: x\ndata: two\ndata: lines\n\r\ndata:bare\r\n\r\ndata: [DONE]\n\n'.encode()
EVENTS = ['{"a": "上海"}', "two\nlines", "bare", "[DONE]"]


def read(*chunks: bytes) -> list[str]:
    reader = EventReader()
    found = [data for chunk in chunks for data in reader.feed(chunk)]
    return found + reader.end()


def test_many_events_in_one_chunk_are_many_events() -> None:
    assert read(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_where_chunks_are_cut_makes_no_difference(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert read(*(STREAM[a:b] for a, b in pairwise(places))) == EVENTS


def test_a_character_that_is_split_between_chunks_is_whole() -> None:
    data = "data: 上\n\n".encode()
    assert read(*(data[n : n + 1] for n in range(len(data)))) == ["上"]


def test_a_keep_alive_is_no_event_and_is_counted() -> None:
    reader = EventReader()
    assert reader.feed(b": keep-alive\n\n:\n\n\n") == []
    assert reader.comments == 2


def test_the_last_event_counts_without_its_blank_line() -> None:
    assert read(b"data: [DONE]") == ["[DONE]"]


@pytest.mark.parametrize("junk", [b"\xff\xfe\n\n", b"nonsense\n\n", b"id: 7\nretry: 1\n\n", b"data\n\n"])
def test_a_line_that_says_nothing_does_not_stop_what_follows(junk: bytes) -> None:
    assert read(junk, b"data: 1\n\n") == ["1"]
