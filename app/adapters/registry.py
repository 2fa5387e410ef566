"""Finds every adapter: each public module of this folder that defines one. There is no list to edit."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from app.adapters.base import Adapter
from app.adapters.catalogue import Catalogue, load

_FOLDER = Path(__file__).parent
_NOT_VENDORS = frozenset({"base", "catalogue", "registry"})


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its name."""
    found: dict[str, Adapter] = {}
    for module in pkgutil.iter_modules([str(_FOLDER)]):
        if module.name.startswith("_") or module.name in _NOT_VENDORS:
            continue
        loaded = importlib.import_module(f"app.adapters.{module.name}")
        for _, member in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(member, Adapter) and member.__module__ == loaded.__name__ and not inspect.isabstract(member):
                found[member.name] = member()
    return found


@cache
def catalogue(name: str) -> Catalogue:
    """The models of one adapter."""
    return load(name)
