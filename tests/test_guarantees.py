"""The table of guarantees is complete, and each test that it names is really there and really runs."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.guarantees import COUNT, GUARANTEES, LATER, Guarantee

ROOT = Path(__file__).parent.parent
TWO_NAMES = 15  # the one line of the list with two names
NOT_RUN = {"skip", "skipif", "xfail"}


@cache
def named_in(path: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The test functions of a file by name; none where there is no such file."""
    if not (ROOT / path).is_file():
        return {}
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: node for node in functions if node.name.startswith("test_")}


def runs(proof: str) -> bool:
    """Whether the named test exists and no decorator keeps it from being run."""
    path, _, name = proof.partition("::")
    found = named_in(path).get(name)
    return found is not None and not any(
        isinstance(node, ast.Attribute) and node.attr in NOT_RUN for mark in found.decorator_list for node in ast.walk(mark)
    )


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: f"{guarantee.number}-{guarantee.name}")
def test_a_guarantee_is_proven_by_tests_that_run(guarantee: Guarantee) -> None:
    assert guarantee.proofs
    assert [proof for proof in guarantee.proofs if not runs(proof)] == []


def test_every_number_of_the_list_is_proven_once_or_said_to_come_later() -> None:
    proven = Counter(guarantee.number for guarantee in GUARANTEES)
    missing = [number for number in range(1, COUNT + 1) if number not in proven and number not in LATER]
    assert missing == []
    assert LATER == {}
    assert proven == Counter([number for number in range(1, COUNT + 1) if number not in LATER] + [TWO_NAMES])


def test_every_name_stands_once_and_in_the_order_of_the_list() -> None:
    names = [guarantee.name for guarantee in GUARANTEES]
    assert len(set(names)) == len(names)
    assert all(name.startswith("test_") for name in names)
    assert [guarantee.number for guarantee in GUARANTEES] == sorted(guarantee.number for guarantee in GUARANTEES)


@pytest.mark.parametrize(
    "planted", ["tests/nowhere.py::test_x", "tests/test_guarantees.py::test_x", "tests/test_guarantees.py::runs"]
)
def test_a_name_that_is_no_test_is_noticed(planted: str) -> None:
    assert not runs(planted)


@pytest.mark.skipif(False, reason="shows what a proof must not carry")
def test_a_test_that_may_be_skipped_is_no_proof() -> None:
    assert not runs("tests/test_guarantees.py::test_a_test_that_may_be_skipped_is_no_proof")
