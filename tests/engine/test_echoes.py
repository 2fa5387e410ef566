"""A vendor that repeats our credential does not make us repeat it."""

import pytest

from app.adapters.base import Call, Reply, StreamEvent
from app.domain.jobs import Failure
from app.engine.echoes import quiet, quiet_event

SECRET = "canary/secret+value"
CALL = Call(path="/x", headers={"Authorization": f"Bearer {SECRET}", "Accept": "application/json"})


def reply(text: str, **headers: str) -> Reply:
    return Reply(400, headers, None, text.encode())


@pytest.mark.parametrize("spelled", [SECRET, "canary%2Fsecret%2Bvalue", "canary\\/secret+value"])
def test_the_credential_is_masked_in_body_and_headers_however_it_is_spelled(spelled: str) -> None:
    found = quiet(reply(f'{{"error": "bad key {spelled}"}}', detail=f"key={spelled}"), CALL)
    assert "canary" not in str(found)
    assert b"canary" not in found.body


def test_a_credential_in_the_query_is_masked_too() -> None:
    found = quiet(reply('{"error": "canary-in-query"}'), Call(path="/x", query=(("key", "canary-in-query"), ("page", "1"))))
    assert b"canary" not in found.body


def test_an_answer_without_it_is_the_same_object() -> None:
    plain = reply('{"id": "application/json"}')
    assert quiet(plain, CALL) is plain


def test_a_failure_in_a_stream_is_masked() -> None:
    event = StreamEvent("failed", failure=Failure("x", f"bad key {SECRET}", SECRET))
    assert "canary" not in str(quiet_event(event, CALL))
    fine = StreamEvent("end")
    assert quiet_event(fine, CALL) is fine
