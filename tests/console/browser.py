"""A gateway as an operator starts it, and a real browser in front of it that hears everything that goes wrong on a page."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

from tests.databases import migrated_in

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
ADMIN = "admin-key-of-the-browser-tests"
HOSTILE = '<script>document.title="taken"</script>"><img src=x onerror=alert(1)>'
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_KEY = re.compile(r"Client key, shown this once:\s+(\S+)")
_ROOT = Path(__file__).parents[2]
_HEAVY = ("serious", "critical")
_PATIENCE = 20_000.0  # milliseconds


@dataclass(frozen=True, slots=True)
class Started:
    """A running gateway, freshly set up, and its first client key."""

    url: str
    key: str

    def admin(self, method: str, path: str, **asked: Any) -> Any:
        """What the admin API answers."""
        answer = httpx.request(method, self.url + path, headers={"authorization": f"Bearer {ADMIN}"}, timeout=60, **asked)
        assert answer.is_success, answer.text
        return answer.json()

    def client(self, method: str, path: str, **asked: Any) -> Any:
        """What the client API answers to the first key."""
        answer = httpx.request(method, self.url + path, headers={"authorization": f"Bearer {self.key}"}, timeout=60, **asked)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Started]:
    """`filmgate serve` on a folder with nothing but a migrated, empty database, ended at the end."""
    migrated_in(folder)
    given = {"DATA_DIR": str(folder), "ADMIN_KEY": ADMIN, "DRAIN_SECONDS": "1", "LOG_LEVEL": "WARNING", **settings}
    inherited = {name: environ[name] for name in ("PATH", "HOME", "LANG") if name in environ}
    env = {
        **inherited,
        "PYTHONPATH": str(_ROOT),
        "PYTHONUNBUFFERED": "1",
        **{f"FILMGATE_{name}": text for name, text in given.items()},
    }
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            yield _welcomed(process.stdout)
        finally:
            process.send_signal(signal.SIGKILL)


def _welcomed(output: Iterator[str]) -> Started:
    said = ""
    for line in output:
        said += line
        if "Ctrl-C" in line:
            address, key = _ADDRESS.search(said), _KEY.search(said)
            assert address is not None, said
            assert key is not None, said
            with httpx.Client(transport=httpx.HTTPTransport(retries=60)) as client:
                assert client.get(f"{address[0]}/readyz", timeout=60).is_success
            return Started(address[0], key[1])
    raise AssertionError(said)


@dataclass(slots=True)
class Visit:
    """One window; `troubles` is what the console, the network or a script complained about."""

    gateway: Started
    page: Page
    troubles: list[str] = field(default_factory=list)

    def heed(self) -> None:
        """Listens from now on."""
        self.page.set_default_timeout(_PATIENCE)
        self.page.on("console", lambda message: self._console(message))
        self.page.on("pageerror", lambda error: self.troubles.append(f"{self.page.url}: {error}"))
        self.page.on("request", lambda request: self._request(request))
        self.page.on("dialog", lambda dialog: self.troubles.append(f"a dialog of the browser: {dialog.message}"))

    def sign_in(self, key: str) -> None:
        """Shows a key at the door."""
        self.go("/console/sign-in")
        self.page.fill("input[name=key]", key)
        self.page.click("main button")
        self.page.wait_for_url(lambda address: "sign-in" not in address)

    def go(self, path: str) -> int:
        """Opens a page; its size in bytes."""
        answer = self.page.goto(self.gateway.url + path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"
        return len(answer.body())

    def findings(self) -> list[str]:
        """What axe finds that keeps somebody from using the page."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{self.page.url}: {one['id']}: {[node['target'] for node in one['nodes']][:3]}"
            for one in found
            if one["impact"] in _HEAVY
        ]

    def wider_than_the_screen(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{self.page.url}: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(self.gateway.url + "/"):
            self.troubles.append(f"{self.page.url} asks {request.url}")


@contextmanager
def visit(
    browser: Browser, gateway: Started, *, language: str = "en", theme: str = "light", phone: bool = False
) -> Iterator[Visit]:
    """A window of its own, as a reader with this language and theme has it; nothing may have gone wrong at its end."""
    size: Any = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
    scheme: Any = theme
    context = browser.new_context(viewport=size, locale={"en": "en-US", "zh": "zh-CN"}[language], color_scheme=scheme)
    try:
        window = Visit(gateway, context.new_page())
        window.heed()
        yield window
        assert window.troubles == []
    finally:
        context.close()


def launched(playwright: Playwright) -> Browser:
    """The machine's own Chromium, without a screen."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
