"""What would be sent for a request, without sending it."""

from typing import Annotated

from fastapi import Response
from pydantic import Field, JsonValue, model_validator

from app.api.admin.access import admin_router
from app.api.admin.types import Name, Strict
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.engine.explain import explain
from app.engine.explain_wish import Body, explained_key, explained_wish, form_body
from app.engine.explanation_view import explanation_view
from app.engine.route_summary import ROUTE_HEADER, route_summary

router = admin_router()


class FormFile(Strict):
    """A file part."""

    filename: Annotated[str, Field(max_length=200)]
    content_type: Annotated[str, Field(max_length=200)] = ""
    base64: str


class ExplainBody(Strict):
    """A request of the client API: its path and either the JSON body or the parts of a form; and who asks."""

    path: Annotated[str, Field(max_length=500)]
    fields: Annotated[dict[str, JsonValue] | None, Field(alias="json")] = None
    form: Annotated[list[tuple[str, str | FormFile]] | None, Field(max_length=1_000)] = None
    key_id: Name | None = None
    group: Name | None = None
    channel: Name | None = None

    @model_validator(mode="after")
    def _one_body(self) -> "ExplainBody":
        if (self.fields is None) == (self.form is None):
            raise ValueError("Give either `json` or `form`")
        return self

    def body(self) -> Body:
        """The client's body."""
        if self.form is None:
            return Body(self.fields or {})
        return form_body([(name, value if isinstance(value, str) else value.model_dump()) for name, value in self.form])


@router.post("/explain")
async def explain_request(body: ExplainBody, gateway: GatewayDep) -> Response:
    """Runs a request up to the point of sending; a request that would be refused gets the very 4xx that its client would get."""
    key = explained_key(gateway, body.key_id, body.group)
    wish = await explained_wish(gateway, key, body.path, body.body())
    explanation = await explain(gateway, wish, body.channel)
    named = None if body.channel is None else gateway.configuration.channel(body.channel)
    route = route_summary(explanation.route, chosen=named.name if named else body.channel)
    return json_answer(explanation_view(explanation), headers={ROUTE_HEADER: route})
