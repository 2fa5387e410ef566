"""Holds a request against what a model can do: scalars adjust and report, inputs refuse (CONTRACT §1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from app.domain.capabilities import Capabilities, InputRule, Overlay
from app.domain.errors import InputRefused, InvalidRequest
from app.domain.fit_size import fit_image_size, fit_video_size
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.requests import ImageRequest, Mode, Notice, Request, VideoRequest

CONVERTED = frozenset({"png", "jpeg", "webp"})  # picture formats that the gateway makes of any other
_FRAMES = (Role.FIRST_FRAME, Role.LAST_FRAME)
_REFERENCES = (Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What will be asked of the model, and every difference from what the client asked."""

    request: Request
    notices: tuple[Notice, ...]


def fit(request: Request, capabilities: Capabilities, *, roles_guessed: bool = False) -> Fitted:
    """The request as this model can serve it.

    `roles_guessed` says that two pictures were taken for first and last frame without the client saying so; a model that
    only knows references then takes them as such. Raises InvalidRequest (InputRefused for media) naming the client's field.
    """
    if request.op != capabilities.op:
        raise InvalidRequest(f"The model {request.model!r} makes {capabilities.op}s.", param=request.client_name("model"))
    notices: list[Notice] = []
    request = _fit_roles(request, capabilities, notices, roles_guessed)
    request = _fit_mode(request, capabilities, notices)
    _check_mode(request, capabilities)
    capabilities = overlaid(capabilities, request)
    _check_media(request, capabilities)
    _check_prompt(request, capabilities)
    if isinstance(request, VideoRequest):
        request = fit_video_size(request, capabilities, notices)
        request = _fit_length(request, overlaid(capabilities, request), notices)
        request = _fit_video_scalars(request, capabilities, notices)
    else:
        request = fit_image_size(request, capabilities, notices)
        request = _fit_image_scalars(request, capabilities, notices)
    return Fitted(_fit_vendor(request, capabilities, notices), tuple(notices))


def overlaid(capabilities: Capabilities, request: Request) -> Capabilities:
    """The capabilities with every overlay applied whose condition this request meets."""
    for overlay in capabilities.overlays:
        if _matches(overlay, request):
            change = dict(overlay.change)
            added = change.get("inputs")
            if isinstance(added, Mapping) and capabilities.inputs is not None:
                change["inputs"] = {**capabilities.inputs, **added}
            capabilities = replace(capabilities, **change)  # type: ignore[arg-type]  # the catalogue checked names and types
    return capabilities


def _matches(overlay: Overlay, request: Request) -> bool:
    return all(_condition(request, key) & wanted for key, wanted in overlay.when.items())


def _condition(request: Request, key: str) -> frozenset[str]:
    if key == "media":
        return frozenset(item.role.value for item in request.media)
    value = getattr(request, key, None)
    return frozenset() if value is None else frozenset({f"{value:g}" if isinstance(value, float) else str(value)})


def _fit_roles(request: Request, capabilities: Capabilities, notices: list[Notice], guessed: bool) -> Request:
    """Frames become references where the model cannot mix the two, or two pictures were only guessed to be frames."""
    frames = request.by_role(*_FRAMES)
    mixed = bool(frames) and bool(request.by_role(*_REFERENCES)) and not capabilities.frames_mix
    modes = capabilities.modes
    only_references = (
        guessed
        and bool(frames)
        and modes is not None
        and Mode.R2V in modes
        and (Mode.FLF2V not in modes or capabilities.two_images == "references")
    )
    if not mixed and not only_references:
        return request
    media = tuple(replace(item, role=Role.REFERENCE_IMAGE) if item.role in _FRAMES else item for item in request.media)
    if mixed:
        notices.append(Notice("adjusted:media", "media", _roles(request.media), _roles(media)))
    return replace(request, media=media, mode=Mode.R2V)


