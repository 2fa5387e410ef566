"""The words on the pages: English as it stands in templates and code, other languages from a table for each page."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: Mapping[str, Language] = {"en": "en", "zh": "zh"}
_FOLDER = Path(__file__).parent


def preferred(accepted: str) -> Language:
    """The first language of ours in an `Accept-Language` header, by its order; English where none is."""
    weighed: list[tuple[float, int, Language]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        tag, _, parameter = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        if name in LANGUAGES:
            weighed.append((-_weight(parameter), place, LANGUAGES[name]))
    return min(weighed)[2] if weighed else "en"


def translated(text: str, language: Language) -> str:
    """The text in this language; itself in English, and where no table has it."""
    return text if language == "en" else table(language).get(text, text)


@cache
def table(language: Language) -> Mapping[str, str]:
    """Every sentence of the language's tables, by its English; raises ValueError where two tables differ about one."""
    found: dict[str, str] = {}
    for path in sorted((_FOLDER / language).glob("*.toml")):
        for english, text in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if found.setdefault(english, text) != text:
                raise ValueError(f"{path.name} translates {english!r} in another way than a table before it")
    return found


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 1.0
