"""Finds every adapter: each public module of this folder, which defines the one of its name. There is no list to edit."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from app.adapters.base import Adapter
from app.adapters.catalogue import Catalogue, load

_FOLDER = Path(__file__).parent
_NOT_VENDORS = frozenset({"base", "catalogue", "registry"})


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its name; one is loaded when it is first asked for, because most gateways use few of them."""
    names = (module.name for module in pkgutil.iter_modules([str(_FOLDER)]))
    return _Adapters(frozenset(name for name in names if not name.startswith("_") and name not in _NOT_VENDORS))


class _Adapters(Mapping[str, Adapter]):
    """Going through the values loads all."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._loaded: dict[str, Adapter] = {}

    def __getitem__(self, name: str) -> Adapter:
        found = self._loaded.get(name)
        if found is not None:
            return found
        if name not in self._names:
            raise KeyError(name)
        return self._loaded.setdefault(name, _load(name))  # another thread may have been faster

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _load(name: str) -> Adapter:
    module = importlib.import_module(f"app.adapters.{name}")
    for _, member in inspect.getmembers(module, inspect.isclass):
        if issubclass(member, Adapter) and member.__module__ == module.__name__ and member.name == name:
            return member()
    raise ImportError(f"{module.__name__} defines no adapter named {name!r}")


@cache
def catalogue(name: str) -> Catalogue:
    """The models of one adapter."""
    return load(name)
