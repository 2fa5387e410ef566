"""Writes the bodies of Kling's picture endpoints (the vendor's pages as of 2026-11-20)."""

from app.adapters._fields import given
from app.adapters._kling_fields import bookkeeping, chosen, element_ids, picture, shape
from app.adapters._kling_routes import COMPOSED_PICTURES, OMNI_PICTURES
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Role
from app.domain.requests import ImageRequest

_REFERENCE_FIELDS = ("image_reference", "image_fidelity", "human_fidelity")
_NEEDS_A_REFERENCE_KIND = frozenset({"kling-v1-5"})


def image_body(job: Job, request: ImageRequest, path: str) -> dict[str, Json]:
    """The body for this path."""
    pictures: list[Json] = [picture(item) for item in request.by_role(Role.IMAGE)]
    if path == OMNI_PICTURES:
        told: dict[str, Json] = {"image_list": [{"image": item} for item in pictures] or None}
        told.update(chosen(request, ("result_type", "series_amount")))
    elif path == COMPOSED_PICTURES:
        told = {"subject_image_list": [{"subject_image": item} for item in pictures]}
        told.update(chosen(request, ("scene_image", "style_image")))
    else:
        told = _single(job, request, pictures)
    elements: list[Json] = [{"element_id": identifier} for identifier in element_ids(request)]
    return given(
        {
            "model_name": job.upstream_model,
            "prompt": request.prompt,
            **told,
            "element_list": elements or None,
            "resolution": _resolution(request, path),
            "aspect_ratio": shape(request),
            "n": request.n,
            **bookkeeping(job),
        }
    )


def _single(job: Job, request: ImageRequest, pictures: list[Json]) -> dict[str, Json]:
    """A picture from words, or after one picture; words against something go with no picture."""
    if not pictures:
        return {"negative_prompt": request.negative_prompt}
    fields = chosen(request, _REFERENCE_FIELDS)
    if job.upstream_model in _NEEDS_A_REFERENCE_KIND:
        fields.setdefault("image_reference", "subject")
    return {"image": pictures[0], **fields}


def _resolution(request: ImageRequest, path: str) -> str | None:
    """The tier; what is put together from several pictures has one only, which need not be said."""
    tier = (request.resolution or "").lower() or None
    return None if path == COMPOSED_PICTURES and tier == "1k" else tier
