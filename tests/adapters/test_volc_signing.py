"""The signature against published vectors and against the vendor's own signer."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from volcenginesdkcore.signv4 import SignerV4  # type: ignore[import-untyped]  # the SDK has no types

from app.adapters._volc_signing import (
    Keys,
    Service,
    Unsigned,
    canonical_request,
    signed_headers,
    signing_key,
    string_to_sign,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SERVICE = Service("cn-north-1", "cv")
KEYS = Keys("AKLTEXAMPLEACCESSKEY0001", "ExampleSecretKeyForUnitTestsOnly0001==")
SCOPE = "20261120/cn-north-1/cv/request"
SUBMIT = b'{"req_key":"jimeng_t2v_v30","prompt":"a paper boat drifting on a pond","seed":-1,"frames":121,"aspect_ratio":"16:9"}'
QUERY = b'{"req_key":"jimeng_t2v_v30","task_id":"7600000000000000001"}'
PICTURE = '{"req_key":"jimeng_t2i_v40","prompt":"纸船漂在池塘上"}'.encode()
ACTIONS = {
    "submit": (("Action", "CVSync2AsyncSubmitTask"), ("Version", "2022-08-31")),
    "result": (("Action", "CVSync2AsyncGetResult"), ("Version", "2022-08-31")),
    "turned": (("Version", "2022-08-31"), ("Action", "CVSync2AsyncSubmitTask")),
}


def unsigned(body: bytes, action: str, url: str = "https://visual.volcengineapi.com") -> Unsigned:
    return Unsigned("POST", url, ACTIONS[action], "application/json", body)


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


def canonical_hash(request: Unsigned, headers: dict[str, str]) -> str:
    covered = {name: value for name, value in headers.items() if name != "Authorization"}
    return hashlib.sha256(canonical_request(request, covered).encode()).hexdigest()


def test_the_key_of_a_day_is_the_published_one() -> None:
    key = signing_key(KEYS.secret_key, "20261120", SERVICE)

    assert key.hex() == "d2a841508a72f14d7fce0989f8db156d4535ef3dbdb0b1091be471fe97320966"


def test_a_submit_is_spelled_and_signed_as_published() -> None:
    request = unsigned(SUBMIT, "submit")

    headers = signed_headers(request, SERVICE, KEYS, NOW)

    body_hash = "8e3eca322fe860e46e4a5635a97222fd47d389357fba9381c7e9fe2fdd1f4156"
    covered = {name: value for name, value in headers.items() if name != "Authorization"}
    canonical = canonical_request(request, covered)
    assert canonical == (
        "POST\n/\nAction=CVSync2AsyncSubmitTask&Version=2022-08-31\ncontent-type:application/json\n"
        f"host:visual.volcengineapi.com\nx-content-sha256:{body_hash}\nx-date:20261120T120000Z\n\n"
        f"content-type;host;x-content-sha256;x-date\n{body_hash}"
    )
    assert string_to_sign(canonical, "20261120T120000Z", SCOPE) == (
        f"HMAC-SHA256\n20261120T120000Z\n{SCOPE}\n7d107fa2e7279491de1548b39ce4f1f197bd2b68439611fa533f00b683b62548"
    )
    assert headers["Authorization"] == (
        f"HMAC-SHA256 Credential=AKLTEXAMPLEACCESSKEY0001/{SCOPE}, SignedHeaders=content-type;host;x-content-sha256;x-date, "
        "Signature=34de59525c7ca395b6c0deb754226c19587abbdeb5135cd12b7a9ca338353ea0"
    )


@pytest.mark.parametrize("host", ["visual.volcengineapi.com", "visual.volcengineapi.com:443", "VISUAL.volcengineapi.com:80/"])
def test_a_question_is_signed_as_published_and_a_usual_port_does_not_count(host: str) -> None:
    request = unsigned(QUERY, "result", f"https://{host}")

    headers = signed_headers(request, SERVICE, KEYS, NOW)

    assert headers["X-Content-Sha256"] == "595310dc7dfe975d7d006559eda58660c57862b2c67a2f8efb7bc7ca267e5992"
    assert canonical_hash(request, headers) == "20e39363a5d812b5899b49052edbab5c7618cccb3175f23cceb76f1e09163131"
    assert signature(headers) == "00d0b8aa5529babfcea914c9252609d3fa269ea0f6ebec89c230824c27528025"


def test_a_token_an_odd_port_and_chinese_words_are_signed_as_published() -> None:
    request = unsigned(PICTURE, "turned", "http://127.0.0.1:18080/")

    headers = signed_headers(request, SERVICE, replace(KEYS, session_token="STSEXAMPLETOKEN"), NOW)

    assert headers["X-Content-Sha256"] == "d670f7ca9fdb98283f7681a3986604c7250142f6c5a642b17a37cbff8ee6aa7f"
    assert headers["Host"] == "127.0.0.1:18080"
    assert "SignedHeaders=content-type;host;x-content-sha256;x-date;x-security-token," in headers["Authorization"]
    assert canonical_hash(request, headers) == "a66eb5449973021dedd1b9930880cbbae4a4de27b15a4dbfe395019271eacfa3"
    assert signature(headers) == "ce123e7c91738c90b43ff2dedd7fbb19bdc3941bdd6ac8849bf13e9afda4cccb"


def test_the_moment_is_said_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=8)))

    assert signed_headers(unsigned(QUERY, "result"), SERVICE, KEYS, there)["X-Date"] == "20261120T120000Z"


@settings(max_examples=100, deadline=None)
@given(
    host=st.sampled_from(["visual.volcengineapi.com", "127.0.0.1:18080", "relay.example.com:443", "relay.example.com:80"]),
    path=st.sampled_from(["", "/", "/jimeng/"]),
    query=st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=4),
    body=st.text(max_size=40),
    token=st.sampled_from(["", "STSEXAMPLETOKEN"]),
)
def test_the_vendors_own_signer_says_the_same(host: str, path: str, query: dict[str, str], body: str, token: str) -> None:
    theirs: dict[str, Any] = {"Content-Type": "application/json", "Host": host}
    SignerV4.sign(
        urlsplit(f"https://{host}{path}").path, "POST", theirs, body, None, query, *_pair(), "cn-north-1", "cv", token or None
    )
    moment = datetime.strptime(theirs["X-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = Unsigned("POST", f"https://{host}{path}", tuple(query.items()), "application/json", body.encode())

    ours = signed_headers(request, SERVICE, replace(KEYS, session_token=token), moment)

    assert ours == theirs


def _pair() -> tuple[str, str]:
    return KEYS.access_key, KEYS.secret_key
