"""Our `replace` does what the one of `dataclasses` does, for every kind of value that it is used on."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Generic

import pytest

import app.domain
from app.domain.jobs import Output
from app.domain.replacing import replace


def kinds() -> Iterator[type[Any]]:
    """The frozen dataclasses of the domain that nothing is done to when they are made."""
    for module in pkgutil.walk_packages(app.domain.__path__, "app.domain."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name and dataclasses.is_dataclass(kind):
                params = kind.__dataclass_params__  # type: ignore[attr-defined]  # every dataclass has them
                plain = not hasattr(kind, "__post_init__") and "__slots__" in vars(kind) and not issubclass(kind, Generic)
                if params.frozen and plain and dataclasses.fields(kind):
                    yield kind


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=str), ids=str)
def test_it_copies_all_fields_but_those_that_change(kind: type[Any]) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    before = kind(**{name: f"the {name}" for name in names})
    after = replace(before, **{names[-1]: "changed"})
    assert type(after) is kind
    assert [getattr(after, name) for name in names] == [*(f"the {name}" for name in names[:-1]), "changed"]
    assert [getattr(before, name) for name in names] == [f"the {name}" for name in names]
    assert replace(before, **{names[-1]: getattr(before, names[-1])}) is before
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(after, names[0], "no")


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(AttributeError, match="colour"):
        replace(Output(), colour="red")  # type: ignore[call-arg]  # that is the test


def test_a_class_with_work_to_do_is_refused() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Checked:
        number: int = 0

        def __post_init__(self) -> None:
            """Something that a copy of slots would leave out."""

    with pytest.raises(TypeError, match="__post_init__"):
        replace(Checked(), number=1)
