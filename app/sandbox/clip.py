"""Encodes a sandbox clip: a rolling backdrop under two still bands, with a running counter.

The backdrop is drawn once, taller than the frame. Rolling it by whole rows makes each frame one block copy per plane, and
lets the encoder skip nearly everything; that is why half a minute of 4k takes seconds.
"""

import math
import os
from array import array
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import Colorspace
from PIL import Image

from app.sandbox.picture import bands, counter_font, counter_strip, counter_width, rolling_backdrop
from app.sandbox.spec import Spec

_RATE = 48_000  # audio samples per second
_BLOCK = 1024  # samples in an AAC frame
_LOOP_SECONDS = 8  # until the backdrop has rolled round
_GREY = 128  # chroma of a colourless pixel
_COLOURS = "colorprim=bt709:transfer=bt709:colormatrix=bt709"
_LARGE = 1280 * 720  # pixels from which a second encoder thread pays

Keep = Callable[[float], bool]


def write_clip(path: Path, spec: Spec, index: int, keep_on: Keep) -> bool:
    """One H.264 MP4 of this job, its index at the front; False when `keep_on(share done)` said no."""
    frames = max(1, round(spec.seconds * spec.fps))
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=spec.fps, options=_options(spec))
        video.width, video.height, video.pix_fmt = spec.width, spec.height, "yuv420p"
        audio = container.add_stream("aac", rate=_RATE, layout="mono") if spec.audio else None
        tone = _Tone(spec.seed, round(frames * _RATE / spec.fps) if audio else 0)
        canvas = _Canvas(spec, index, frames)
        for number in range(frames):
            container.mux(video.encode(canvas.frame(number)))
            if audio:
                container.mux([packet for block in tone.until((number + 1) / spec.fps) for packet in audio.encode(block)])
            if number % spec.fps == 0 and not keep_on(number / frames):
                return False
        container.mux(video.encode(None))
        if audio:
            container.mux(audio.encode(None))
    return True


def _options(spec: Spec) -> dict[str, str]:
    threads = 2 if spec.width * spec.height > _LARGE and (os.cpu_count() or 1) > 1 else 1
    return {"preset": "ultrafast", "crf": "26", "threads": str(threads), "g": str(2 * spec.fps), "x264-params": _COLOURS}


class _Canvas:
    """One frame buffer that is changed in place; the encoder copies each picture before it returns."""

    def __init__(self, spec: Spec, index: int, frames: int) -> None:
        self._spec, self._frames, self._font = spec, frames, counter_font(spec)
        self._top, self._bottom = bands(spec, index, self._counter(frames - 1))
        tall, self._period = rolling_backdrop(spec.width, spec.height, spec.seed + index)
        frame: av.VideoFrame = av.VideoFrame.from_image(tall)  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
        converted = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        self._source = [memoryview(bytes(plane)) for plane in converted.planes]
        self._frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
        self._planes = [memoryview(plane) for plane in self._frame.planes]
        self._strides = [plane.line_size for plane in self._frame.planes]
        self._step = max(2, round(self._period / (_LOOP_SECONDS * spec.fps) / 2) * 2)
        self._strip_width = min(counter_width(self._counter(frames - 1), self._font), spec.width)
        self._paint_band(self._top, 0)
        self._paint_band(self._bottom, spec.height - self._bottom.height)

    def frame(self, number: int) -> av.VideoFrame:
        """The picture of this number, valid until the next call."""
        self._roll(number * self._step % self._period)
        self._count(number)
        self._frame.pts, self._frame.time_base = number, Fraction(1, self._spec.fps)
        return self._frame

    def _roll(self, offset: int) -> None:
        first, last = self._top.height, self._spec.height - self._bottom.height
        for number, (plane, source, stride) in enumerate(zip(self._planes, self._source, self._strides, strict=True)):
            shrink = 2 if number else 1
            start, end, shift = first // shrink * stride, last // shrink * stride, offset // shrink * stride
            plane[start:end] = source[start + shift : end + shift]

    def _count(self, number: int) -> None:
        height = self._bottom.height
        if height:
            strip = counter_strip(self._counter(number), self._strip_width, height, self._font)
            self._paint(strip, self._spec.width - strip.width, self._spec.height - height)

    def _counter(self, number: int) -> str:
        return f"{number + 1}/{self._frames}  {(number + 1) / self._spec.fps:.2f} s"

    def _paint_band(self, band: Image.Image, top: int) -> None:
        self._paint(band, 0, top)
        for plane, stride in zip(self._planes[1:], self._strides[1:], strict=True):
            size = band.height // 2 * stride
            plane[top // 2 * stride : top // 2 * stride + size] = bytes([_GREY]) * size

    def _paint(self, grey: Image.Image, left: int, top: int) -> None:
        plane, stride, pixels, width = self._planes[0], self._strides[0], grey.tobytes(), grey.width
        for row in range(grey.height):
            start = (top + row) * stride + left
            plane[start : start + width] = pixels[row * width : (row + 1) * width]


class _Tone:
    """A quiet tone that swells twice a second, handed out in blocks; the seed picks its pitch."""

    def __init__(self, seed: int, samples: int) -> None:
        pitch = 220 + seed % 12 * 40  # whole Hertz, so that one second repeats without a click
        self._loop = array("f", (_sample(number / _RATE, pitch) for number in range(_RATE)))
        self._loop.extend(self._loop[:_BLOCK])
        self._samples, self._at = samples, 0

    def until(self, second: float) -> Iterator[av.AudioFrame]:
        """The blocks up to this second that were not handed out yet."""
        while self._at < min(self._samples, second * _RATE):
            size = min(_BLOCK, self._samples - self._at)
            block = av.AudioFrame(format="fltp", layout="mono", samples=size)
            data = self._loop[self._at % _RATE : self._at % _RATE + size].tobytes()
            block.planes[0].update(data.ljust(block.planes[0].buffer_size, b"\0"))
            block.sample_rate, block.pts, block.time_base = _RATE, self._at, Fraction(1, _RATE)
            self._at += size
            yield block


def _sample(at: float, pitch: int) -> float:
    return 0.12 * math.sin(2 * math.pi * pitch * at) * (0.6 + 0.4 * math.cos(4 * math.pi * at))
