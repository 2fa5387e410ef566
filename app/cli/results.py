"""What came back, as files and as words."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from rich.progress import Progress, TaskID

from app.cli.download import download
from app.cli.remote import Answer, Remote, RemoteError
from app.domain.json import JsonObject


def save_videos(remote: Remote, done: Answer, output: Path | None, bar: Progress) -> list[Path]:
    """Downloads every result of a finished video job; raises RemoteError."""
    several = done.body.get("videos")
    count = len(several) if isinstance(several, Sequence) and not isinstance(several, str) else 1
    ending = done.text("format") or "mp4"
    targets = _targets(output or Path(f"{done.text('id')}.{ending}"), max(count, 1))
    for index, target in enumerate(targets):
        line = bar.add_task(f"downloading {target}", total=None)
        download(remote, remote.content_url(done.text("id"), index), target, _Teller(bar, line))
    return targets


class _Teller:
    """Moves one line of the progress bar as bytes come in."""

    def __init__(self, bar: Progress, line: TaskID) -> None:
        self._bar = bar
        self._line = line

    def __call__(self, done: int, total: int | None) -> None:
        self._bar.update(self._line, completed=done, total=total)


def save_images(remote: Remote, done: Answer, output: Path | None) -> list[Path]:
    """Writes every picture of an answer, inline or linked; raises RemoteError."""
    data = done.body.get("data")
    items = [item for item in data if isinstance(item, Mapping)] if isinstance(data, Sequence) and not isinstance(data, str) else []
    if not items:
        raise RemoteError("The server answered without a picture.")
    ending = done.text("output_format") or "png"
    targets = _targets(output or Path(f"image.{ending}"), len(items))
    for item, target in zip(items, targets, strict=True):
        _save_image(remote, item, target)
    return targets


def _save_image(remote: Remote, item: JsonObject, target: Path) -> None:
    inline, url = item.get("b64_json"), item.get("url")
    if isinstance(inline, str) and inline:
        try:
            data = base64.b64decode(inline)
        except binascii.Error as error:
            raise RemoteError("The server's picture is not base64.") from error
        draft = target.with_name(f".{target.name}.part")
        draft.write_bytes(data)
        draft.replace(target)
    elif isinstance(url, str) and url:
        download(remote, url, target)
    else:
        raise RemoteError("The server answered without a picture.")


def _targets(output: Path, count: int) -> list[Path]:
    """`out.mp4`, or `out-1.mp4`, `out-2.mp4` … for several results."""
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, count + 1)]


def report(written: Sequence[Path], done: Answer) -> None:
    """The files on standard output, everything else on standard error."""
    for path in written:
        typer.echo(str(path))
    for name, value in (("warnings", _warnings(done)), ("cost", _cost(done.body))):
        if value:
            typer.echo(f"{name}: {value}", err=True)


def _warnings(done: Answer) -> str:
    listed = done.body.get("warnings")
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        return "; ".join(_warning(item) for item in listed if isinstance(item, Mapping))
    return done.headers.get("x-filmgate-warnings", "")


def _warning(item: JsonObject) -> str:
    moved = f" ({item.get('from')} -> {item.get('to')})" if item.get("to") is not None else ""
    return f"{item.get('code')}{moved}"


def _cost(body: JsonObject) -> str:
    """What it cost, where the server says so."""
    usage = body.get("usage")
    places = [body, usage] if isinstance(usage, Mapping) else [body]
    found = next((place.get("cost_usd") for place in places if place.get("cost_usd") is not None), None)
    return "" if found is None else f"{found} USD"
