"""Small films for tests, made on the spot."""

import io
from collections.abc import Callable
from fractions import Fraction

import av
from PIL import Image

Paint = Callable[[int], Image.Image]
RED, GREEN, BLUE, BLACK = (200, 30, 30), (30, 160, 30), (30, 30, 200), (0, 0, 0)


def film(
    frames: int = 24,
    size: tuple[int, int] = (128, 72),
    *,
    fps: int = 12,
    paint: Paint | None = None,
    sound: bool = False,
    **options: str,
) -> bytes:
    """An H.264 MP4; `paint` draws each picture (default: red, and blue from the middle on)."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", **options})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number in range(frames):
            image = paint(number) if paint else Image.new("RGB", size, RED if number < frames / 2 else BLUE)
            frame: av.VideoFrame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            silence = av.AudioFrame("fltp", "mono", 1024)
            silence.sample_rate, silence.pts = 48_000, 0
            silence.planes[0].update(bytes(4096))
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
    return target.getvalue()


def still(colour: tuple[int, int, int], size: tuple[int, int] = (128, 72)) -> bytes:
    """A PNG of one colour."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return target.getvalue()


def image_of(data: bytes) -> Image.Image:
    """The picture in these bytes."""
    return Image.open(io.BytesIO(data))


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Whether the picture has about this colour there."""
    found = image.convert("RGB").getpixel(place)
    assert isinstance(found, tuple)
    return all(abs(one - other) < 40 for one, other in zip(found, colour, strict=True))