def _fit_mode(request: Request, capabilities: Capabilities, notices: list[Notice]) -> Request:
    """Where nobody named a mode and the model has no use for the guessed one, the media may well be meant as what it can do."""
    modes, inputs = capabilities.modes, capabilities.inputs
    if modes is None or inputs is None or "mode" in request.named:
        return request
    takes = {role for role, rule in inputs.items() if rule.most}
    roles = {item.role for item in request.media}
    if request.mode in (Mode.R2V, Mode.I2V) and Role.REFERENCE_VIDEO in roles - takes and Mode.EDIT in modes:
        return _meant(request, Mode.EDIT, _AS_EDIT, notices)
    if roles == {Role.REFERENCE_AUDIO} and Mode.R2V not in modes and Mode.T2V in modes:
        return replace(request, mode=Mode.T2V)
    if request.mode is Mode.I2V and Mode.I2V not in modes and Mode.R2V in modes and Role.FIRST_FRAME in roles - takes:
        return _meant(request, Mode.R2V, _AS_REFERENCE, notices)
    return request


_AS_REFERENCE = {Role.FIRST_FRAME: Role.REFERENCE_IMAGE}
_AS_EDIT = {**_AS_REFERENCE, Role.REFERENCE_VIDEO: Role.SOURCE_VIDEO}


def _meant(request: Request, mode: Mode, roles: Mapping[Role, Role], notices: list[Notice]) -> Request:
    """The request in another mode, its media in other roles; a clip that was only guessed to be a reference is not worth a word."""
    media = tuple(replace(item, role=roles.get(item.role, item.role)) for item in request.media)
    if request.by_role(Role.FIRST_FRAME):
        notices.append(Notice("adjusted:media", "media", _roles(request.media), _roles(media)))
    return replace(request, mode=mode, media=media)


def _roles(media: tuple[Media, ...]) -> list[Json]:
    return [item.role.value for item in media]


def _check_mode(request: Request, capabilities: Capabilities) -> None:
    modes = capabilities.modes
    if modes is None or request.mode in modes:
        return
    offending = request.media[0].param if request.media and "mode" not in request.named else request.client_name("mode")
    can = ", ".join(sorted(mode.value for mode in modes)) or "nothing"
    raise InputRefused(
        f"The model {request.model!r} cannot do {request.mode.value}; it can do: {can}.", param=offending, code="unsupported_mode"
    )


def _check_media(request: Request, capabilities: Capabilities) -> None:
    if capabilities.inputs is None:
        return
    for role in dict.fromkeys(item.role for item in request.media):
        items = request.by_role(role)
        rule = capabilities.inputs.get(role) or InputRule(0, forms=())
        if len(items) > rule.most:
            raise InputRefused(_too_many(request, role, rule.most), param=items[rule.most].param, code="unsupported_input")


def _too_many(request: Request, role: Role, most: int) -> str:
    name = role.value.replace("_", " ")
    if most == 0:
        return f"The model {request.model!r} takes no {name} in {request.mode.value}."
    return f"The model {request.model!r} takes at most {most} {name}{'s' if most > 1 else ''} in {request.mode.value}."


def _check_prompt(request: Request, capabilities: Capabilities) -> None:
    prompt = request.prompt or ""
    if capabilities.prompt_required and not prompt:
        raise InvalidRequest(
            f"The model {request.model!r} needs a prompt.", param=request.client_name("prompt"), code="missing_required_parameter"
        )
    if len(prompt) > capabilities.prompt_limit:
        raise InvalidRequest(
            f"The prompt has {len(prompt)} characters; the model {request.model!r} takes {capabilities.prompt_limit}.",
            param=request.client_name("prompt"),
        )


