"""What the OpenAPI document promises, held against the application: every operation, with input of any kind."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import STRANGER, Site, error_of, site_on
from tests.gateways import CHANNEL, KEY, another
from tests.hostile.conftest import admin_of

Case = schemathesis.Case[Any]  # whatever it is a case of
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOOMED = another("doomed", priority=-1)
# the coverage phase makes its thousands of cases while tests are collected, which everybody would wait for
_CONFIG = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": False}}})
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings(secret_key="tests", _env_file=None)).openapi(), config=_CONFIG)
moderately = settings(
    max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)


class Application:
    """The running application, for tests that are not async; its vendor accepts whatever comes."""

    def __init__(self, portal: BlockingPortal, site: Site, client: httpx.AsyncClient) -> None:
        self._portal = portal
        self._client = client
        job, other = portal.call(site.finished)["id"], portal.call(site.finished)["id"]
        self._known = {"job_id": job, "channel_id": CHANNEL.id, "key_id": KEY.id}
        self._doomed = {"job_id": other, "channel_id": DOOMED.id, "key_id": STRANGER.id}

    def check(self, case: Case) -> None:
        """Sends a case as its own client would write it, byte for byte, and judges the answer."""
        known = self._doomed if case.method == "DELETE" else self._known
        for name in known.keys() & case.path_parameters.keys():
            if len(str(case.path_parameters[name])) % 2:  # a made-up id leads nowhere: every other one becomes one that exists
                case.path_parameters[name] = known[name]
        answer = self._portal.call(self._send, case)
        assert answer.status_code != 401, "a key that is no good would only show refusals"
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            error_of(answer)

    async def _send(self, case: Case) -> httpx.Response:
        written = requests.Request(**case.as_transport_kwargs(base_url="http://gate.example.com")).prepare()
        written.headers["authorization"] = self._client.headers["authorization"]  # in the place of the one that the case made up
        body = written.body.encode() if isinstance(written.body, str) else written.body or b""
        assert isinstance(body, bytes)
        headers = [(str(name), _text(value)) for name, value in written.headers.items()]
        return await self._client.request(str(written.method), str(written.url), headers=headers, content=body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@pytest.fixture(scope="module")
def for_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The application as a client sees it; without the sandbox, which would render what it is asked for."""
    with start_blocking_portal() as portal:
        folder = tmp_path_factory.mktemp("clients")
        with portal.wrap_async_context_manager(site_on(folder, channels=[CHANNEL, DOOMED])) as site:
            yield Application(portal, site, site.client)


@pytest.fixture(scope="module")
def for_operators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The application as an operator sees it."""
    with start_blocking_portal() as portal:
        folder = tmp_path_factory.mktemp("operators")
        with (
            portal.wrap_async_context_manager(site_on(folder, channels=[CHANNEL, DOOMED])) as site,
            portal.wrap_async_context_manager(admin_of(site)) as client,
        ):
            yield Application(portal, site, client)


@SCHEMA.exclude(path_regex="^/admin/").parametrize()
@moderately
def test_a_client_operation_answers_as_the_document_says(case: Case, for_clients: Application) -> None:
    for_clients.check(case)


@SCHEMA.exclude(path_regex="^/(?!admin/)").parametrize()
@moderately
def test_an_admin_operation_answers_as_the_document_says(case: Case, for_operators: Application) -> None:
    for_operators.check(case)
