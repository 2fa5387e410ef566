"""`/metrics`: what happened is counted, by names that no client can invent."""

import logging
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.api import middleware
from app.engine.metric_table import METRICS
from tests.api.conftest import IMAGE, VIDEO, Site, client_of, error_of, site_on
from tests.api.test_webhooks import event, secret_of, told_site
from tests.api.vendor import PIXEL
from tests.gateways import CHANNEL, another
from tests.metrics import Page, scraped

pytestmark = pytest.mark.anyio
NAMED = another("named", models={"film": "sora-2"}, priority=5)


async def test_the_page_is_open_and_holds_every_metric(site: Site) -> None:
    async with client_of(site.app) as nobody:
        answer = await nobody.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["cache-control"] == "no-store"
    described = {line.split()[2]: line.split()[3] for line in answer.text.splitlines() if line.startswith("# TYPE ")}
    assert described == {entry.name: entry.kind for entry in METRICS}


async def test_with_a_token_only_who_shows_it_reads_them(tmp_path: Path) -> None:
    async with (
        site_on(tmp_path, metrics_token=SecretStr("canary-token")) as site,
        client_of(site.app, "canary-token") as prometheus,
        client_of(site.app) as nobody,
    ):
        assert (await prometheus.get("/metrics")).status_code == 200
        refusals = [await nobody.get("/metrics"), await site.client.get("/metrics")]
        odd = await nobody.get("/metrics", headers={b"authorization": "Bearer ünknown".encode()})
    assert [refusal.status_code for refusal in (*refusals, odd)] == [401, 401, 401]
    assert error_of(refusals[0])["code"] == "invalid_api_key"
    assert "canary" not in refusals[0].text


async def test_requests_are_counted_by_their_route_and_not_by_their_path(site: Site) -> None:
    job = await site.created()
    await site.client.get(f"/v1/videos/{job['id']}")
    await site.client.get("/v1/videos/unknown")
    await site.client.get("/wp-login.php")
    await site.client.request("BREW", "/v1/videos")
    page, name = await scraped(site), "filmgate_http_requests_total"
    assert page.value(name, method="POST", endpoint="/v1/videos", status="2xx") == 1
    assert page.value(name, method="GET", endpoint="/v1/videos/{job_id}", status="2xx") == 1
    assert page.value(name, method="GET", endpoint="/v1/videos/{job_id}", status="4xx") == 1
    assert page.value(name, method="GET", endpoint="other", status="4xx") == 1
    assert page.labelled(name, "method") == {"GET", "POST", "other"}
    assert page.value("filmgate_http_request_seconds_count", method="GET", endpoint="/v1/videos/{job_id}") == 2
    assert page.value("filmgate_http_requests_open") == 1  # the scrape itself


async def test_a_video_is_measured_from_its_create_to_its_end(site: Site) -> None:
    await site.finished()
    page, series = await scraped(site), {"channel": "vendor", "model": "other"}
    assert page.value("filmgate_jobs_created_total", op="video") == 1
    assert page.value("filmgate_jobs_ended_total", op="video", status="completed", code="", **series) == 1
    assert page.value("filmgate_upstream_seconds_count", call="submit", **series) == 1
    assert page.value("filmgate_upstream_seconds_count", call="poll", **series) >= 1
    assert page.value("filmgate_completion_lag_seconds_count", channel="vendor") == 1
    assert page.value("filmgate_poll_delay_seconds_count", channel="vendor") >= 1
    for step in ("prepare", "commit", "send", "record"):
        assert page.value("filmgate_submit_seconds_count", op="video", step=step) == 1
    for stage in ("accept", "make", "total"):
        assert page.value("filmgate_job_seconds_count", op="video", model="other", stage=stage) == 1
    assert page.series("filmgate_upstream_errors_total") == {}


async def test_only_models_that_a_channel_names_have_a_name(tmp_path: Path) -> None:
    async with site_on(tmp_path, channels=(NAMED, CHANNEL)) as site:
        for model in ("film", "canary-1", "canary-2", "sora-2"):
            await site.created(model=model)
        page = await scraped(site)
    assert page.labelled("filmgate_upstream_seconds_count", "model") == {"film", "other", "sora-2"}
    assert not any("canary" in text for _, labels in page.samples for pair in labels for text in pair)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (httpx.Response(401, json={"error": {"message": "no"}}), "credential"),
        (httpx.Response(429, json={"error": {"message": "slow"}}), "rate"),
        (httpx.Response(400, json={"error": {"message": "bad"}}), "request"),
        (httpx.ConnectError("no route"), "unreachable"),
        (httpx.ReadTimeout("silence"), "timeout"),
        (httpx.ReadError("cut"), "unknown"),
        (httpx.Response(200, text="<html>"), "unknown"),
    ],
)
async def test_a_vendor_s_failure_is_counted_by_what_it_was(site: Site, trouble: httpx.Response | Exception, error: str) -> None:
    site.studio.refusal = trouble
    assert (await site.client.post("/v1/videos", json=VIDEO)).status_code >= 400
    page = await scraped(site)
    found = {"channel": "vendor", "model": "other", "call": "submit"}
    assert page.series("filmgate_upstream_errors_total") == {frozenset({**found, "error": error}.items()): 1.0}
    assert page.value("filmgate_upstream_seconds_count", **found) == 1


