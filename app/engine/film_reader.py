"""Reads the pictures of a film that nobody vouches for: what is too large is refused, what is broken is passed over.

Blocking, and for a process of its own (`film_process`): a decoder may crash on a hostile file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream
from PIL import Image

MOST_SIDE = 8192  # pixels
MOST_SECONDS = 600.0

_UNREADABLE = "It cannot be decoded."
_ALL_AT_ONCE = 120.0  # seconds; of a longer film only pictures at key frames are shown, so that not all of it is decoded
_LARGE = 720  # lines, from which a film that does not name its colours uses those of high definition
_UNNAMED = 2  # AVCOL_SPC_UNSPECIFIED
# No playlists and no other formats that name further files; and no protocol with which one could be opened.
_OPTIONS = {"format_whitelist": "mov,matroska,webm,avi,gif", "protocol_whitelist": "none"}


class Unreadable(ValueError):
    """The film cannot be read, or is larger than anyone should decode; the message says which."""


class Film:
    """An opened film; times are seconds from its first picture."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        stream.codec_context.thread_count = 1  # more take more memory, and a core that others need
        self._base = float(stream.time_base or 0)
        self._start = (stream.start_time or 0) * self._base
        self.seconds = _seconds(container, stream)
        if stream.width > MOST_SIDE or stream.height > MOST_SIDE:
            raise Unreadable(f"It claims {stream.width}x{stream.height} pixels; at most {MOST_SIDE} a side are decoded.")
        if self.seconds > MOST_SECONDS:
            raise Unreadable(f"It claims {self.seconds:.0f} seconds; at most {MOST_SECONDS:.0f} are decoded.")

    def frames(self, since: float = 0.0) -> Iterator[tuple[float, VideoFrame]]:
        """Each picture with its time, from the key frame before `since` on, in the order in which they are shown."""
        if since > 0:
            self._seek(since)
        before = 0.0
        for frame in self._decoded():
            before = before if frame.pts is None else max(frame.pts * self._base - self._start, 0.0)
            if before > MOST_SECONDS:
                raise Unreadable(f"It is longer than {MOST_SECONDS:.0f} seconds.")
            if frame.width > MOST_SIDE or frame.height > MOST_SIDE:
                raise Unreadable(f"It has a picture of {frame.width}x{frame.height} pixels.")
            yield before, frame

    def last(self) -> VideoFrame:
        """The very last picture."""
        found = _last(self.frames(self.seconds)) or _last(self.frames())
        if found is None:
            raise Unreadable(_UNREADABLE)
        return found

    def spread(self, count: int, side: int) -> list[Image.Image]:
        """`count` pictures evenly spaced, in boxes of `side` pixels; where the film has fewer, some come several times."""
        times = [self.seconds * (number + 0.5) / count for number in range(count)]
        shown = self._at_key_frames(times, side) if self.seconds > _ALL_AT_ONCE else self._at(times, side)
        if not shown:
            raise Unreadable(_UNREADABLE)
        return shown + shown[-1:] * (count - len(shown))

    def _at(self, times: Sequence[float], side: int) -> list[Image.Image]:
        shown: list[Image.Image] = []
        before: VideoFrame | None = None
        for time, frame in self.frames():
            while len(shown) < len(times) and time > times[len(shown)]:
                shown.append(picture(before or frame, side, side))
            if len(shown) == len(times):
                return shown
            before = frame
        return shown if before is None else [*shown, picture(before, side, side)]

    def _at_key_frames(self, times: Sequence[float], side: int) -> list[Image.Image]:
        frames = (next(self.frames(time), None) for time in times)
        return [picture(found[1], side, side) for found in frames if found is not None]

    def _seek(self, seconds: float) -> None:
        try:
            self._container.seek(round((seconds + self._start) / self._base), stream=self._stream)
        except (av.FFmpegError, ZeroDivisionError):
            return  # no index: it goes on from where it stands

    def _decoded(self) -> Iterator[VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                return  # cut off: what came before counts
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue  # one broken picture is no broken film


@contextmanager
def opened(file: BinaryIO) -> Iterator[Film]:
    """The film in a file that can be sought in; raises Unreadable, also for whatever goes wrong inside the block."""
    try:
        with av.open(file, "r", options=_OPTIONS, metadata_errors="replace") as container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise Unreadable("It has no pictures.")
            yield Film(container, stream)
    except (av.FFmpegError, MemoryError) as error:
        raise Unreadable(_UNREADABLE) from error


def picture(frame: VideoFrame, width: int, height: int) -> Image.Image:
    """The frame as it is meant to be seen, upright and at most this large; never enlarged."""
    turned = frame.rotation % 180 == 90
    share = min(1.0, *((height / frame.width, width / frame.height) if turned else (width / frame.width, height / frame.height)))
    unnamed = frame.colorspace == _UNNAMED and min(frame.width, frame.height) >= _LARGE
    made: VideoFrame = frame.reformat(
        max(round(frame.width * share), 1),
        max(round(frame.height * share), 1),
        "rgb24",
        src_colorspace=Colorspace.ITU709 if unnamed else None,
        interpolation="AREA" if share < 1 else None,
        threads=1,
    )
    image: Image.Image = made.to_image()  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
    return image.rotate(frame.rotation, expand=True) if frame.rotation % 90 == 0 and frame.rotation else image


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    """How long it claims to be; where it does not say, as long as its packets say."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / av.time_base
    ends = [packet.pts * packet.time_base for packet in container.demux(stream) if packet.pts is not None]
    container.seek(0)
    return float(max(ends, default=0))


def _last(frames: Iterator[tuple[float, VideoFrame]]) -> VideoFrame | None:
    found = None
    for _, frame in frames:
        found = frame
    return found
