"""Writes `docs/models.md` from the data files; a test holds the two together."""

from collections.abc import Iterable, Mapping, Sequence

from app.adapters.registry import adapters, catalogue
from app.domain.capabilities import Capabilities, InputRule, ModelCard
from app.domain.lengths import span_text
from app.domain.media import Role

_HEAD = """# Models

Every model that an adapter's data file knows, generated from those files: `filmgate models document > docs/models.md`.
A channel may map any name of yours to any of these. Lengths are seconds; an empty cell means that nothing is known and anything is
passed on, a dash that the model has no such thing.
"""
_COLUMNS = ("model", "also", "modes", "length", "resolution", "ratio", "inputs", "price", "notes")


def models_page() -> str:
    """The whole page, in Markdown."""
    sections = [_section(name) for name in sorted(adapters()) if catalogue(name).cards]
    return "\n".join([_HEAD, *sections])


def _section(name: str) -> str:
    lines = [f"## {name}", "", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    lines += [_row(_cells(card)) for card in catalogue(name).cards]
    return "\n".join([*lines, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _cells(card: ModelCard) -> Sequence[str]:
    able = card.capabilities
    return (
        f"`{card.name}`",
        ", ".join(f"`{alias}`" for alias in card.aliases),
        words(None if able.modes is None else sorted(able.modes)),
        lengths_text(able),
        words(able.resolutions) if able.sizes is None else words([f"{width}x{height}" for width, height in able.sizes]),
        words(able.aspect_ratios),
        _inputs(able.inputs),
        price_text(card),
        _notes(card),
    )


def words(values: Sequence[str] | None) -> str:
    """Values as one cell: empty when nothing is known, a dash when there are none."""
    return "" if values is None else " ".join(values) or "—"


def lengths_text(able: Capabilities) -> str:
    """The lengths that a model makes, in seconds."""
    if able.durations is None:
        return ""
    text = span_text(able.durations)
    return f"{text} or auto" if able.duration_auto else text or "—"


def _inputs(inputs: Mapping[Role, InputRule] | None) -> str:
    if inputs is None:
        return ""
    return ", ".join(f"{role.value.replace('_', ' ')} ≤ {rule.most}" for role, rule in inputs.items() if rule.most) or "—"


def price_text(card: ModelCard) -> str:
    """What a model costs by its data file."""
    if card.price is None:
        return ""
    rates = " ".join(f"{key}: {rate}" if key != "*" else f"{rate}" for key, rate in card.price.usd.items())
    return f"{rates} USD per {card.price.unit}"


def _notes(card: ModelCard) -> str:
    notes = []
    if card.retired:
        notes.append(f"retired {card.retired.isoformat()}" + (f", now `{card.successor}`" if card.successor else ""))
    if card.by_variant:
        notes.append("`model_name` says which model")
    return "; ".join([*notes, *([card.note] if card.note else [])])
