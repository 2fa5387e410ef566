"""Medians and ratios of rounds that nobody measured."""

import math
from dataclasses import replace
from typing import cast

from bench.load import Manner, Request
from bench.processes import Server
from bench.rounds import Case, Figures, Row, Rows
from bench.tables import measured, per_core, table
from bench.targets import BARE, DIRECT, GATEWAY, Target

MANNER = Manner(connections=32)
ROUND = Figures(rps=100, p50_ms=1, p99_ms=2, max_ms=3, mb_s=4, cpu_us=500, whole_cpu_us=1000, resident_mb=60, errors=0)


def row(name: str, *rounds: Figures) -> Row:
    nobody = cast(Server, None)  # what was measured is not measured again
    return Row(Case("image", Target(name, nobody), Request("/"), MANNER), list(rounds))


def test_a_row_shows_the_middle_of_its_rounds_and_all_of_its_errors() -> None:
    seen = row(GATEWAY, ROUND, replace(ROUND, rps=300, errors=2), replace(ROUND, rps=101, errors=1))

    assert (seen.median("rps"), seen.errors()) == (101, 3)


def test_a_ratio_to_what_was_not_measured_is_not_known() -> None:
    rows = Rows([row(GATEWAY, ROUND), row(BARE, replace(ROUND, whole_cpu_us=100))])

    assert rows.ratio(GATEWAY, BARE, "image", MANNER, per_core) == 0.1
    assert math.isnan(rows.ratio(GATEWAY, "LiteLLM", "image", MANNER, per_core))
    assert math.isnan(rows.ratio(GATEWAY, BARE, "image", Manner(connections=1), per_core))


def test_only_known_figures_are_handed_on() -> None:
    assert measured({"a": 1.0, "b": math.nan}) == {"a": 1.0}


def test_a_table_divides_by_the_bare_pass_through_and_keeps_silent_about_the_vendor() -> None:
    rows = Rows([row(DIRECT, ROUND), row(BARE, replace(ROUND, whole_cpu_us=250)), row(GATEWAY, ROUND)])

    direct, bare, gateway = table(rows)

    assert gateway == ("image", GATEWAY, "32", "100", "1.00", "2.00", "500", "1000", "4.00", "60", "0")
    assert bare[8] == "1.00"
    assert direct[6:10] == ("", "", "", "")


def test_a_manner_is_said_to_the_program_in_full() -> None:
    said = Manner(connections=8, seconds=1.5, warm_up=0.0, rate=80.0, count=5, patience=3.0).arguments()

    assert said == ["-c", "8", "-d", "1.5", "-w", "0.0", "-r", "80.0", "-n", "5", "-x", "3.0"]
