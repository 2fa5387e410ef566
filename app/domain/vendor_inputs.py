"""Pictures, masks and the like in fields of a vendor's own: as inputs they are refused and never dropped (CONTRACT §1)."""

from collections.abc import Iterable

from app.domain.errors import InputRefused
from app.domain.requests import Request

_INPUTS = frozenset(
    {
        *("static_mask", "dynamic_masks", "element_list", "scene_image", "style_image"),  # kling.md §5
        *("mask_image_url", "mask_video_url"),  # dashscope.md
    }
)


def check_vendor_inputs(request: Request, left: Iterable[str]) -> None:
    """Raises InputRefused when an input is among the vendor's fields that the model does not take."""
    for name in left:
        if name in _INPUTS:
            raise InputRefused(
                f"The model {request.model!r} takes no `{name}` in {request.mode.value}.", param=name, code="unsupported_input"
            )
