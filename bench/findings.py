"""What a workload hands back, whatever it measured."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one workload found: a table for people, and figures by name for the goals."""

    code: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # cells as they are shown
    figures: Mapping[str, float]
    note: str = ""
