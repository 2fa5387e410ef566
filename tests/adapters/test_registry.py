"""Adapters are found by the names of their modules, and loaded one by one."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.adapters.base import Adapter
from app.adapters.registry import adapters


def test_every_name_has_its_adapter() -> None:
    found = adapters()
    assert "openai" in found
    assert list(found) == sorted(found)
    assert len(found) == len(list(found)) >= 14
    assert {name: adapter.name for name, adapter in found.items()} == {name: name for name in found}


@pytest.mark.parametrize("name", ["acme", "base", "registry", "_fields", "", "../openai"])
def test_what_is_no_vendor_has_none(name: str) -> None:
    found = adapters()
    assert name not in found
    assert found.get(name) is None
    with pytest.raises(KeyError):
        found[name]


def test_an_adapter_is_made_once_however_many_ask() -> None:
    found = adapters.__wrapped__()  # without those that other tests have loaded
    with ThreadPoolExecutor(8) as threads:
        made: set[Adapter] = set(threads.map(lambda _: found["kling"], range(32)))
    assert made == {found["kling"]}


def test_to_know_the_names_loads_none_and_to_use_one_loads_that_alone() -> None:
    script = (
        "import sys; from app.adapters.registry import adapters; found = adapters()\n"
        "def loaded(): return {name for name in found if f'app.adapters.{name}' in sys.modules}\n"
        "assert 'ark' in found and sorted(found) and loaded() == set()\n"
        "found['vidu']; assert loaded() == {'vidu'}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
