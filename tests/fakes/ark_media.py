"""Small real files for fake vendors to hand out."""

import io
from functools import cache

import av
from PIL import Image


@cache
def tiny_png(side: int = 16) -> bytes:
    """A one-coloured PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (32, 96, 160)).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def tiny_jpeg(side: int = 16) -> bytes:
    """A one-coloured JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (160, 96, 32)).save(buffer, "JPEG")
    return buffer.getvalue()


@cache
def tiny_mp4(frames: int = 6, side: int = 64) -> bytes:
    """A playable H.264 clip of a quarter of a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame(side, side, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes([96]) * plane.buffer_size)
        for number in range(frames):
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return buffer.getvalue()