def _fit_length(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    request = _fit_frames(request, capabilities, notices)
    if request.frames is not None and capabilities.frames is not None:
        return request  # the count decides; a length derived from it is no wish of its own
    if request.duration_auto and (capabilities.duration_auto or capabilities.durations is None):
        return request
    duration = request.duration
    if request.duration_auto:
        notices.append(Notice("adjusted:duration", "duration", "auto", capabilities.default_duration))
    if duration is None:
        return replace(request, duration=capabilities.default_duration, duration_auto=False)
    if capabilities.durations is not None and duration not in capabilities.durations:
        nearest = _nearest(duration, capabilities.durations) if capabilities.durations else None
        _report(notices, "duration", duration, nearest)
        duration = nearest
    return replace(request, duration=duration, duration_auto=False)


def _fit_frames(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    if request.frames is None or capabilities.durations is None:
        return request
    if capabilities.frames is None:
        _report(notices, "frames", request.frames, None)
        return replace(request, frames=None)
    nearest = capabilities.frames.nearest(request.frames)
    if nearest != request.frames:
        _report(notices, "frames", request.frames, nearest)
    return replace(request, frames=nearest)


def _fit_video_scalars(request: VideoRequest, capabilities: Capabilities, notices: list[Notice]) -> VideoRequest:
    fps = request.fps
    if fps is not None and capabilities.fps is not None and fps not in capabilities.fps:
        near = int(_nearest(fps, capabilities.fps)) if capabilities.fps else None
        _report(notices, "fps", fps, near)
        fps = near
    request = replace(request, fps=fps)
    kept = _Keep(capabilities, notices, _VIDEO_SCALARS)
    return replace(
        request,
        seed=kept("seed", request.seed),
        negative_prompt=kept("negative_prompt", request.negative_prompt),
        watermark=kept("watermark", request.watermark),
        generate_audio=kept("generate_audio", request.generate_audio),
        camera_fixed=kept("camera_fixed", request.camera_fixed),
        quality=_fit_quality(request, capabilities, notices),
    )


def _fit_image_scalars(request: ImageRequest, capabilities: Capabilities, notices: list[Notice]) -> ImageRequest:
    kept = _Keep(capabilities, notices, _IMAGE_SCALARS)
    output_format, compression = request.output_format, request.output_compression
    if output_format and capabilities.output_formats is not None and output_format not in capabilities.output_formats:
        if output_format in CONVERTED:
            compression = None  # the gateway makes the format, and this with it
        else:
            _report(notices, "output_format", output_format, None)
        output_format = None
    return replace(
        request,
        output_format=output_format,
        seed=kept("seed", request.seed),
        negative_prompt=kept("negative_prompt", request.negative_prompt),
        watermark=kept("watermark", request.watermark),
        output_compression=kept("output_compression", compression),
        background=kept("background", request.background),
        moderation=kept("moderation", request.moderation),
        input_fidelity=kept("input_fidelity", request.input_fidelity),
        style=kept("style", request.style),
        quality=_fit_quality(request, capabilities, notices),
    )


_VIDEO_SCALARS = frozenset({"seed", "negative_prompt", "watermark", "generate_audio", "camera_fixed"})
_IMAGE_SCALARS = frozenset(
    {"seed", "negative_prompt", "watermark", "output_compression", "background", "moderation", "input_fidelity", "style"}
)
T = TypeVar("T")


class _Keep:
    """Keeps a scalar that the model honours; drops and reports another."""

    def __init__(self, capabilities: Capabilities, notices: list[Notice], known: frozenset[str]) -> None:
        self._honoured = known if capabilities.scalars is None else capabilities.scalars
        self._notices = notices

    def __call__(self, name: str, value: T) -> T | None:
        if value is False and f"{name}_always" in self._honoured:
            self._notices.append(Notice(f"adjusted:{name}", name, False, True))
            return None
        if value is None or name in self._honoured:
            return value
        # "no" to a thing that the model does not have is what it does anyway
        if value is not False and value != "auto":
            self._notices.append(Notice(f"dropped:{name}", name, _plain(value), None))
        return None


def _plain(value: object) -> Json:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _fit_quality(request: Request, capabilities: Capabilities, notices: list[Notice]) -> str | None:
    quality = request.quality
    if quality is None or capabilities.qualities is None or quality in capabilities.qualities:
        return quality
    if quality != "auto":
        notices.append(Notice("dropped:quality", "quality", quality, None))
    return None


def _fit_vendor(request: Request, capabilities: Capabilities, notices: list[Notice]) -> Request:
    if capabilities.vendor_fields is None:
        return request
    left = sorted(set(request.vendor) - capabilities.vendor_fields)
    if not left:
        return request
    notices.extend(Notice(f"dropped:vendor.{name}", f"vendor.{name}", None, None) for name in left)
    return replace(request, vendor={name: value for name, value in request.vendor.items() if name in capabilities.vendor_fields})


def _report(notices: list[Notice], name: str, before: Json, after: Json) -> None:
    notices.append(Notice(f"{'dropped' if after is None else 'adjusted'}:{name}", name, before, after))


def _nearest(value: float, choices: tuple[float, ...] | tuple[int, ...]) -> float:
    """The nearest choice, ties upward."""
    return min(choices, key=lambda choice: (abs(choice - value), -choice))
