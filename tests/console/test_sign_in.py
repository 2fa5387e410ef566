"""Who gets in, for how long, and what a page of somebody else can do with it: nothing."""

import re
from dataclasses import replace

import pytest

from app.console.sign_in import HOME, inside
from app.engine.changes import changing
from app.engine.sessions import COOKIE, CSRF_HEADER, LIFETIME, Session, Sessions
from app.store import keys as key_store
from tests.console.conftest import ADMIN, Rooms
from tests.gateways import KEY, KEY_TEXT

pytestmark = pytest.mark.anyio


def shown_csrf(page: str) -> str:
    found = re.search(r'<meta name="csrf" content="([0-9a-f]+)">', page)
    assert found is not None
    return found[1]


async def test_the_address_alone_leads_to_the_sign_in(rooms: Rooms) -> None:
    answer = await rooms.nobody.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.path == "/console/sign-in"


async def test_after_signing_in_the_reader_is_where_they_wanted_to_be(rooms: Rooms) -> None:
    door = await rooms.nobody.get("/console/audit?kind=key")
    assert door.headers["location"] == "/console/sign-in?next=/console/audit%3Fkind%3Dkey"
    answer = await rooms.nobody.post("/console/sign-in", data={"key": ADMIN, "next": "/console/audit?kind=key"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/audit?kind=key")


async def test_the_cookie_is_for_no_script_and_for_no_other_site(rooms: Rooms) -> None:
    answer = await rooms.nobody.post("/console/sign-in", data={"key": ADMIN})
    cookie = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_behind_https_the_cookie_is_secure(rooms: Rooms) -> None:
    rooms.site.gateway.settings = rooms.site.gateway.settings.model_copy(update={"trusted_proxies": 1})
    answer = await rooms.nobody.post("/console/sign-in", data={"key": ADMIN}, headers={"x-forwarded-proto": "https"})
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_an_unknown_key_opens_nothing(rooms: Rooms) -> None:
    answer = await rooms.nobody.post("/console/sign-in", data={"key": "sk-no-such-key"})
    assert answer.status_code == 401
    assert COOKIE not in answer.cookies
    assert 'role="alert"' in answer.text


async def test_a_form_of_another_site_signs_nobody_in(rooms: Rooms) -> None:
    answer = await rooms.nobody.post("/console/sign-in", data={"key": ADMIN}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies


async def test_signing_out_needs_the_pages_own_word_and_ends_the_session(rooms: Rooms) -> None:
    page = await rooms.operator.get("/console/audit")
    assert (await rooms.operator.post("/console/sign-out", data={"csrf": "0" * 24})).status_code == 403
    await rooms.operator.post("/console/sign-out", data={"csrf": shown_csrf(page.text)})
    assert (await rooms.operator.get("/console/audit")).status_code == 303


async def test_a_key_that_is_revoked_ends_its_sessions(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    assert (await rooms.holder.get("/v1/usage")).status_code == 200
    async with changing(gateway.database) as connection:
        await key_store.update_one(connection, replace(KEY, enabled=False))
    await gateway.configuration.refresh()
    assert (await rooms.holder.get("/v1/usage")).status_code == 401


async def test_a_key_for_some_addresses_opens_no_page_from_elsewhere(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    async with changing(gateway.database) as connection:
        await key_store.update_one(connection, replace(KEY, allowed_ips=("203.0.113.0/24",)))
    await gateway.configuration.refresh()
    assert (await rooms.holder.get("/console/playground")).status_code == 403


@pytest.mark.parametrize("path", ["/console/audit", "/admin/keys"])
async def test_a_client_key_opens_no_operators_page(rooms: Rooms, path: str) -> None:
    assert (await rooms.holder.get(path)).status_code == 403


async def test_a_page_may_read_and_change_only_with_the_sessions_word(rooms: Rooms) -> None:
    word = shown_csrf((await rooms.operator.get("/console/audit")).text)
    assert (await rooms.operator.get("/admin/keys")).status_code == 200
    forged = await rooms.operator.post("/admin/keys", json={"name": "forged"})
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "csrf_token_invalid")
    made = await rooms.operator.post("/admin/keys", json={"name": "mine"}, headers={CSRF_HEADER: word})
    assert made.status_code == 201


async def test_a_holder_makes_videos_with_the_sessions_word_alone(rooms: Rooms) -> None:
    word = rooms.site.gateway.sessions.csrf(session_in(rooms, rooms.holder.cookies[COOKIE]))
    body = {"model": "sandbox-video", "prompt": "a boat", "seconds": "4"}
    assert (await rooms.holder.post("/v1/videos", json=body)).status_code == 403
    made = await rooms.holder.post("/v1/videos", json=body, headers={CSRF_HEADER: word})
    assert made.status_code == 200
    assert (await rooms.holder.get(f"/v1/videos/{made.json()['id']}")).status_code == 200


async def test_an_operator_names_the_key_for_which_to_ask(rooms: Rooms) -> None:
    unnamed = await rooms.operator.get("/v1/models")
    assert (unnamed.status_code, unnamed.json()["error"]["code"]) == (403, "key_not_chosen")
    assert (await rooms.operator.get("/v1/models", headers={"x-filmgate-key": KEY.id})).status_code == 200


async def test_agents_are_not_let_in_by_a_session(rooms: Rooms) -> None:
    word = rooms.site.gateway.sessions.csrf(session_in(rooms, rooms.holder.cookies[COOKIE]))
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = await rooms.holder.post(
        "/mcp", json=message, headers={CSRF_HEADER: word, "accept": "application/json, text/event-stream"}
    )
    assert answer.status_code == 401


async def test_a_holder_cannot_ask_for_another_key(rooms: Rooms) -> None:
    answer = await rooms.holder.get("/v1/usage", headers={"x-filmgate-key": "key_2"})
    assert answer.json()["key"]["id"] == KEY.id


async def test_a_session_ends_after_its_time_and_with_another_admin_key(rooms: Rooms) -> None:
    gateway, seconds = rooms.site.gateway, [1_000_000.0]
    sessions = Sessions(("tests",), gateway.configuration, gateway.now, clock=lambda: seconds[0])
    begun = sessions.begin(ADMIN, "one")
    assert begun is not None
    sealed = {COOKIE: sessions.seal(begun)}
    assert sessions.read(sealed) == begun
    seconds[0] += LIFETIME
    assert sessions.read(sealed) is None
    assert sessions.read({COOKIE: sessions.seal(replace(begun, mark="of another key"))}) is None


async def test_a_session_survives_a_new_secret_as_long_as_the_old_one_is_known(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    old = Sessions(("old",), gateway.configuration, gateway.now)
    begun = old.begin(KEY_TEXT, "one")
    assert begun is not None
    sealed = {COOKIE: old.seal(begun)}
    assert Sessions(("new", "old"), gateway.configuration, gateway.now).read(sealed) is not None
    assert Sessions(("new",), gateway.configuration, gateway.now).read(sealed) is None


@pytest.mark.parametrize("cookie", ["", "x", "x" * 2_000, "W10.abc", "%00"])
async def test_a_damaged_cookie_is_no_session(shared_rooms: Rooms, cookie: str) -> None:
    assert shared_rooms.site.gateway.sessions.read({COOKIE: cookie}) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/console/",
        "//evil.test/console/",
        "/\\evil.test",
        "javascript:alert(1)",
        "/v1/usage",
        "",
        "/console/sign-out",
    ],
)
def test_nobody_is_led_out_of_the_console(address: str) -> None:
    assert inside(address) == HOME


async def test_every_page_tells_the_browser_to_load_nothing_from_elsewhere(rooms: Rooms) -> None:
    policy = (await rooms.operator.get("/console/audit")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_an_unknown_page_is_a_page_that_says_so(rooms: Rooms) -> None:
    answer = await rooms.operator.get("/console/no-such-page")
    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]


async def test_language_and_theme_are_remembered(rooms: Rooms) -> None:
    await rooms.operator.get("/console/language/zh")
    await rooms.operator.get("/console/theme/dark")
    page = (await rooms.operator.get("/console/audit")).text
    assert '<html lang="zh-CN" data-theme="dark">' in page
    assert "审计" in page


async def test_the_browsers_language_counts_where_nobody_chose(rooms: Rooms) -> None:
    page = await rooms.nobody.get("/console/sign-in", headers={"accept-language": "fr, zh-CN;q=0.8, en;q=0.5"})
    assert '<html lang="zh-CN"' in page.text


def session_in(rooms: Rooms, cookie: str) -> Session:
    found = rooms.site.gateway.sessions.read({COOKIE: cookie})
    assert found is not None
    return found
