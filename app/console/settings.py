"""The settings in force, where each comes from, and what this gateway stands on; changed by whoever starts it."""

import os
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.pages import page
from app.console.setting_lines import setting_lines, without_password
from app.console.viewer import Console, Operator
from app.engine.installation import installation_of
from app.settings import Settings

router = APIRouter()
_FILE = str(Path(str(Settings.model_config.get("env_file"))).absolute())


@router.get("/settings")
async def show_settings(request: Request, viewer: Operator, gateway: Console) -> Response:
    """Every setting, read-only."""
    found = await installation_of(gateway.settings, gateway.database, gateway.leases.heartbeats)
    content = {
        "lines": setting_lines(gateway.settings, os.environ),
        "file": _FILE,
        "found": found,
        "place": without_password(found.place),
        "here": gateway.recorder.worker,
    }
    return page(request, viewer, "settings.html", content)
