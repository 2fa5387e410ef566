"""Keeps a process that serves a gateway small: without the parts of libraries that it never uses (18 MB, a quarter of a second).

Nothing of it changes what a library does; where one is not as it was when this was written, it is imported whole. To be called
before those libraries are imported; whoever only runs a command does without.
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType

# what these libraries import only if it is there (`except ImportError` in their source, read 2026-11-21)
_OPTIONAL = (
    "httpx._main",  # httpx as a command, with click, Pygments and Rich
    "pydantic.v1",  # FastAPI looks whether a model is one of those
)
_ASYNC = "sqlalchemy.ext.asyncio"  # brings the whole ORM with its sessions
_METRICS = "prometheus_client"  # brings servers, clients and collectors that we have no use for, and the page, which comes later
_SERVER = "uvicorn"
_M_ARENA_MAX = -8  # mallopt(3)


def leave_out_the_unused() -> None:
    """For the settings in force, whose errors it raises; what is already there stays, so that a second time changes nothing."""
    from app.settings import Settings  # itself a part of what is imported after the rest

    for name in _OPTIONAL:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is how the import system is told that there is none
    if _ASYNC not in sys.modules:
        _with_parts(_ASYNC, dict.fromkeys(("AsyncConnection", "AsyncEngine", "AsyncTransaction", "create_async_engine"), "engine"))
    if _METRICS not in sys.modules:
        kinds = dict.fromkeys(("Counter", "Gauge", "Histogram", "disable_created_metrics"), "metrics")
        _with_parts(_METRICS, {"CollectorRegistry": "registry"} | kinds)
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


def share_one_heap() -> None:
    """Makes glibc's malloc serve all threads from one arena: what one of them frees, another can use again.

    With one arena for each thread, four streams of films take 10 MB more. Before the first thread, whose arena would stay; another
    C library goes on as it does, and so does one that `MALLOC_ARENA_MAX` or `GLIBC_TUNABLES` in the environment tells what to do.
    """
    if "MALLOC_ARENA_MAX" in os.environ or "glibc.malloc.arena_max" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    with suppress(AttributeError, OSError, TypeError):  # no such function, no such library, no library without a name
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def leave_out_the_servers_command() -> None:
    """uvicorn without its command line, reloader and process starter (2 MB); what is already there stays."""
    if _SERVER not in sys.modules:
        _with_parts(_SERVER, {"Config": "config", "Server": "server"})


def _with_parts(name: str, parts: Mapping[str, str]) -> None:
    """Imports of a package only what these submodules hold; the whole of it comes when somebody asks for something else."""
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        return
    package = module_from_spec(spec)
    sys.modules[name] = package  # not executed: its submodules find each other through its path
    try:
        _fill(package, parts)
    except (ImportError, AttributeError):
        for loaded in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(f"{name}.")]:
            del sys.modules[loaded]
        import_module(name)


def _fill(package: ModuleType, parts: Mapping[str, str]) -> None:
    """Gives the package what its own first lines would, less the rest; everything as soon as something else is wanted."""
    above, _, own = package.__name__.rpartition(".")
    if above:
        setattr(import_module(above), own, package)  # as an import would
    for name, submodule in parts.items():
        setattr(package, name, getattr(import_module(f"{package.__name__}.{submodule}"), name))

    def later(name: str) -> object:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        del package.__getattr__
        package.__spec__.loader.exec_module(package)  # type: ignore[union-attr]  # there is one: it was looked at above
        return getattr(package, name)

    package.__getattr__ = later  # type: ignore[method-assign]  # PEP 562
