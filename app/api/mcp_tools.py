"""The tools as a table: what each is called, takes and does, in words for the model that will choose among them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from app.api.mcp_calls import Call, Found
from app.api.mcp_jobs import LONGEST_WAIT, USUAL_IMAGE_WAIT, cancel_job, look_at_job, make_image, make_video
from app.api.mcp_models import MODES, list_models
from app.domain.json import Json

INSTRUCTIONS = (
    "Makes pictures and videos with the models of many vendors. Choose a model with list_models, then call make_image or "
    "make_video. A video takes minutes: make_video gives a job id, and look_at_job says when it is done and where the file is. "
    "Making costs money: do not repeat a call because a job is slow, look at the job. Values that a model does not have are "
    "adjusted to what it has, and `warnings` says so; a picture that it cannot take is refused before anything is spent."
)


@dataclass(frozen=True, slots=True)
class AgentTool:
    """One tool. `reads`: changes nothing; `spends`: asks vendors for paid work; `repeatable`: twice is as good as once."""

    name: str
    title: str
    description: str
    run: Callable[[Call], Awaitable[Found]]
    properties: Mapping[str, Json]
    required: tuple[str, ...] = ()
    reads: bool = False
    spends: bool = False
    destroys: bool = False
    repeatable: bool = False

    def schema(self) -> dict[str, Json]:
        """The arguments as a JSON schema."""
        schema: dict[str, Json] = {"type": "object", "properties": self.properties, "additionalProperties": False}
        return {**schema, "required": list(self.required)} if self.required else schema


def _text(description: str, **more: Json) -> dict[str, Json]:
    return {"type": "string", "description": description, **more}


def _number(description: str, kind: str = "integer", **more: Json) -> dict[str, Json]:
    return {"type": kind, "description": description, **more}


def _urls(description: str) -> dict[str, Json]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _wait(default: int) -> dict[str, Json]:
    words = "How long to wait for the end of the job before answering with the state that it then has."
    return _number(words, minimum=0, maximum=LONGEST_WAIT, default=default)


_MEDIA = "An https URL or a data URI"
_ID = _text("The id that make_image or make_video gave.")
_MAKING: Mapping[str, Json] = {
    "model": _text("The name of a model, as list_models gives it."),
    "prompt": _text("What to make, in detail."),
    "size": _text("Pixels, such as 1280x720. Give this, or aspect_ratio and resolution."),
    "aspect_ratio": _text("Width to height, such as 16:9, 9:16 or 1:1."),
    "resolution": _text("A tier: 480p, 720p, 1080p or 2160p for videos; 1K, 2K or 4K for images."),
    "n": _number("How many results; each is paid for.", minimum=1, maximum=10, default=1),
    "seed": _number("The same seed makes a similar result again.", minimum=-1, maximum=2**31 - 1),
    "negative_prompt": _text("What to avoid."),
    "metadata": {"type": "object", "description": "Further options, the vendor's own among them."},
    "idempotency_key": _text(
        "Any name for this request. The same name with the same arguments gives the first job again instead of a second one, "
        "for 24 hours: use it where a call may break off and be repeated.",
        maxLength=255,
    ),
}

_TOOLS = (
    AgentTool(
        name="list_models",
        title="List models",
        description=(
            "The models that can be used now, with what each can do and costs: modes (t2i text to image, i2i image to image, t2v "
            "text to video, i2v image to video, flf2v first and last frame to video, r2v reference pictures to video, edit, "
            "extend, remix), seconds (the lengths it has), resolutions, aspect_ratios, inputs (how many files of each role it "
            "takes), price in USD per unit. What is not listed of a model is not known, and is passed on as you write it. Gives "
            "at most 50; when a single model is found, or search is its whole name, everything about it."
        ),
        run=list_models,
        properties={
            "kind": _text("Only models that make this.", enum=["image", "video"]),
            "mode": _text("Only models with this mode.", enum=list(MODES)),
            "search": _text("Only models with this text in their name."),
        },
        reads=True,
    ),
    AgentTool(
        name="make_image",
        title="Make an image",
        description=(
            "Makes one or several pictures from words, and from other pictures if image_urls are given. This costs money. Answers "
            "with links that need no key, and with the picture itself where it is one and small. If it is not finished in "
            "wait_seconds, the answer has the job's id and status: call look_at_job with that id."
        ),
        run=make_image,
        properties={
            **_MAKING,
            "image_urls": _urls(f"Pictures to start from or to edit. {_MEDIA} each."),
            "quality": _text("low, medium, high, or the vendor's own word."),
            "background": _text("Of models that can: transparent or opaque.", enum=["transparent", "opaque", "auto"]),
            "output_format": _text("The file format.", enum=["png", "jpeg", "webp"]),
            "wait_seconds": _wait(USUAL_IMAGE_WAIT),
        },
        required=("model", "prompt"),
        spends=True,
    ),
    AgentTool(
        name="make_video",
        title="Make a video",
        description=(
            "Starts a video from words, from a first frame (image_url), from first and last frame (last_image_url too) or from "
            "reference pictures (reference_image_urls). This costs money and takes minutes. Answers with the job's id and status; "
            "call look_at_job with that id until status is completed, then url is the file, or failed, then error says why."
        ),
        run=make_video,
        properties={
            **_MAKING,
            "seconds": _number("The length. It snaps to the nearest one that the model has.", "number", exclusiveMinimum=0),
            "image_url": _text(f"The first frame. {_MEDIA}."),
            "last_image_url": _text(f"The last frame. {_MEDIA}."),
            "reference_image_urls": _urls(f"Pictures of what shall appear. {_MEDIA} each."),
            "generate_audio": {"type": "boolean", "description": "Whether the video has sound, of models that can choose."},
            "wait_seconds": _wait(0),
        },
        required=("model", "prompt"),
        spends=True,
    ),
    AgentTool(
        name="look_at_job",
        title="Look at a job",
        description=(
            "The state of a job: queued, in_progress, completed or failed; when completed, fresh links to the results and what it "
            "cost. Costs nothing. With wait_seconds it answers as soon as the job has ended."
        ),
        run=look_at_job,
        properties={"id": _ID, "wait_seconds": _wait(0)},
        required=("id",),
        reads=True,
    ),
    AgentTool(
        name="cancel_job",
        title="Cancel a job",
        description=(
            "Stops a job that has not ended, where its vendor can still do so; the job is then failed with the code cancelled. An "
            "error says that it could not be stopped, and then the job goes on."
        ),
        run=cancel_job,
        properties={"id": _ID},
        required=("id",),
        destroys=True,
        repeatable=True,
    ),
)
TOOLS: Mapping[str, AgentTool] = {tool.name: tool for tool in _TOOLS}
