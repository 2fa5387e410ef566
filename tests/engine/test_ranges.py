from collections.abc import AsyncIterator

import pytest

from app.engine.ranges import Span, cut, matches, parse_content_range, parse_range, still_valid, unsatisfied_size


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-99", Span(0, 99)),
        ("bytes=100-", Span(100, None)),
        ("bytes=-5", Span(None, 5)),
        ("Bytes = 1 - 2", Span(1, 2)),
        ("bytes=0-1,3-4", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 40 + "-", None),
        ("", None),
        (None, None),
    ],
)
def test_one_range_is_read_and_everything_else_means_the_whole(header: str | None, span: Span | None) -> None:
    assert parse_range(header) == span


@pytest.mark.parametrize(
    ("span", "bounds"),
    [
        (Span(0, 0), (0, 1)),
        (Span(2, 100), (2, 10)),
        (Span(9, None), (9, 10)),
        (Span(10, None), None),
        (Span(10, 20), None),
        (Span(None, 3), (7, 10)),
        (Span(None, 30), (0, 10)),
        (Span(None, 0), None),
    ],
)
def test_a_range_is_held_against_the_size(span: Span, bounds: tuple[int, int] | None) -> None:
    assert span.within(10) == bounds


def test_a_suffix_of_an_empty_file_lies_outside() -> None:
    assert Span(None, 5).within(0) is None


@pytest.mark.parametrize("header", ["bytes=0-99", "bytes=100-", "bytes=-5"])
def test_a_range_is_passed_on_as_it_came(header: str) -> None:
    span = parse_range(header)
    assert span is not None
    assert span.header == header


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes 0-9/100", (0, 10, 100)),
        ("bytes 5-5/*", (5, 6, None)),
        ("bytes 9-0/100", None),
        ("bytes */100", None),
        ("0-9/100", None),
        (None, None),
    ],
)
def test_a_content_range_is_read(header: str | None, found: tuple[int, int, int | None] | None) -> None:
    assert parse_content_range(header) == found


def test_the_size_in_a_416_is_read() -> None:
    assert unsatisfied_size("bytes */100") == 100
    assert unsatisfied_size(None) is None


def test_entity_tags_are_compared() -> None:
    assert matches('"a", W/"b"', '"b"')
    assert matches("*", '"b"')
    assert not matches('"a"', '"b"')
    assert not matches(None, '"b"')
    assert still_valid(None, '"b"', "date")
    assert still_valid('"b"', '"b"', "date")
    assert still_valid("date", '"b"', "date")
    assert not still_valid('W/"b"', '"b"', "date")


@pytest.mark.anyio
@pytest.mark.parametrize(("start", "end"), [(0, 9), (0, 3), (2, 4), (3, 6), (1, 8), (8, 9), (4, 5)])
async def test_a_part_is_cut_out_of_a_stream(start: int, end: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"abc", b"def", b"ghi"):
            yield chunk

    assert b"".join([chunk async for chunk in cut(chunks(), start, end)]) == b"abcdefghi"[start:end]


@pytest.mark.anyio
async def test_what_comes_after_the_part_is_not_read() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"abc"
        raise AssertionError("read on")

    assert [chunk async for chunk in cut(chunks(), 0, 3)] == [b"abc"]
