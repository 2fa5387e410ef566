"""Every page in a real browser: nothing it complains about, nothing from elsewhere, usable by everybody, in both languages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.console.browser import ADMIN, CHROMIUM, HOSTILE, Started, launched, started, visit

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install Debian's package chromium")

OPERATOR = (
    *("/console/", "/console/start", "/console/playground", "/console/jobs", "/console/jobs?view=table", "/console/models"),
    *(
        "/console/usage",
        "/console/usage/ledger",
        "/console/channels",
        "/console/channels/new",
        "/console/keys",
        "/console/keys/new",
    ),
    *("/console/usage/groups", "/console/webhooks", "/console/audit", "/console/settings", "/docs", "/docs/videos"),
)
HOLDER = ("/console/playground", "/console/jobs", "/console/models", "/console/usage")
PLAYABLE = "film => film.videoWidth || new Promise(seen => film.addEventListener('loadeddata', () => seen(film.videoWidth)))"
LARGEST = 100_000  # bytes of a page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launched(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Started, list[str]]]:
    """A gateway with something on every page, much of it hostile, and the addresses of single things."""
    with started(tmp_path_factory.mktemp("gate"), ALLOW_HOSTS="127.0.0.1") as gateway:
        key = gateway.admin(
            "POST", "/admin/keys", json={"name": HOSTILE[:100], "budget_usd": "5", "callback_url": "http://127.0.0.1:9/"}
        )
        channel = {
            "name": HOSTILE[:100],
            "adapter": "openai",
            "credentials": [{"api_key": "none"}],
            "models": ["x"],
            "enabled": False,
        }
        made = gateway.admin("POST", "/admin/channels", json=channel)
        film = {
            "model": "sandbox-video",
            "prompt": HOSTILE,
            "seconds": "1",
            "size": "320x240",
            "callback_url": "http://127.0.0.1:9/",
        }
        good = gateway.client("POST", "/v1/videos", json=film)
        bad = gateway.client("POST", "/v1/videos", json={**film, "metadata": {"sandbox": {"fail": "out_of_film"}}})
        gateway.client("POST", "/v1/images/generations", json={"model": "sandbox-image", "prompt": HOSTILE, "size": "256x256"})
        for job in (good, bad):
            while gateway.client("GET", f"/v1/videos/{job['id']}?wait=20")["status"] in ("queued", "in_progress"):
                continue
        told = gateway.admin("GET", "/admin/webhooks")["data"][0]
        single = [f"/console/jobs/{good['id']}", f"/console/jobs/{bad['id']}", f"/console/webhooks/{told['id']}"]
        yield gateway, [*single, f"/console/keys/{key['id']}", f"/console/channels/{made['id']}"]


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
def test_every_page_of_the_operator_is_sound(
    browser: Browser, lived_in: tuple[Started, list[str]], language: str, theme: str
) -> None:
    gateway, single = lived_in
    with visit(browser, gateway, language=language, theme=theme) as window:
        window.sign_in(ADMIN)
        findings, heavy = [], []
        for path in (*OPERATOR, *single):
            size = window.go(path)
            heavy += [f"{path}: {size}"] if size > LARGEST else []
            findings += window.findings()
            assert window.page.title() != "taken"
        assert findings == []
        assert heavy == []


@pytest.mark.parametrize(("language", "theme"), [("en", "dark"), ("zh", "light")])
def test_every_page_of_a_keys_holder_is_sound(
    browser: Browser, lived_in: tuple[Started, list[str]], language: str, theme: str
) -> None:
    gateway, single = lived_in
    with visit(browser, gateway, language=language, theme=theme) as window:
        window.sign_in(gateway.key)
        findings = []
        for path in (*HOLDER, *single[:2]):
            window.go(path)
            findings += window.findings()
            assert "/console/channels" not in window.page.inner_html("nav")
        assert findings == []


def test_on_a_phone_nobody_scrolls_sideways(browser: Browser, lived_in: tuple[Started, list[str]]) -> None:
    gateway, single = lived_in
    with visit(browser, gateway, phone=True) as window:
        window.sign_in(ADMIN)
        wide = []
        for path in (*OPERATOR, *single):
            window.go(path)
            wide += [path] if window.wider_than_the_screen() else []
        assert wide == []
        window.go("/console/")
        window.page.check("#menu")
        window.page.click("nav a[href='/console/jobs']")
        window.page.wait_for_url("**/console/jobs")


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
def test_the_first_run_leads_from_nothing_to_a_film_that_plays(browser: Browser, tmp_path: Path, language: str, theme: str) -> None:
    with started(tmp_path) as gateway, visit(browser, gateway, language=language, theme=theme) as window:
        page = window.page
        page.goto(gateway.url)
        page.fill("input[name=key]", ADMIN)
        page.click("main button")
        page.click("main a[href='/console/start']")
        page.wait_for_url("**/console/start")
        page.click("main a[href^='/console/playground']")
        page.wait_for_url("**/console/playground*")
        page.select_option("select[name=model]", "sandbox-video")
        page.fill("textarea[name=prompt]", "a paper boat")
        page.click("#send")
        page.wait_for_selector("video.result")
        assert page.locator("video.result").evaluate(PLAYABLE) > 0
        page.click("main a[href^='/console/jobs/']")
        page.wait_for_url("**/console/jobs/*")
        page.wait_for_selector("video")
        window.go("/console/keys/new")
        page.fill("input[name=name]", "the app")
        page.click("main form button.primary")
        page.wait_for_selector("text=/sk-[A-Za-z0-9_-]{40}/")
        window.go("/console/")
        assert page.inner_text("[data-figure=completed]") == "1"


def test_the_keyboard_alone_opens_a_page(browser: Browser, lived_in: tuple[Started, list[str]]) -> None:
    gateway, _ = lived_in
    with visit(browser, gateway) as window:
        window.sign_in(ADMIN)
        window.page.keyboard.press("Tab")
        window.page.keyboard.press("Enter")  # past the navigation
        assert window.page.evaluate("document.activeElement.id") == "main"


def test_what_was_made_meanwhile_is_counted_while_one_looks(browser: Browser, tmp_path: Path) -> None:
    with started(tmp_path) as gateway, visit(browser, gateway) as window:
        window.sign_in(ADMIN)
        assert window.page.inner_text("[data-figure=completed]") == "0"
        gateway.client("POST", "/v1/images/generations", json={"model": "sandbox-image", "prompt": "a boat", "size": "256x256"})
        expect(window.page.locator("[data-figure=completed]")).to_have_text("1")
