"""`filmgate generate`: a picture or a clip from any gateway with OpenAI's endpoints, into a file."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.cli.console import fail, screen
from app.cli.given import field_of
from app.cli.remote import Answer, FormFile, Remote, RemoteError
from app.cli.results import report, save_images, save_videos
from app.domain.errors import GatewayError
from app.domain.json import Json, JsonObject

app = typer.Typer(no_args_is_help=True, help="Make a picture or a clip with any OpenAI-compatible gateway.")

Model: TypeAlias = Annotated[str, typer.Option("--model", "-m", help="The model's public name.")]
Prompt: TypeAlias = Annotated[str | None, typer.Option("--prompt", "-p", help="What to make.")]
Out: TypeAlias = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; named after the job if left out.")]
Size: TypeAlias = Annotated[str | None, typer.Option(help="Pixels, ratio or tier: 1280x720, 16:9, 1080p.")]
Images: TypeAlias = Annotated[
    list[str] | None, typer.Option("--image", "-i", help="A picture to start from: a file or a URL; repeat for more.")
]
Fields: TypeAlias = Annotated[
    list[str] | None, typer.Option("--field", "-f", help="Any other field as name=value, the value as JSON or text.")
]
BaseUrl: TypeAlias = Annotated[str, typer.Option("--base-url", envvar="OPENAI_BASE_URL", help="The gateway.")]
KeyText: TypeAlias = Annotated[str, typer.Option("--key", envvar="OPENAI_API_KEY", help="Your key there.", show_default=False)]
_HERE = "http://127.0.0.1:8000/v1"


@app.command()
def video(
    model: Model,
    prompt: Prompt = None,
    output: Out = None,
    seconds: Annotated[str | None, typer.Option(help="Length in seconds.")] = None,
    size: Size = None,
    image: Images = None,
    field: Fields = None,
    base_url: BaseUrl = _HERE,
    key: KeyText = "",
) -> None:
    """Make a clip: create the job, wait for it, download the result."""
    fields = _fields(field, model=model, prompt=prompt, seconds=seconds, size=size)
    many = len(image or ()) > 1
    files, links = _images(image or (), "image[]" if many else "input_reference")
    if links:
        fields.update({"images": links} if many else {"input_reference": links[0] if files else {"image_url": links[0]}})
    _checked(output, key)
    try:
        with closing(Remote(base_url, key)) as remote, _bar() as bar:
            done = _finished_video(remote, remote.create("/videos", fields, files), bar)
            written = save_videos(remote, done, output, bar)
    except GatewayError as error:
        fail(error.message)
    report(written, done)


@app.command()
def image(
    model: Model,
    prompt: Prompt = None,
    output: Out = None,
    size: Size = None,
    n: Annotated[int, typer.Option("-n", min=1, max=10, help="How many.")] = 1,
    image: Images = None,
    field: Fields = None,
    base_url: BaseUrl = _HERE,
    key: KeyText = "",
) -> None:
    """Make a picture; with --image FILE, edit one."""
    fields = _fields(field, model=model, prompt=prompt, size=size)
    if n > 1:
        fields["n"] = n
    files, links = _images(image or (), "image[]" if len(image or ()) > 1 else "image")
    if links:
        fields["image"] = links if len(links) > 1 else links[0]
    _checked(output, key)
    try:
        with closing(Remote(base_url, key)) as remote, _bar() as bar:
            bar.add_task("making the picture", total=None)
            done = remote.create("/images/edits" if files else "/images/generations", fields, files, patient=True)
            written = save_images(remote, done, output)
    except GatewayError as error:
        fail(error.message)
    report(written, done)


def _fields(given: Sequence[str] | None, **named: str | None) -> dict[str, Json]:
    own = {name: value for name, value in named.items() if value is not None}
    return {**own, **dict(field_of("--field", text) for text in given or ())}


def _images(given: Sequence[str], part: str) -> tuple[list[FormFile], list[str]]:
    """Files as parts of a form, links as they are."""
    files: list[FormFile] = []
    links: list[str] = []
    for item in given:
        if "://" in item or item.startswith("data:"):
            links.append(item)
            continue
        try:
            files.append((part, (Path(item).name, Path(item).read_bytes())))
        except OSError as error:
            fail(f"--image: {error}", 2)
    return files, links


def _checked(output: Path | None, key: str) -> None:
    """What would otherwise go wrong after the money is spent."""
    if not key:
        fail("A key is needed: --key, or OPENAI_API_KEY in the environment.", 2)
    if output is not None and (output.is_dir() or not output.absolute().parent.is_dir()):
        fail(f"--output: {output} is a folder, or its folder does not exist.", 2)


def _finished_video(remote: Remote, answer: Answer, bar: Progress) -> Answer:
    """Waits for the end; the first status comes from the create itself."""
    video_id = answer.text("id")
    if not video_id:
        raise RemoteError("The server's answer has no id.")
    line = bar.add_task(video_id, total=100)
    while answer.text("status") not in ("completed", "failed"):
        percent = answer.body.get("progress")
        bar.update(line, description=f"{video_id} {answer.text('status')}", completed=percent if isinstance(percent, int) else 0)
        remote.sleep(answer.wait)
        answer = remote.video(video_id)
    bar.update(line, description=f"{video_id} {answer.text('status')}", completed=100)
    if answer.text("status") == "failed":
        raise RemoteError(f"{video_id} failed: {_failure(answer.body)}")
    return answer


def _failure(body: JsonObject) -> str:
    error = body.get("error")
    return f"{error.get('message')} ({error.get('code')})" if isinstance(error, Mapping) else "the server gives no reason"


def _bar() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    console = screen(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
