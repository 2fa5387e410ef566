"""Keeps parts of libraries that a gateway never uses out of a process that serves one: 16 MB and a quarter of a second.

Nothing of it changes what a library does; where one is not as it was when this was written, it is imported whole. To be called
before those libraries are imported; whoever only runs a command does without.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType

# what these libraries import only if it is there (`except ImportError` in their source, read 2026-11-21)
_OPTIONAL = (
    "httpx._main",  # httpx as a command, with click, Pygments and Rich
    "pydantic.v1",  # FastAPI looks whether a model is one of those
)
_ASYNC = "sqlalchemy.ext.asyncio"


def leave_out_the_unused() -> None:
    """For the settings in force, whose errors it raises; what is already there stays, so that a second time changes nothing."""
    from app.settings import Settings  # itself a part of what is imported after the rest

    for name in _OPTIONAL:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is how the import system is told that there is none
    if _ASYNC not in sys.modules:
        _without_orm()
    if Settings().database.startswith("sqlite"):
        import_module("app.store.inserts").for_sqlite_alone()
    _with_models_built_when_used("fastapi.openapi.models")


def _with_models_built_when_used(module: str) -> None:
    """Imports a module whose models are needed only by who asks for the OpenAPI document."""
    from pydantic import BaseModel, ConfigDict

    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import_module(module)
    finally:
        BaseModel.model_config = usual


def _without_orm() -> None:
    """SQLAlchemy's asyncio package without its sessions, which bring the whole ORM; they come when somebody asks for one."""
    spec = find_spec(_ASYNC)
    if spec is None or spec.loader is None:
        return
    package = module_from_spec(spec)
    sys.modules[_ASYNC] = package  # not executed: its submodules find each other through its path
    try:
        _filled(package)
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.startswith(_ASYNC)]:
            del sys.modules[name]
        import_module(_ASYNC)


def _filled(package: ModuleType) -> None:
    """Gives the package what its own first lines would, less the sessions; everything as soon as something else is wanted."""
    import_module("sqlalchemy.ext").asyncio = package  # type: ignore[attr-defined]  # as an import would
    for name in ("AsyncConnection", "AsyncEngine", "AsyncTransaction", "create_async_engine"):
        setattr(package, name, getattr(import_module(f"{_ASYNC}.engine"), name))

    def later(name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        del package.__getattr__
        package.__spec__.loader.exec_module(package)  # type: ignore[union-attr]  # there is one: it was looked at above
        return getattr(package, name)

    package.__getattr__ = later  # type: ignore[method-assign]  # PEP 562
