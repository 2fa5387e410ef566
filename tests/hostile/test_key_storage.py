"""Who reads the data folder cannot use a key, and who measures answers learns nothing of one."""

import ast
import hashlib
import re
from pathlib import Path

import httpx
import pytest

from app.engine.configuration import ADMIN_KEY_SETTING
from app.store import keys as key_store
from app.store import settings as setting_store
from tests.api.conftest import Site
from tests.hostile.conftest import ADMIN_TEXT

pytestmark = pytest.mark.anyio

APP = Path(__file__).parents[2] / "app"
SECRET = re.compile(r"hash_key\(|digest\(|signature", re.IGNORECASE)  # made of what somebody showed


async def test_keys_stored_as_hash_and_compared_constant_time(site: Site, admin: httpx.AsyncClient, tmp_path: Path) -> None:
    made = (await admin.post("/admin/keys", json={"name": "boats"})).json()
    async with site.gateway.database.read() as connection:
        key = await key_store.get(connection, made["id"])
        admin_hash = await setting_store.get(connection, ADMIN_KEY_SETTING)
    assert key is not None
    assert (key.hash, admin_hash) == (_sha256(made["key"]), _sha256(ADMIN_TEXT))
    kept = _files(tmp_path)
    assert any(made["id"].encode() in data for data in kept.values())
    assert [name for name, data in kept.items() if made["key"].encode() in data or ADMIN_TEXT.encode() in data] == []
    # a client's key is looked up by its hash; everything else that is secret is compared by `hmac.compare_digest`
    assert compared_in_plain() == []


@pytest.mark.parametrize(
    "planted", ["hashlib.sha256(shown).hexdigest() == stored", "signature != wanted", "hash_key(text) == known"]
)
def test_a_planted_comparison_is_noticed(planted: str) -> None:
    assert plain_comparisons(planted) == [planted]


def compared_in_plain() -> list[str]:
    """Every comparison in the product that takes longer the more of a secret is right."""
    return [
        f"{path.name}: {found}"
        for path in sorted(APP.rglob("*.py"))
        for found in plain_comparisons(path.read_text(encoding="utf-8"))
    ]


def plain_comparisons(source: str) -> list[str]:
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare)]
    equal = [node for node in found if any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops)]
    # a column of a table is compared by the database, under a hash
    return [text for node in equal if SECRET.search(text := ast.unparse(node)) and ".c." not in text]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
