"""Holds a request against what a model can do: scalars adjust and report, inputs refuse (CONTRACT §1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.capabilities import Capabilities, InputRule, Overlay
from app.domain.errors import InputRefused, InvalidRequest
from app.domain.fit_media import fit_mode, fit_roles
from app.domain.fit_scalars import fit_image_scalars, fit_length, fit_video_scalars
from app.domain.fit_size import fit_image_size, fit_video_size
from app.domain.media import Role
from app.domain.replacing import replace
from app.domain.requests import Notice, Request, VideoRequest
from app.domain.vendor_inputs import check_vendor_inputs


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
    request = fit_roles(request, capabilities, notices, roles_guessed)
    request = fit_mode(request, capabilities, notices)
    _check_mode(request, capabilities)
    capabilities = overlaid(capabilities, request)
    _check_media(request, capabilities)
    _check_prompt(request, capabilities)
    if isinstance(request, VideoRequest):
        request = fit_video_size(request, capabilities, notices)
        request = fit_length(request, overlaid(capabilities, request), notices)
        request = fit_video_scalars(request, capabilities, notices)
    else:
        request = fit_image_size(request, capabilities, notices)
        request = fit_image_scalars(request, capabilities, notices)
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


def _check_mode(request: Request, capabilities: Capabilities) -> None:
    modes = capabilities.modes
    if modes is None or request.mode in modes:
        return
    offending = request.media[0].param if request.media and "mode" not in request.named else request.client_name("mode")
    can = ", ".join(sorted(mode.value for mode in modes)) or "nothing"
    # of an umbrella name, the variant is what cannot
    name = f"{request.model!r} ({request.model_variant})" if request.model_variant else repr(request.model)
    message = f"The model {name} cannot do {request.mode.value}; it can do: {can}."
    raise InputRefused(message, param=offending, code="unsupported_mode")


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


def _fit_vendor(request: Request, capabilities: Capabilities, notices: list[Notice]) -> Request:
    if capabilities.vendor_fields is None:
        return request
    left = sorted(set(request.vendor) - capabilities.vendor_fields)
    if not left:
        return request
    check_vendor_inputs(request, left)
    notices.extend(Notice(f"dropped:vendor.{name}", f"vendor.{name}", None, None) for name in left)
    return replace(request, vendor={name: value for name, value in request.vendor.items() if name in capabilities.vendor_fields})
