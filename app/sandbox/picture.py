"""Draws what the sandbox shows: a colourful backdrop, the prompt, and a line of facts."""

import random
import re
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from app.sandbox.spec import Spec

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "/System/Library/Fonts", "C:/Windows/Fonts")
_WIDE_FONTS = (
    "NotoSansCJK",
    "NotoSansSC",
    "SourceHanSans",
    "wqy-",
    "DroidSansFallback",
    "PingFang",
    "Hiragino",
    "msyh",
    "DejaVuSans.",
)
_TOKEN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef]|\s+|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef]+")
_LONGEST = 2000  # characters that are worth measuring; no picture shows more


def write_picture(path: Path, spec: Spec, index: int) -> None:
    """One image file of this job."""
    image = backdrop(spec.width, spec.height, spec.seed + index)
    top, bottom = bands(spec, index, "")
    image.paste(top.convert("RGB"), (0, 0))
    image.paste(bottom.convert("RGB"), (0, spec.height - bottom.height))
    options: dict[str, int] = {"compress_level": 1}
    if spec.format != "png":
        options = {"quality": 90 if spec.quality is None else max(spec.quality, 1)}
    image.save(path, format=spec.format, **options)


def backdrop(width: int, height: int, seed: int) -> Image.Image:
    """Soft coloured cells with a few discs; the seed decides everything."""
    rng = random.Random(seed)  # noqa: S311  # a picture, not a secret
    cells = Image.new("RGB", (8, 6))
    cells.putdata([tuple(rng.randrange(40, 225) for _ in range(3)) for _ in range(48)])
    image = cells.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, radius = rng.randrange(width), rng.randrange(height), rng.randrange(4, max(5, min(width, height) // 5))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(rng.randrange(40, 256) for _ in range(3)))
    return image


def rolling_backdrop(width: int, height: int, seed: int) -> tuple[Image.Image, int]:
    """A backdrop that is taller than the frame and repeats every `period` rows (the second value), without a seam."""
    half = max(4, height // 6 * 2)
    upper = backdrop(width, half, seed)
    period = 2 * half
    image = Image.new("RGB", (width, height + period))
    for y in range(0, height + period, period):
        image.paste(upper, (0, y))
        image.paste(ImageOps.flip(upper), (0, y + half))
    return image, period


def bands(spec: Spec, index: int, counter: str) -> tuple[Image.Image, Image.Image]:
    """The prompt band for the top and the facts band for the bottom, in grey; `counter` is kept free at the right end."""
    size = max(8, min(spec.width, spec.height) // 18)
    bottom_font = font(max(8, size * 2 // 3), "")
    facts = " · ".join((f"{spec.width}x{spec.height}", *_video_facts(spec), f"seed {spec.seed + index}", *_nth(spec, index)))
    bottom = _band(spec.width, [facts], bottom_font, spec.height // 4)
    if counter:
        left = spec.width - counter_width(counter, bottom_font)
        bottom.paste(20, (max(left, 0), 0, spec.width, bottom.height))
    text = "\n".join((spec.prompt[:_LONGEST], *spec.notes))
    top_font = font(size, text)
    margin = size // 2
    return _band(spec.width, wrap(text, top_font, spec.width - 2 * margin), top_font, spec.height // 2), bottom


def counter_strip(text: str, width: int, height: int, face: Font) -> Image.Image:
    """The running counter as a small grey picture."""
    strip = Image.new("L", (width, height), 20)
    ImageDraw.Draw(strip).text((0, height // 2), text, fill=235, font=face, anchor="lm")
    return strip


def counter_font(spec: Spec) -> Font:
    """The font of the bottom band."""
    return font(max(8, max(8, min(spec.width, spec.height) // 18) * 2 // 3), "")


def counter_width(text: str, face: Font) -> int:
    """Room for this counter, in pixels; even, for 4:2:0."""
    return int(face.getlength(text) * 1.08 + 8) // 2 * 2


def font(size: int, text: str) -> Font:
    """A font of this size that can show the text, as far as the machine has one; else the built-in one."""
    if all(ord(letter) < 0x250 or 0x2010 <= ord(letter) <= 0x2026 for letter in text):
        return ImageFont.load_default(size)
    for path in _wide_fonts():
        try:
            return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _wide_fonts() -> list[Path]:
    files = [file for folder in _FONT_FOLDERS for file in Path(folder).expanduser().rglob("*.[to]t[cf]")]
    files.sort(key=lambda file: ("Regular" not in file.name, file.name))
    return [file for name in _WIDE_FONTS for file in files if file.name.startswith(name)]


def wrap(text: str, face: Font, width: int) -> list[str]:
    """The text in lines of at most this many pixels; Chinese, Japanese and Korean text breaks anywhere."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for token in _pieces(paragraph, face, width):
            if line and face.getlength(line + token.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += token if line else token.lstrip()
        lines.append(line.rstrip())
    return [line for line in lines if line]


def _pieces(paragraph: str, face: Font, width: int) -> list[str]:
    """Words, single wide characters, and the letters of words that are longer than a line."""
    printable = "".join(letter if letter.isprintable() else " " for letter in paragraph)
    pieces: list[str] = []
    for token in _TOKEN.findall(printable):
        pieces.extend(token if face.getlength(token) > width else [token])
    return pieces


def _band(width: int, lines: list[str], face: Font, most: int) -> Image.Image:
    """Lines of text on a dark band that is at most `most` high (then the rest is cut off with an ellipsis)."""
    step = _line_height(face)
    fitting = max((most - step // 2) // step, 0)
    if len(lines) > fitting > 0:
        lines = [*lines[: fitting - 1], lines[fitting - 1][:-1] + "…"]
    lines = lines[:fitting]
    height = (step * len(lines) + step // 2) // 2 * 2 if lines else 0
    band = Image.new("L", (width, height), 20)
    for number, line in enumerate(lines):
        ImageDraw.Draw(band).text((step // 3, step // 4 + number * step), line, fill=235, font=face)
    return band


def _line_height(face: Font) -> int:
    box = face.getbbox("Ágjy中")
    return int(max(box[3] * 1.15, 9))


def _video_facts(spec: Spec) -> tuple[str, ...]:
    return (f"{spec.fps} fps",) if spec.kind == "video" else ()


def _nth(spec: Spec, index: int) -> tuple[str, ...]:
    return (f"{index + 1} of {spec.n}",) if spec.n > 1 else ()
