"""The code of a request says what the request says."""

import ast
import json
import shlex
from typing import Any

import pytest

from app.console.snippets import IMAGES, VIDEOS, snippets
from app.domain.errors import InvalidRequest
from app.domain.json import Json

BASE = "https://gate.example.com"
HOSTILE = 'it\'s a "boat"\'; reboot # </script> ${HOME} `reboot`\n"""'
FIELDS: dict[str, Json] = {
    "model": "some-model",
    "prompt": HOSTILE,
    "seconds": "5",
    "aspect_ratio": "16:9",
    "watermark": False,
    "seed": 7,
    "metadata": {"sandbox": {"delay": 2}, "no name": None},
    "reference_images": ["https://pictures.example.com/a.png"],
}
FILE: dict[str, Json] = {"$file": 'my "boat"; rm.png', "type": "image/png"}


def arguments(code: str) -> dict[str, Any]:
    """What the first call with a `model` says in a piece of Python."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and any(keyword.arg == "model" for keyword in node.keywords):
            return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    raise AssertionError("no call")


def words(code: str) -> list[str]:
    return shlex.split(code.replace("\\\n", " "))


def test_curl_sends_the_fields_as_json() -> None:
    found = words(snippets(BASE, VIDEOS, FIELDS)["curl"])
    assert found[:2] == ["curl", f"{BASE}/v1/videos"]
    assert "Authorization: Bearer YOUR_KEY" in found
    assert json.loads(found[found.index("--data-raw") + 1]) == FIELDS


def test_curl_sends_files_in_a_form() -> None:
    found = words(snippets(BASE, VIDEOS, {**FIELDS, "first_frame_image": FILE})["curl"])
    assert found[found.index("-F") + 1] == 'first_frame_image=@"my \\"boat\\"; rm.png";type=image/png'
    parts = [found[place + 1] for place, word in enumerate(found) if word == "--form-string"]
    assert f"prompt={HOSTILE}" in parts
    assert "watermark=false" in parts
    assert "reference_images[]=https://pictures.example.com/a.png" in parts
    assert json.loads(next(part for part in parts if part.startswith("metadata=")).partition("=")[2]) == FIELDS["metadata"]


def test_python_says_the_same_with_what_the_library_does_not_know_in_its_extra_body() -> None:
    found = arguments(snippets(BASE, VIDEOS, FIELDS)["python"])
    extra = found.pop("extra_body")
    assert set(found) == {"model", "prompt", "seconds"}
    assert {**found, **extra} == FIELDS


def test_python_reads_files_as_data_uris() -> None:
    code = snippets(BASE, VIDEOS, {**FIELDS, "first_frame_image": FILE})["python"]
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and ast.unparse(node.func) == "data_uri"]
    assert [[ast.literal_eval(argument) for argument in call.args] for call in calls] == [[FILE["$file"], FILE["type"]]]


def test_javascript_holds_every_value_as_json_would() -> None:
    code = snippets(BASE, VIDEOS, {**FIELDS, "metadata": {"__proto__": 1, "a-b": 2}})["javascript"]
    assert f"prompt: {json.dumps(HOSTILE)}" in code
    assert '{["__proto__"]: 1, "a-b": 2}' in code
    assert 'baseURL: "https://gate.example.com/v1"' in code


def test_pictures_are_asked_for_with_the_call_for_pictures() -> None:
    found = snippets(BASE, IMAGES, {"model": "some-model", "prompt": "a boat", "n": 2, "image": [FILE]})
    assert "client.images.generate(" in found["python"]
    assert "client.images.generate(" in found["javascript"]
    assert 'await dataUri("my \\"boat\\"; rm.png", "image/png")' in found["javascript"]


def test_a_library_that_insists_on_a_prompt_gets_an_empty_one() -> None:
    assert arguments(snippets(BASE, VIDEOS, {"model": "some-model"})["python"]) == {"model": "some-model", "prompt": ""}


def test_a_file_type_that_is_none_is_not_written() -> None:
    found = snippets(BASE, VIDEOS, {"model": "m", "mask": {"$file": "a", "type": 'image/png";x="'}})["curl"]
    assert "application/octet-stream" in found


def test_another_path_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        snippets(BASE, "/v1/models", {})
    assert refused.value.param == "path"


def test_absurd_nesting_is_refused() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    with pytest.raises(InvalidRequest) as refused:
        snippets(BASE, VIDEOS, {"model": "m", "metadata": deep})
    assert refused.value.param == "metadata"
