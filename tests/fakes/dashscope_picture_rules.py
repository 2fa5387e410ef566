"""What DashScope refuses in the body of an image call, written from the vendor's pages and independent of our data file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.dashscope_rules import Refused, bad, check_link, is_whole

Body = Mapping[str, Any]
SYNC, TASK, TEXT, EDIT = "multimodal-generation", "image-generation", "text2image", "image2image"
_QWEN_SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")
_PIXELS = re.compile(r"(\d{2,5})\*(\d{2,5})")


@dataclass(frozen=True, slots=True)
class Picture:
    """What one family of image models takes.

    `sides` are of the squares with the smallest and the largest area; with `each`, of the picture itself.
    """

    paths: tuple[str, ...]
    images: tuple[int, int] = (0, 0)  # fewest, most
    most_n: int = 1
    sizes: tuple[str, ...] = ()
    sides: tuple[int, int] | None = None  # of the square with the smallest and largest area
    each: bool = False
    ratio: float = 16.0
    step: int = 1
    prompt: int = 32_000
    negative: bool = True
    mark: bool = True
    text_anywhere: bool = False  # the vendor's newer SDK writes the text before the pictures


PICTURES: tuple[tuple[str, Picture], ...] = (
    (r"qwen-image(-plus)?", Picture((SYNC, TEXT), sizes=_QWEN_SIZES)),
    (r"qwen-image-max", Picture((SYNC,), sizes=_QWEN_SIZES)),
    (r"qwen-image-2\.0(-pro)?", Picture((SYNC,), (0, 3), 6, sides=(512, 2048))),
    (r"qwen-image-3\.0(-pro)?", Picture((SYNC,), (0, 3), 6, sides=(512, 2048), ratio=8)),
    (r"qwen-image-edit", Picture((SYNC,), (1, 1))),
    (r"qwen-image-edit-(plus|max)", Picture((SYNC,), (1, 3), 6, sides=(512, 2048), each=True, step=16)),
    (r"z-image-turbo", Picture((SYNC,), sides=(512, 2048), negative=False, mark=False)),
    (r"wan2\.6-t2i", Picture((SYNC, TASK), (0, 0), 4, sides=(1280, 1440), ratio=4, prompt=2100, text_anywhere=True)),
    (
        r"wan2\.6-image",
        Picture((SYNC, TASK), (1, 4), 4, ("1K", "2K"), (768, 2048), ratio=4, step=16, prompt=2000, text_anywhere=True),
    ),
    (r"wan2\.7-image", Picture((SYNC, TASK), (0, 9), 4, ("1K", "2K"), (768, 2048), ratio=8, negative=False)),
    (r"wan2\.7-image-pro", Picture((SYNC, TASK), (0, 9), 4, ("1K", "2K", "4K"), (768, 4096), ratio=8, negative=False)),
    (r"wan2\.5-t2i-preview", Picture((TEXT,), (0, 0), 4, sides=(1280, 1440))),
    (
        r"wan2\.2-t2i-(flash|plus)|wanx?2\.1-t2i-(turbo|plus)|wanx2\.0-t2i-turbo",
        Picture((TEXT,), (0, 0), 4, sides=(512, 1440), each=True),
    ),
    (r"wan2\.5-i2i-preview", Picture((EDIT,), (1, 3), 4, sides=(512, 2048))),
    (r"wanx2\.1-imageedit", Picture((EDIT,), (1, 1), 4)),
)


def check_picture(model: str, body: Body, path: str) -> None:
    """Raises Refused for an image call that the vendor would not take on this path."""
    rules = next((rule for pattern, rule in PICTURES if re.fullmatch(rf"(?:{pattern})(?:-\d{{4}}-\d\d-\d\d)?", model)), None)
    if rules is None or path not in rules.paths:
        raise Refused(404, "ModelNotFound", f"Model {model} does not exist here.")
    inputs = body["input"]
    prompt, images = _from_messages(inputs, rules) if path in (SYNC, TASK) else _from_fields(inputs, path)
    if not prompt or len(prompt) > rules.prompt:
        raise bad("The text is missing or too long.")
    if not rules.images[0] <= len(images) <= rules.images[1]:
        raise bad("The number of pictures is out of range.")
    for image in images:
        check_link(image)
    _check_parameters(body["parameters"], rules, path, bool(images))


def _from_messages(inputs: Body, rules: Picture) -> tuple[str, list[Any]]:
    messages = inputs.get("messages")
    if set(inputs) != {"messages"} or not isinstance(messages, list) or len(messages) != 1 or messages[0].get("role") != "user":
        raise bad("There must be one message of the user.")
    parts = messages[0].get("content")
    texts = [part["text"] for part in parts if "text" in part]
    images = [part["image"] for part in parts if "image" in part]
    last = rules.text_anywhere or "text" in parts[-1]
    if len(texts) != 1 or len(texts) + len(images) != len(parts) or not last:
        raise bad("The content must be pictures and one text.")
    return texts[0], images


def _from_fields(inputs: Body, path: str) -> tuple[str, list[Any]]:
    known = {"prompt", "negative_prompt"}
    if path == EDIT:
        known |= {"function", "base_image_url", "mask_image_url"} if "function" in inputs else {"images"}
    if set(inputs) - known:
        raise bad("input has unknown fields.")
    if "mask_image_url" in inputs:
        check_link(inputs["mask_image_url"])
    base = [inputs["base_image_url"]] if "base_image_url" in inputs else []
    return inputs.get("prompt", ""), [*base, *inputs.get("images", [])]


def _check_parameters(parameters: Body, rules: Picture, path: str, edits: bool) -> None:
    known = {"n", "size", "seed", "prompt_extend", "thinking_mode", "bbox_list", "color_palette", "strength"}
    known |= {"watermark"} if rules.mark else set()
    known |= {"is_async"} if path == TASK else set()  # the vendor's older SDK sends it with every task
    known |= {"negative_prompt"} if rules.negative and path in (SYNC, TASK) else set()
    if set(parameters) - known:
        raise bad(f"parameters has unknown fields: {sorted(set(parameters) - known)}.")
    if not is_whole(parameters.get("n", 1), 1, rules.most_n) or not is_whole(parameters.get("seed", 0), 0, 2_147_483_647):
        raise bad("n or seed is out of range.")
    if not isinstance(parameters.get("watermark", False), bool):
        raise bad("watermark is no boolean.")
    if "size" in parameters:
        _check_size(parameters["size"], rules, edits)


def _check_size(size: Any, rules: Picture, edits: bool) -> None:
    if size in rules.sizes and not (size == "4K" and edits):
        return
    parts = _PIXELS.fullmatch(size) if isinstance(size, str) else None
    if parts is None or rules.sides is None:
        raise bad("size is not valid for this model.")
    width, height = int(parts[1]), int(parts[2])
    least, most = rules.sides[0], 2048 if edits and rules.sides[1] == 4096 else rules.sides[1]
    if not least**2 <= width * height <= most**2 or max(width, height) / min(width, height) > rules.ratio:
        raise bad("size is out of range for this model.")
    if rules.each and not least <= min(width, height) <= max(width, height) <= most:
        raise bad("A side is out of range for this model.")
    if width % rules.step or height % rules.step:
        raise bad(f"The sides must be multiples of {rules.step}.")
