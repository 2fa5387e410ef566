"""The client behind `filmgate generate`."""

from collections.abc import Iterator

import httpx
import pytest

from app.cli.remote import Remote, RemoteError, api_root

BASE = "https://gate.example.com/v1"


def remote(answers: Iterator[httpx.Response | Exception], asked: list[httpx.Request] | None = None) -> tuple[Remote, list[float]]:
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    return Remote(BASE, "sk-canary", transport=httpx.MockTransport(answer), sleep=pauses.append), pauses


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://gate.example.com", "https://gate.example.com/v1"),
        ("https://gate.example.com/", "https://gate.example.com/v1"),
        ("https://gate.example.com/v1/", "https://gate.example.com/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://gate.example.com/api/v3", "https://gate.example.com/api/v3"),
    ],
)
def test_a_base_url_is_what_an_sdk_would_take(given: str, root: str) -> None:
    assert api_root(given) == root


@pytest.mark.parametrize("given", ["gate.example.com", "", "ftp://gate.example.com", "http://"])
def test_a_base_url_without_http_is_refused(given: str) -> None:
    with pytest.raises(RemoteError, match="must start with http"):
        api_root(given)


@pytest.mark.parametrize(("said", "wait"), [("1500", 1.5), ("0", 0.1), ("99999999", 60.0), ("soon", 2.0), ("", 2.0)])
def test_the_server_says_when_to_ask_again(said: str, wait: float) -> None:
    answer = httpx.Response(200, json={"id": "v"}, headers={"openai-poll-after-ms": said})
    client, _ = remote(iter([answer]))
    assert client.video("v").wait == wait


def test_a_create_that_may_have_arrived_is_never_repeated() -> None:
    for trouble in (httpx.ReadTimeout("slow"), httpx.Response(503, json={})):
        asked: list[httpx.Request] = []
        client, _ = remote(iter([trouble, httpx.Response(200, json={"id": "second"})]), asked)
        with pytest.raises(RemoteError):
            client.create("/videos", {"model": "m"})
        assert len(asked) == 1


def test_short_troubles_of_a_status_read_are_waited_out() -> None:
    troubles: list[httpx.Response | Exception] = [
        httpx.ConnectError("away"),
        httpx.Response(502),
        httpx.Response(429),
        httpx.Response(200, json={"id": "v"}),
    ]
    client, pauses = remote(iter(troubles))
    assert client.video("v").text("id") == "v"
    assert pauses == [1.0, 2.0, 4.0]


def test_lasting_trouble_ends_in_words_with_the_id() -> None:
    client, pauses = remote(iter(lambda: httpx.Response(503), None))
    with pytest.raises(RemoteError, match="video_7, which goes on without us: HTTP 503"):
        client.video("video_7")
    assert 100 < sum(pauses) < 200


def test_a_refusal_says_field_and_reason() -> None:
    body = {"error": {"message": "must be a number", "param": "seconds", "code": "invalid_value"}}
    client, _ = remote(iter([httpx.Response(400, json=body)]))
    with pytest.raises(RemoteError) as caught:
        client.create("/videos", {})
    assert caught.value.message == "HTTP 400: seconds: must be a number"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"null"])
def test_an_answer_that_is_no_object_is_said_so(content: bytes) -> None:
    client, _ = remote(iter([httpx.Response(200, content=content)]))
    with pytest.raises(RemoteError, match="is the base URL right"):
        client.create("/videos", {})


def test_files_go_as_a_form_with_nested_fields_as_json() -> None:
    asked: list[httpx.Request] = []
    client, _ = remote(iter([httpx.Response(200, json={"id": "v"})]), asked)
    client.create("/videos", {"model": "m", "metadata": {"a": 1}}, [("input_reference", ("boat.png", b"pixels"))])
    body = asked[0].content
    assert asked[0].headers["content-type"].startswith("multipart/form-data")
    assert b'name="metadata"\r\n\r\n{"a": 1}' in body
    assert b'name="input_reference"; filename="boat.png"' in body
