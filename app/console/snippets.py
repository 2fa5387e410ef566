"""A request as code that sends it: curl, and OpenAI's own libraries for Python and JavaScript."""

import re
from collections.abc import Iterator, Mapping, Sequence

from app.console.literals import FilePart, Language, Value, json_text, python_text, shell_word, written
from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject

YOUR_KEY = "YOUR_KEY"
VIDEOS, IMAGES = "/v1/videos", "/v1/images/generations"
_FILE = frozenset({"$file", "type"})
_DEEPEST = 32
_MIME = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+")
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# what the libraries know by name; they take everything else as it is
_KNOWN: Mapping[str, tuple[str, ...]] = {
    VIDEOS: ("model", "prompt", "seconds", "size"),
    IMAGES: (
        *("model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression"),
        *("moderation", "style", "response_format"),
    ),
}


def snippets(base_url: str, path: str, fields: JsonObject) -> dict[str, str]:
    """The POST of these fields in each language; a file stands in them as `{"$file": name, "type": mime}`.

    Raises InvalidRequest for another path than VIDEOS and IMAGES, and for a body that nests too deeply.
    """
    if path not in _KNOWN:
        raise InvalidRequest(f"There is no code for {path[:200]!r}.", param="path")
    body = {name: _with_files(value, name, 1) for name, value in fields.items()}
    return {
        "curl": _curl(base_url, path, body),
        "python": _python(base_url, path, body),
        "javascript": _javascript(base_url, path, body),
    }


def _with_files(value: Json, name: str, depth: int) -> Value:
    if depth > _DEEPEST:
        raise InvalidRequest(f"`{name}` is nested too deeply.", param=name)
    if isinstance(value, Mapping):
        if value.keys() == _FILE:
            mime = str(value["type"])
            return FilePart(str(value["$file"]), mime if _MIME.fullmatch(mime) else "application/octet-stream")
        return {key: _with_files(item, name, depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_with_files(item, name, depth + 1) for item in value]
    return value


def _has_file(value: Value) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_file, value.values()))
    return isinstance(value, FilePart) or (
        isinstance(value, Sequence) and not isinstance(value, str) and any(map(_has_file, value))
    )


def _json_name(name: str) -> str:
    return json_text(name)


def _script_name(name: str) -> str:
    if name == "__proto__":
        return '["__proto__"]'  # plainly written, it would be no member of the object
    return name if _NAME.fullmatch(name) else json_text(name)


_JSON = Language("  ", "true", "false", "null", json_text, _json_name, lambda file: json_text(file.name))
_PYTHON = Language(
    *("    ", "True", "False", "None"),
    *(python_text, python_text),
    lambda file: f"data_uri({python_text(file.name)}, {python_text(file.mime)})",
)
_SCRIPT = Language(
    *("  ", "true", "false", "null"),
    *(json_text, _script_name),
    lambda file: f"await dataUri({json_text(file.name)}, {json_text(file.mime)})",
)


def _curl(base_url: str, path: str, body: Mapping[str, Value]) -> str:
    words = [f"curl {shell_word(base_url + path)}", f"-H {shell_word(f'Authorization: Bearer {YOUR_KEY}')}"]
    if _has_file(body):
        words += [part for name, value in body.items() for part in _parts(name, value)]
    else:
        words += ["-H 'Content-Type: application/json'", f"--data-raw {shell_word(written(body, _JSON))}"]
    return " \\\n  ".join(words)


def _parts(name: str, value: Value) -> Iterator[str]:
    """A field as parts of a form: a list is a name that repeats, an object is JSON."""
    if isinstance(value, FilePart):
        quoted = '"' + value.name.replace("\\", "\\\\").replace('"', '\\"') + '"'  # as curl reads it, before the shell's own quotes
        yield f"-F {shell_word(f'{name}=@{quoted};type={value.mime}')}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _parts(f"{name}[]", item)
    else:
        yield f"--form-string {shell_word(f'{name}={value if isinstance(value, str) else written(value, _JSON)}')}"


def _python(base_url: str, path: str, body: Mapping[str, Value]) -> str:
    known, others = _split(path, body)
    arguments = [f"{name}={written(value, _PYTHON, 1)}" for name, value in known.items()]
    if others:
        arguments.append(f"extra_body={written(others, _PYTHON, 1)}")
    call = "".join(f"    {argument},\n" for argument in arguments)
    head = f'client = OpenAI(base_url={python_text(f"{base_url}/v1")}, api_key="{YOUR_KEY}")'
    reading = _PYTHON_FILES if _has_file(body) else "from openai import OpenAI\n"
    return f"{reading}\n{head}\n\n" + _PYTHON_CALLS[path].replace("…", call, 1)


def _javascript(base_url: str, path: str, body: Mapping[str, Value]) -> str:
    call = written({**dict.fromkeys(("model", "prompt"), ""), **body}, _SCRIPT)
    head = f'const client = new OpenAI({{ baseURL: {json_text(f"{base_url}/v1")}, apiKey: "{YOUR_KEY}" }});'
    names = [*(["readFile"] if _has_file(body) else []), *(["writeFile"] if path == VIDEOS else [])]
    imports = f'import {{ {", ".join(names)} }} from "node:fs/promises";\n' if names else ""
    reading = _SCRIPT_FILES if "readFile" in names else ""
    return f'{imports}import OpenAI from "openai";\n\n{reading}{head}\n\n' + _SCRIPT_CALLS[path].replace("…", call, 1)


def _split(path: str, body: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    """The fields that a library has as arguments (it insists on a prompt), and the others."""
    known: dict[str, Value] = {"model": "", "prompt": ""}
    others: dict[str, Value] = {}
    for name, value in body.items():
        (known if name in _KNOWN[path] else others)[name] = value
    return known, others


_PYTHON_FILES = """import base64
from pathlib import Path

from openai import OpenAI


def data_uri(path, mime):
    return f"data:{mime};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"

"""
_PYTHON_CALLS: Mapping[str, str] = {
    VIDEOS: """video = client.videos.create_and_poll(
…)
if video.status == "failed":
    raise SystemExit(video.error.message)
client.videos.download_content(video.id).write_to_file("video.mp4")
""",
    IMAGES: """result = client.images.generate(
…)
for picture in result.data:
    print(picture.url or picture.b64_json[:60])
""",
}
_SCRIPT_FILES = """const dataUri = async (path, mime) => `data:${mime};base64,${(await readFile(path)).toString("base64")}`;
"""
_SCRIPT_CALLS: Mapping[str, str] = {
    VIDEOS: """let video = await client.videos.create(…);
while (video.status === "queued" || video.status === "in_progress") {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  video = await client.videos.retrieve(video.id);
}
if (video.status === "failed") throw new Error(video.error.message);
const film = await client.videos.downloadContent(video.id);
await writeFile("video.mp4", Buffer.from(await film.arrayBuffer()));
""",
    IMAGES: """const result = await client.images.generate(…);
for (const picture of result.data) console.log(picture.url ?? picture.b64_json.slice(0, 60));
""",
}