async def test_a_failed_job_says_why_in_our_words(site: Site) -> None:
    site.studio.error = {"code": "canary_code", "message": "it broke"}
    await site.finished("failed")
    page = await scraped(site)
    assert page.labelled("filmgate_jobs_ended_total", "status") == {"failed"}
    assert page.labelled("filmgate_jobs_ended_total", "code") == {"generation_failed"}
    assert page.series("filmgate_job_seconds_count") == {}


async def test_a_split_job_is_one_job_made_of_several(site: Site) -> None:
    answer = await site.client.post("/v1/images/generations", json={"model": "dall-e-3", "prompt": "boats", "n": 3})
    assert answer.status_code == 200, answer.text
    page = await scraped(site)
    assert sum(page.series("filmgate_jobs_ended_total").values()) == 3
    assert page.value("filmgate_jobs_created_total", op="image") == 1
    assert page.value("filmgate_job_seconds_count", op="image", model="dall-e-3", stage="total") == 1
    assert page.value("filmgate_job_seconds_count", op="image", model="dall-e-3", stage="make") == 3


async def test_open_jobs_and_channels_are_seen_as_they_stand(site: Site) -> None:
    await site.created()
    page = await scraped(site)
    assert page.value("filmgate_jobs_open", channel="vendor", stage="accepted") == 1
    assert page.value("filmgate_channel_up", channel="vendor", adapter="openai") == 1
    assert page.value("filmgate_database_up") == page.value("filmgate_processes") == 1
    assert page.labelled("filmgate_build_info", "version") == {site.app.version}


async def test_a_delivered_webhook_is_counted_and_leaves_the_outbox(tmp_path: Path) -> None:
    async with told_site(tmp_path) as (site, receiver, url):
        await secret_of(site.client)
        await site.finished(callback_url=url)
        await event(receiver)
        await site.gateway.deliveries.settled()
        page = await scraped(site)
    assert page.value("filmgate_webhook_tries_total", outcome="delivered") == 1
    assert page.value("filmgate_webhook_seconds_count") == 1
    assert page.value("filmgate_webhooks_pending") == 0


async def test_bytes_of_results_are_counted(site: Site) -> None:
    made = await site.client.post("/v1/images/generations", json={**IMAGE, "response_format": "url"})
    assert (await site.client.get(made.json()["data"][0]["url"])).status_code == 200
    page, name = await scraped(site), "filmgate_asset_bytes_total"
    assert page.value(name, direction="written") == page.value(name, direction="read") == len(PIXEL)


async def test_money_is_told_in_dollars(tmp_path: Path) -> None:
    priced = another("priced", models={"film": "sora-2"}, prices={"film": {"unit": "second", "usd": {"*": "0.1"}}})
    async with site_on(tmp_path, channels=(priced,)) as site:
        await site.finished(model="film", seconds="4")
        done = await scraped(site)
    assert done.value("filmgate_cost_dollars_total", op="video", channel="priced", model="film") == pytest.approx(0.4)
    assert done.value("filmgate_ledger_spent_dollars_total") == pytest.approx(0.4)
    assert done.value("filmgate_ledger_reserved_dollars") == 0


async def lines_of(caplog: pytest.LogCaptureFixture, site: Site, *paths: str) -> list[str]:
    caplog.set_level(logging.INFO)
    caplog.clear()
    for path in paths:
        await site.client.get(path)
    return [vars(record)["path"] for record in caplog.records if record.name == middleware.__name__]


async def test_a_sampled_log_keeps_every_line_but_those_of_gets_that_went_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site_on(tmp_path, access_log_sample=0.0) as site:
        assert await lines_of(caplog, site, "/v1/models", "/v1/nothing") == ["/v1/nothing"]
        await site.created()
    assert [vars(record)["method"] for record in caplog.records if record.name == middleware.__name__] == ["GET", "POST"]


async def test_half_of_the_lines_is_some_of_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with site_on(tmp_path, access_log_sample=0.5) as site:
        lines = await lines_of(caplog, site, *["/healthz"] * 200)
    assert 50 < len(lines) < 150


async def test_the_line_of_a_create_names_the_job_that_it_made(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    job = await site.created()
    (line,) = [record for record in caplog.records if record.name == middleware.__name__]
    assert vars(line)["job_id"] == job["id"]


def test_a_page_with_a_series_twice_is_noticed() -> None:
    with pytest.raises(AssertionError):
        Page('# TYPE a gauge\na{b="c"} 1\na{b="c"} 2\n')
