"""A backup as a file: a plain tar with a manifest that knows every other member by size and SHA-256."""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO

from app.domain.json import Json

MANIFEST = "manifest.json"
FORMAT = 1
_CHUNK = 1024 * 1024  # bytes
_LARGEST_MANIFEST = 256 * 1024 * 1024  # bytes; a line per stored result


class BadBackup(ValueError):
    """A file is no backup of ours, is damaged, or does not fit what it should be restored to."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a backup; its size in bytes."""

    size: int
    sha256: str


class Writer:
    """Fills a backup. Every method blocks."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def add(self, name: str, source: Path) -> None:
        """Adds a file under this name; raises OSError, also when it shrinks meanwhile."""
        with source.open("rb") as file:
            counted = _Counted(file)
            size = os.fstat(file.fileno()).st_size
            self._archive.addfile(_info(name, size), counted)
        self.members[name] = Member(size, counted.digest.hexdigest())

    def finish(self, facts: Mapping[str, Json]) -> None:
        """Adds the manifest, the last member."""
        members = {name: {"size": member.size, "sha256": member.sha256} for name, member in self.members.items()}
        text = json.dumps({"format": FORMAT, **facts, "members": members}, indent=1).encode()
        self._archive.addfile(_info(MANIFEST, len(text)), BytesIO(text))


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """A new backup, readable by its owner alone; it is under its name once it is whole. Raises FileExistsError."""
    draft = target.with_name(f".{target.name}.part")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                yield Writer(archive)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)  # unlike a rename it overwrites nothing
    finally:
        draft.unlink()


@dataclass(frozen=True, slots=True)
class Reader:
    """A backup whose every byte is what its manifest says. Every method blocks."""

    facts: Mapping[str, Json]
    members: Mapping[str, Member]
    _archive: tarfile.TarFile = field(repr=False)

    def extract(self, name: str, target: Path, mode: int = 0o644) -> None:
        """Writes a member to a file, whole or not at all; what stands there already is replaced."""
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.restored")
        draft.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                for chunk in _chunks(self._archive, self._archive.getmember(name)):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def reading(source: Path) -> Iterator[Reader]:
    """Opens a backup and reads all of it once; raises BadBackup unless it is whole, OSError where it cannot be read."""
    try:
        with tarfile.open(source, mode="r:") as archive:
            facts = _manifest(archive)
            members = _members(facts)
            _check(archive, members)
            yield Reader(facts, members, archive)
    except tarfile.TarError as error:
        raise BadBackup(f"{source} is no backup, or is damaged: {error}") from error


def _manifest(archive: tarfile.TarFile) -> Mapping[str, Json]:
    try:
        info = archive.getmember(MANIFEST)
        if not info.isreg() or info.size > _LARGEST_MANIFEST:
            raise BadBackup("Its manifest is no file.")
        found = json.loads(b"".join(_chunks(archive, info)))
    except (KeyError, ValueError) as error:
        raise BadBackup("It is no backup of Filmgate: it has no readable manifest.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BadBackup("It is a backup of another version of Filmgate than this one can read.")
    return found


def _members(facts: Mapping[str, Json]) -> dict[str, Member]:
    match facts.get("members"):
        case dict(found):
            return {name: _member(value) for name, value in found.items()}
    raise BadBackup("Its manifest names no members.")


def _member(value: object) -> Member:
    match value:
        case {"size": int(size), "sha256": str(sha256)}:
            return Member(size, sha256)
    raise BadBackup("Its manifest is damaged.")


def _check(archive: tarfile.TarFile, members: Mapping[str, Member]) -> None:
    infos = [info for info in archive.getmembers() if info.name != MANIFEST]
    if len(infos) != len(members) or {info.name for info in infos} != members.keys():
        raise BadBackup("It is damaged: it does not hold the files that its manifest names.")
    for info in infos:
        digest = hashlib.sha256()
        for chunk in _chunks(archive, info) if info.isreg() else ():
            digest.update(chunk)
        found = Member(info.size, digest.hexdigest())
        if found != members[info.name]:
            raise BadBackup(f"It is damaged: {info.name} is not what was backed up.")


def _chunks(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(info)
    while file is not None and (chunk := file.read(_CHUNK)):
        yield chunk


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


class _Counted(BytesIO):
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = self._file.read(-1 if size is None else size)
        self.digest.update(chunk)
        return chunk
