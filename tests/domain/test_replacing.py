"""Our `replace` does what the one of `dataclasses` does, for every kind of value that it is used on."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Generic

import pytest

import app.domain
from app.domain.jobs import Output
from app.domain.replacing import quick, replace


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


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list)


def pair() -> tuple[type[Any], type[Any]]:
    """The same class twice, made the usual way and quickly."""

    def made() -> type[Any]:
        @dataclasses.dataclass(frozen=True, slots=True)
        class Derived(Base):
            size: int = 7
            _: dataclasses.KW_ONLY
            must: str
            may: dict[str, int] = dataclasses.field(default_factory=dict, compare=False, repr=False)

        return Derived

    return made(), quick(made())


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("n",), {"must": "m"}),
    (("n", ["t"], 8), {"must": "m", "may": {"a": 1}}),
    ((), {"name": "n", "must": "m", "size": None}),
    ((), {"must": "m"}),
    (("n",), {}),
    (("n", [], 1, "m"), {}),
    (("n",), {"must": "m", "colour": 1}),
    (("n",), {"must": "m", "name": "twice"}),
]


@pytest.mark.parametrize(("args", "named"), CALLS)
def test_a_quick_init_takes_and_refuses_what_the_usual_one_does(args: tuple[Any, ...], named: dict[str, Any]) -> None:
    usual, quickly = pair()
    try:
        wanted = usual(*args, **named)
    except TypeError as error:
        with pytest.raises(TypeError, match=re.escape(str(error))):
            quickly(*args, **named)
    else:
        found = quickly(*args, **named)
        assert type(found) is quickly
        assert dataclasses.asdict(found) == dataclasses.asdict(wanted)
        assert (repr(found), hash(found.size)) == (repr(wanted), hash(wanted.size))
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.name = "other"


def test_a_quick_init_shares_no_default_and_reads_like_the_usual_one() -> None:
    usual, quickly = pair()
    one, other = quickly("n", must="m"), quickly("n", must="m")
    assert one == other
    assert one.tags is not other.tags
    assert inspect.signature(quickly) == inspect.signature(usual)
    assert dataclasses.replace(one, size=9).size == 9
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(Output(url="u"))) == Output(url="u")


def test_a_class_with_more_to_do_gets_no_quick_init() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Counted:
        number: int = dataclasses.field(init=False, default=0)

    with pytest.raises(TypeError, match="Counted"):
        quick(Counted)
