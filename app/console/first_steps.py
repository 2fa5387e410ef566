"""The first run: what to do with an empty gateway, step by step."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.registry import catalogue
from app.console.channels import desk_of
from app.console.pages import page, secure
from app.console.vendors import told_of
from app.console.viewer import Console, Operator
from app.domain.channels import Channel
from app.engine.first_steps import first_steps

router = APIRouter()
_SANDBOX_VIDEO = "sandbox-video"


@router.get("/start")
async def show_first_steps(request: Request, viewer: Operator, gateway: Console) -> Response:
    """What is done, what is next, and where to do it."""
    steps = await first_steps(desk_of(gateway))
    following = next((place for place, done in enumerate(steps.done) if not done), None)
    content = {
        "steps": steps,
        "following": following,
        "base_url": gateway.settings.public_url or f"{'https' if secure(request) else 'http'}://{request.url.netloc}",
        "model": _SANDBOX_VIDEO if steps.vendor is None else video_model(steps.vendor),
        "told_of": told_of,
    }
    return page(request, viewer, "start.html", content)


def video_model(channel: Channel) -> str:
    """A name under which the channel makes videos, as far as is known; else a name to be replaced."""
    cards = [card for card in catalogue(channel.adapter).cards if card.capabilities.op == "video" and card.retired is None]
    if channel.models == "*":
        return cards[0].name if cards else "your-model"
    videos = {name for card in cards for name in (card.name, card.upstream, *card.aliases)}
    named = sorted(channel.models.items(), key=lambda pair: pair[1] not in videos)
    return next((public for public, _ in named), "your-model")
