"""How many results one request may bring: `n`, or more where an option of its vendor lets the model make several at once."""

from collections.abc import Mapping

from app.domain.json import Json
from app.domain.media import Role
from app.domain.normalise.values import given, truth
from app.domain.requests import ImageRequest, Request

_LARGEST_GROUP = 15  # pictures that belong together, those included that they are made after (ark.md (c), jimeng.md (c))
GROUP, GROUP_OPTIONS = "sequential_image_generation", "sequential_image_generation_options"  # Ark's switch and its limit
_LARGEST_SERIES = 9  # pictures of one of Kling's series (kling.md §5)
_LAYERS = 17  # into which Ark takes a picture apart: its ground and up to sixteen more (ark.md (c))


def most_results(request: Request) -> int:
    """The most that may be made, and billed. Of an option in an unexpected form the dearest reading counts."""
    if not isinstance(request, ImageRequest):
        return request.n
    return request.n * max(_ark_group(request), _ark_layers(request), _jimeng_group(request), _kling_series(request))


def group_room(inputs: int) -> int:
    """How large a group of pictures may be that is made after so many others."""
    return max(_LARGEST_GROUP - inputs, 1)


def _ark_group(request: ImageRequest) -> int:
    word = request.vendor.get(GROUP)
    if not given(word) or word == "disabled":
        return 1
    options = request.vendor.get(GROUP_OPTIONS)
    return min(_count(options.get("max_images") if isinstance(options, Mapping) else None, _LARGEST_GROUP), _room(request))


def _ark_layers(request: ImageRequest) -> int:
    return _LAYERS if truth(request.vendor.get("layer_decomposition")) else 1


def _jimeng_group(request: ImageRequest) -> int:
    """Its adapter asks for one picture unless the client says otherwise; then the prompt decides."""
    return _room(request) if truth(request.vendor.get("force_single")) is False else 1


def _kling_series(request: ImageRequest) -> int:
    if request.vendor.get("result_type") != "series":
        return 1
    return _count(request.vendor.get("series_amount"), _LARGEST_SERIES)


def _room(request: ImageRequest) -> int:
    return group_room(len(request.by_role(Role.IMAGE)))


def _count(value: Json, most: int) -> int:
    """A count as the client wrote it; `most` where it is none."""
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else most
