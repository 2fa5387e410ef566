"""Frozen values of many fields made and `replace`d several times cheaper than `dataclasses` does: a job is, a dozen times.

A frozen class sets each field by way of a function call. Here the fields are set on an open twin of the class, which then is made
what it stands for.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

_Kind = TypeVar("_Kind", bound=type[Any])

if TYPE_CHECKING:
    from dataclasses import replace  # the type checker knows its fields by this name
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """The value with some fields changed, itself where nothing does.

        For frozen dataclasses with slots whose `__init__` only sets them. Raises AttributeError for a field that does not exist.
        """
        for name, change in changes.items():
            if getattr(value, name) is not change:
                break
        else:
            return value
        cls = type(value)
        twin = _copier(cls)(value)
        for name, change in changes.items():
            setattr(twin, name, change)
        twin.__class__ = cls
        return twin


__all__ = ["open_twin", "quick", "replace"]


def quick(cls: _Kind) -> _Kind:
    """A decorator for frozen dataclasses with slots: the same `__init__`, in a fifth of the time.

    Raises TypeError for a class whose `__init__` does more than to set its fields.
    """
    if hasattr(cls, "__post_init__") or not all(field.init for field in fields(cls)):
        raise TypeError(f"the __init__ of {cls.__name__} does more than to set its fields")
    names: dict[str, Any] = {"Twin": open_twin(cls), "kind": cls, "become": object.__setattr__, "MISSING": MISSING}
    given: dict[bool, list[str]] = {False: [], True: []}  # by whether only by name
    body = ["become(self, '__class__', Twin)"]
    for field in fields(cls):
        name, value, default = field.name, field.name, ""
        if field.default_factory is not MISSING:
            names[f"make_{name}"] = field.default_factory
            default, value = "=MISSING", f"make_{name}() if {name} is MISSING else {name}"
        elif field.default is not MISSING:
            names[f"default_{name}"] = field.default
            default = f"=default_{name}"
        given[bool(field.kw_only)].append(f"{name}{default}")
        body.append(f"self.{name} = {value}")
    parameters = ", ".join(["self", *given[False], *(["*", *given[True]] if given[True] else [])])
    lines = "".join(f"    {line}\n" for line in (*body, "self.__class__ = kind"))
    exec(f"def __init__({parameters}):\n{lines}", names)  # noqa: S102 - as `dataclasses` itself does
    cls.__init__ = update_wrapper(names["__init__"], cls.__init__)
    return cls


@cache
def _copier(cls: type[Any]) -> Callable[[Any], Any]:
    """A function from a value of the class to an open twin that is equal to it."""
    if hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} has a __post_init__, which would not run")
    names: dict[str, object] = {"Twin": open_twin(cls)}
    copied = "".join(f"    twin.{field.name} = value.{field.name}\n" for field in fields(cls))
    exec(f"def copier(value):\n    twin = Twin()\n{copied}    return twin\n", names)  # noqa: S102 - as `dataclasses` itself does
    return names["copier"]  # type: ignore[return-value]  # the function that was just defined


def open_twin(cls: type[Any]) -> type[Any]:
    """A class with the same slots whose values are not frozen: Python lets a value change between two such classes."""
    opened = {
        "__slots__": cls.__slots__,
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,  # or else the interpreter takes the long way for setting, too
    }
    return type(cls.__name__, cls.__bases__, opened)
