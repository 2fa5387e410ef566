"""Which migrations this program has, and at which one a database is; read without Alembic, which few processes need."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Select, Text, column, inspect, select, table

_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(?:[\"'](\w+)[\"']|None)\s*$", re.MULTILINE)
_HERE: Select[str] = select(column("version_num", Text)).select_from(table("alembic_version"))  # the table is Alembic's own


def folder() -> Path:
    """Where the migrations are: inside the package when installed from a wheel, else beside it."""
    package = Path(__file__).parents[1]
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def known_revisions() -> frozenset[str]:
    """Every migration that this version of the program has."""
    return frozenset(_chain())


@cache
def newest_revision() -> str:
    """The migration after which there is no other."""
    chain = _chain()
    (newest,) = chain.keys() - chain.values()
    return newest


def current_revision(connection: Connection) -> str | None:
    """The migration that the tables are at; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(_HERE).scalar_one_or_none()


@cache
def _chain() -> Mapping[str, str | None]:
    """Each migration and the one before it, as the files say."""
    found = (dict(_REVISION.findall(path.read_text(encoding="utf-8"))) for path in (folder() / "versions").glob("*.py"))
    return {named["revision"]: named["down_revision"] or None for named in found}
