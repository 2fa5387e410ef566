"""The API reference says what the application does: each example is sent, each field is explained, each link leads somewhere."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.api.examples import JSON, Example, read_examples
from app.cli.api_page import BASE, anchor, api_page
from app.engine.reference import Field, Operation, reference_of
from app.engine.reference_types import Schema, resolved
from app.main import create_app
from app.settings import Settings
from tests.example_world import World, everything, world_in

DOCUMENT = create_app(Settings(_env_file=None)).openapi()
SECTIONS = reference_of(DOCUMENT)
OPERATIONS = {operation.id: operation for section in SECTIONS for operation in section.operations}
EXAMPLES = [(name, example) for name, examples in read_examples().items() for example in examples]
PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
# what an empty list or a null stands for cannot be told from it
UNKNOWN = ("null", "empty")


def shape(value: Any) -> Any:
    """The keys and kinds of a JSON value; a list is as its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else "empty"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "null" if value is None else type(value).__name__
    return "number"


def differences(shown: Any, real: Any, where: str = "") -> list[str]:
    """Where two shapes are not the same."""
    if isinstance(shown, dict) and isinstance(real, dict):
        odd = [f"{where}.{key}" for key in shown.keys() ^ real.keys()]
        return odd + [found for key in shown.keys() & real.keys() for found in differences(shown[key], real[key], f"{where}.{key}")]
    if isinstance(shown, list) and isinstance(real, list):
        return differences(shown[0], real[0], f"{where}[]")
    return [] if shown == real or shown in UNKNOWN or real in UNKNOWN else [f"{where}: {shown} is {real}"]


class Sender:
    """Sends examples to a running application, for tests that are not async."""

    def __init__(self, portal: BlockingPortal, world: World) -> None:
        self._portal = portal
        self._world = world

    def send(self, operation: Operation, example: Example) -> httpx.Response:
        return self._portal.call(self._sent, operation, example)

    async def _sent(self, operation: Operation, example: Example) -> httpx.Response:
        path = operation.path
        for name, value in example.path.items():
            path = path.replace(f"{{{name}}}", value)
        query = json.loads(await self._world.real(json.dumps(dict(example.query))))
        body = json.loads(await self._world.real(json.dumps(example.body)))
        client = self._world.admin if operation.key == "admin key" else self._world.site.client
        return await client.request(operation.method, await self._world.real(path), params=query, json=body)


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """The world of the examples, with everything that they name."""
    folder = tmp_path_factory.mktemp("world")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(world_in(folder)) as world:
        portal.call(everything, world)
        yield Sender(portal, world)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name}: {example.name}" for name, example in EXAMPLES])
def test_an_example_comes_true(name: str, example: Example, sender: Sender) -> None:
    answer = sender.send(OPERATIONS[name], example)
    assert answer.status_code == example.status, answer.text
    assert answer.headers["content-type"].partition(";")[0] == example.type
    assert differences(shape(written(example.answer)), shape(written(text_of(answer)))) == []
    assert answer.content


def text_of(answer: httpx.Response) -> Any:
    kind = answer.headers["content-type"].partition(";")[0]
    return answer.json() if kind == JSON else answer.text if kind == "text/event-stream" else None


def written(answer: Any) -> Any:
    """An answer as JSON; events as what they say of themselves, in a list."""
    if not isinstance(answer, str):
        return answer
    fields = [line.partition(": ")[::2] for line in answer.splitlines() if line]
    return [{name: json.loads(value) if name == "data" else value} for name, value in fields]


def test_a_difference_is_noticed() -> None:
    shown = shape({"id": "a", "list": [{"n": 1}], "gone": 1})
    assert differences(shown, shape({"id": 1, "list": [{"n": "1"}], "new": None})) != []
    assert sorted(differences(shown, shape({"id": "b", "list": [{"n": "1"}], "new": 0}))) == [
        ".gone",
        ".list[].n: number is str",
        ".new",
    ]
    assert differences(shown, shape({"id": "b", "list": [], "gone": None})) == []


def test_every_operation_has_an_example_and_every_example_an_operation() -> None:
    assert {name for name, _ in EXAMPLES} == set(OPERATIONS)
    assert all(operation.samples for operation in OPERATIONS.values())


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name}: {example.name}" for name, example in EXAMPLES])
def test_an_example_is_as_described(name: str, example: Example) -> None:
    told = DOCUMENT["paths"][OPERATIONS[name].path][OPERATIONS[name].method.lower()]
    for content, value in (
        (told.get("requestBody", {}).get("content", {}).get(JSON, {}), example.body),
        (told["responses"][str(example.status)]["content"][example.type], example.answer),
    ):
        assert (value is None) is not any("value" in shown for shown in content.get("examples", {}).values())
        schema = {**content.get("schema", {}), "components": DOCUMENT["components"]}
        if value is not None and example.type == JSON:
            jsonschema_rs.Draft202012Validator(schema).validate(value)


def explained() -> Iterator[tuple[str, Field]]:
    for section in SECTIONS:
        for operation in section.operations:
            yield from ((f"{operation.id}.{field.name}", field) for field in (*operation.parameters, *operation.body))
        for name, fields in section.objects.items():
            yield from ((f"{name}.{field.name}", field) for field in fields)


def test_every_parameter_and_field_says_what_it_means() -> None:
    assert [where for where, field in explained() if not field.meaning] == []
    assert [where for where, field in explained() if not field.kind] == []


def test_an_operation_that_is_like_another_takes_what_that_takes() -> None:
    alike = {operation.id: operation.like.id for operation in OPERATIONS.values() if operation.like is not None}
    assert alike.items() >= {("create_generation", "create_video"), ("remix_video", "create_video"), ("change_key", "create_key")}
    for name, like in alike.items():
        listed = {field.name for field in (*OPERATIONS[like].body, *OPERATIONS[name].body)}
        assert listed == set(body_of(OPERATIONS[name])["properties"])


def body_of(operation: Operation) -> Schema:
    told = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return resolved(told["requestBody"]["content"][JSON]["schema"], DOCUMENT["components"]["schemas"])


def test_the_page_is_what_the_application_says() -> None:
    assert api_page(SECTIONS) == PAGE, "run: filmgate docs api > docs/api.md"


def test_every_link_of_the_page_leads_to_one_heading() -> None:
    text = re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    headings = [anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert len(headings) == len(set(headings))
    assert len(links) > len(OPERATIONS)
    assert links - set(headings) == set()


def test_the_commands_of_the_page_send_the_examples() -> None:
    commands = [
        shlex.split(block.replace("\\\n", " ")) for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    ]
    sent = [json.loads(words[words.index("-d") + 1]) for words in commands if "-d" in words]
    assert len(commands) == len(EXAMPLES)
    assert all(word.startswith(BASE) for words in commands for word in words if "://127" in word)
    assert len(sent) == sum(1 for _, example in EXAMPLES if example.body is not None)
    assert all(example.body in sent for _, example in EXAMPLES if example.body is not None)
