"""Chooses the `req_key`, the vendor's name for a model, by what a request holds and by what its client says."""

from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job

_NAME = "jimeng"
_FIELD = "req_key"
_CAMERA = ("template_id", "camera_strength")
_FIRST, _RECAMERA = "jimeng_i2v_first_v30", "jimeng_i2v_recamera_v30"
_AT_1080P = {
    "jimeng_t2v_v30": "jimeng_t2v_v30_1080p",
    _FIRST: "jimeng_i2v_first_v30_1080",
    "jimeng_i2v_first_tail_v30": "jimeng_i2v_first_tail_v30_1080",
}
# models that the vendor sells as one and at one price: a client may choose among them without choosing what it pays
_FAMILIES = (
    frozenset({"jimeng_vgfm_t2v_l20", "jimeng_vgfm_i2v_l20"}),
    frozenset({*_AT_1080P, _RECAMERA}),
    frozenset(_AT_1080P.values()),
)


def card_of(req_key: str) -> ModelCard | None:
    """What the data file knows of this model; None for models to come."""
    return catalogue(_NAME).find(req_key)


def honours(req_key: str, word: str) -> bool:
    """Whether the data file lists this word among the model's scalars."""
    card = card_of(req_key)
    return card is not None and word in (card.capabilities.scalars or ())


def chosen_key(job: Job) -> str:
    """The `req_key` of a job; raises InvalidRequest for one in the metadata that cannot stand for the model."""
    fitting = _fitting_key(job)
    wanted = job.request.vendor.get(_FIELD)
    if wanted is None or wanted == fitting:
        return fitting
    family = next((family for family in _FAMILIES if fitting in family), frozenset({fitting}))
    card = card_of(wanted) if isinstance(wanted, str) and wanted in family else None
    if card is None:
        raise _refused(f"`metadata.{_FIELD}` may be one of {', '.join(sorted(family))} here, not {str(wanted)[:100]!r}.")
    mode = job.request.mode
    if mode not in (card.capabilities.modes or ()):
        able = ", ".join(sorted(card.capabilities.modes or ()))
        raise _refused(f"`metadata.{_FIELD}` names {card.name!r}, which does {able} and not {mode.value}.")
    return card.by_mode.get(mode, card.upstream)


def _fitting_key(job: Job) -> str:
    """The model that media, resolution and camera moves ask for."""
    request, card = job.request, card_of(job.upstream_model)
    key = job.upstream_model if card is None else card.by_mode.get(request.mode, card.upstream)
    if request.resolution == "1080p":
        return _AT_1080P.get(key, key)
    return _RECAMERA if key == _FIRST and any(name in request.vendor for name in _CAMERA) else key


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, param=f"metadata.{_FIELD}")
