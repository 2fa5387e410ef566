"""HTTP byte ranges and validators, as values (RFC 9110 §13 and §14)."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One asked-for range: `first` to `last` inclusive, `last` None for "to the end"; `first` None for the last `last` bytes."""

    first: int | None
    last: int | None

    @property
    def header(self) -> str:
        """As a `Range` header."""
        return f"bytes={'' if self.first is None else self.first}-{'' if self.last is None else self.last}"

    def within(self, size: int) -> tuple[int, int] | None:
        """Start and end (exclusive) in a file of this size; None when nothing of it lies inside."""
        if self.first is None:
            length = min(self.last or 0, size)
            return (size - length, size) if length else None
        if self.first >= size:
            return None
        return self.first, size if self.last is None else min(self.last + 1, size)


def parse_range(header: str | None) -> Span | None:
    """The single range of a `Range` header; None for no header, several ranges or nonsense, which all mean the whole file."""
    found = re.fullmatch(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", header or "", re.IGNORECASE | re.ASCII)
    if found is None or not (found[1] or found[2]):
        return None
    first = int(found[1]) if found[1] else None
    last = int(found[2]) if found[2] else None
    if first is not None and last is not None and last < first:
        return None
    return Span(first, last)


def parse_content_range(header: str | None) -> tuple[int, int, int | None] | None:
    """Start, end (exclusive) and total size (None: unknown) of a `Content-Range`; None for what is none."""
    found = re.fullmatch(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", header or "", re.IGNORECASE | re.ASCII)
    if found is None or int(found[2]) < int(found[1]):
        return None
    return int(found[1]), int(found[2]) + 1, None if found[3] == "*" else int(found[3])


def unsatisfied_size(header: str | None) -> int | None:
    """The file's size out of the `Content-Range` of a 416."""
    found = re.fullmatch(r"\s*bytes\s+\*/(\d{1,18})\s*", header or "", re.IGNORECASE | re.ASCII)
    return int(found[1]) if found else None


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` header names this entity tag."""
    given = [entry.strip().removeprefix("W/") for entry in (if_none_match or "").split(",")]
    return "*" in given or tag in given


def still_valid(if_range: str | None, tag: str, modified: str) -> bool:
    """Whether a `Range` may be honoured: no `If-Range`, or one that names this very file (weak tags never do)."""
    return if_range is None or if_range.strip() in (tag, modified)


async def cut(chunks: AsyncIterator[bytes], start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from `start` to `end` (exclusive) of a stream; what comes after is not read."""
    position = 0
    async for chunk in chunks:
        low, high = max(start - position, 0), min(end - position, len(chunk))
        position += len(chunk)
        if low < high:
            yield chunk if low == 0 and high == len(chunk) else chunk[low:high]
        if position >= end:
            return
