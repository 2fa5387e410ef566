"""What a release is made of can be told to the last package: each one is pinned by hash, and nothing else is installed for it."""

import importlib.metadata
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_documents import LOCKS, locked, text_of


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the bill of materials."""

    name: str
    license: str


def bill_of_materials() -> dict[str, Part]:
    """Every package that is here because Filmgate needs it to run, down to the last; read from what is installed."""
    found: dict[str, Part] = {}
    waiting = [(Requirement(line), frozenset[str]()) for line in _requirements()]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, wanted = waiting.pop()
        name, extras = str(canonicalize_name(requirement.name)), frozenset(requirement.extras)
        if (name, extras) in seen or not _applies(requirement, wanted):
            continue
        seen.add((name, extras))
        metadata = importlib.metadata.metadata(name)
        found[name] = Part(name, _license(metadata))
        waiting += [(Requirement(line), extras) for line in importlib.metadata.requires(name) or ()]
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lockfile_hashes_and_sbom(lock: str) -> None:
    pins, parts = locked(lock), bill_of_materials()
    assert len(parts) > 20
    assert parts.keys() - pins.keys() == set()
    assert [name for name, pin in pins.items() if not pin.hashes] == []
    assert "://" not in text_of(lock)
    assert [part.name for part in parts.values() if not part.license] == []


def test_nothing_but_what_runs_or_builds_is_locked_for_a_release() -> None:
    names = {str(canonicalize_name(Requirement(line).name)) for line in _requirements("build")}
    known = bill_of_materials().keys() | set(_needed_by(names))
    elsewhere = {name for name in locked("requirements.lock").keys() - known if _installed(name)}
    assert elsewhere == set()


def _needed_by(names: set[str]) -> Iterator[str]:
    for name in names:
        yield name
        inner = [Requirement(line) for line in importlib.metadata.requires(name) or ()] if _installed(name) else []
        yield from _needed_by({str(canonicalize_name(one.name)) for one in inner if _applies(one, frozenset())})


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether it is needed on this machine, where these extras were asked for."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _license(metadata: importlib.metadata.PackageMetadata) -> str:
    """An SPDX expression, the older free text, a classifier, or at least the name of a file."""
    classifiers = [line for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    said = [line for name in ("License-Expression", "License", "License-File") for line in metadata.get_all(name) or ()]
    return next(iter([*said, *classifiers]), "")


def _requirements(extra: str = "") -> list[str]:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    lines: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return lines
