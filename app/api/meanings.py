"""What parameters and fields mean, in the words of `/docs`, where their own place says nothing: by name, and by schema first."""

from collections.abc import Mapping
from typing import Any

Words = Mapping[str, str]

PARAMETERS: Words = {
    "job_id": "The job's id, as its create answered it.",
    "image_id": "The job's id, as its create answered it.",
    "task_id": "The job's id, or the `external_task_id` that it was given.",
    "token": "What stands in the link.",
    "model": "The public name of a model.",
    "name": "The name of a group.",
    "channel_id": "The channel's id.",
    "key_id": "The key's id.",
    "webhook_id": "The event's id, which its deliveries carry as `webhook-id`.",
    "action": "What was done: `create`, `update`, `delete`, …",
    "channel": "An id or a name.",
    "filter.status": "Only tasks in this state, in Ark's words.",
    "kind": "Only lines of this kind.",
    "limit": "How many, at most.",
    "page_size": "How many, at most.",
    "state": "Only webhooks in this state.",
    "status": "Only jobs in this state.",
    "subject": "The id of what was changed.",
}
_KEEPS = "Whether results are copied to the storage; null leaves it to others: channel, key and gateway in turn."
_CHANNEL: Words = {
    "name": "What operators call the channel; one of a kind.",
    "adapter": "Whose format it speaks: `ark`, `openai`, …; see `filmgate channels add --help`.",
    "base_url": "The vendor's address before the paths of its endpoints; the adapter's own where it is left out.",
    "credentials": "What the channel shows to its vendor, in turn: objects such as `{api_key}`. Answers mask them.",
    "models": '`{"public name": "upstream name"}`, a list of names, or `"*"` for all that the adapter knows.',
    "groups": "Keys of these groups may use the channel.",
    "priority": "Higher goes first.",
    "weight": "The share among channels of one priority; 0 is asked last.",
    "max_concurrency": "How many jobs run at once; null is no limit.",
    "keep_results": _KEEPS,
    "price_ratio": "What its prices are multiplied by.",
    "prices": '`{"public name": {"unit": "second", "usd": "0.05"}}` in the place of the catalogue\'s.',
    "overrides": "Changes to the finished body: `set` replaces top-level fields, `drop` removes them.",
    "settings": "What the adapter lets operators choose; its data file and docstring say what.",
    "enabled": "Whether new jobs may go there.",
}
_KEY: Words = {
    "name": "What operators call the key.",
    "groups": "Which channels it may use: those of these groups.",
    "models": "The only public names that it may use; null is every one.",
    "expires_at": "When it ends, ISO 8601; null is never.",
    "strict": "Whether a request that would be adjusted is refused instead.",
    "allowed_ips": "Addresses and networks from which it works; null or none is from everywhere.",
    "rpm": "POSTs a minute; null is no limit.",
    "max_concurrency": "How many jobs run at once; null is no limit.",
    "budget_usd": "The most that it may spend in a period, in USD; null is no limit.",
    "budget_period": "How long a budget counts.",
    "allow_unpriced": "Whether a key with a budget may use models without a price.",
    "store_prompts": "Whether prompts and media may be written down.",
    "keep_results": _KEEPS,
    "callback_url": "Where the outcome of jobs is delivered whose request names no other place.",
    "enabled": "Whether it works.",
}
_OF_JOBS: Words = {
    "id": "Its id here.",
    "task_id": "The same as `id`.",
    "object": "What kind of thing this is.",
    "model": "The public name of the model.",
    "status": "How far it is.",
    "progress": "Percent.",
    "created": "Unix seconds.",
    "created_at": "Unix seconds.",
    "updated_at": "When it last changed.",
    "completed_at": "When it ended; null until then.",
    "expires_at": "Until when the result can be had; null where that is not known.",
    "prompt": "As it was asked.",
    "seconds": "The length, as text.",
    "duration": "The length in seconds, as a number.",
    "size": "Pixels, `WIDTHxHEIGHT`.",
    "quality": "As it was asked, else `standard`.",
    "resolution": "The tier: `720p`, …",
    "aspect_ratio": "Width to height.",
    "remixed_from_video_id": "The job whose video this one makes again.",
    "error": "Why it failed; null where it did not.",
    "url": "The result, behind a signed link that needs no key.",
    "video_url": "The same as `url`.",
    "result_url": "The same as `url`.",
    "format": "The kind of file.",
    "thumbnail_url": "A still of the result, behind such a link.",
    "last_frame_url": "The last frame, behind such a link, where the vendor delivers it.",
    "external_task_id": "Your own name for the job.",
    "metadata": "Further facts about the result.",
    "warnings": "What was not done as asked.",
    "usage": "What was made, and the tokens that the vendor reports.",
    "videos": "Every result, where there are several.",
    "errors": "What became of the results that are missing.",
    "request_id": "The handle to quote to whoever runs the gateway.",
    "data": "The results, or the page of the list.",
    "first_id": "The first id of this page.",
    "last_id": "The last id of this page: `after` of the next.",
    "has_more": "Whether there is another page.",
    "deleted": "It is gone.",
    "code": "What it is, in one word.",
    "message": "What it is, for people.",
    "type": "The kind of error, in OpenAI's words.",
    "total": "How many there are.",
    "items": "One page of them.",
    "op": "What it makes: `video` or `image`.",
}
SCHEMAS: Mapping[str, Words] = {
    "ChannelBody": _CHANNEL,
    "ChannelPatch": _CHANNEL,
    "KeyBody": _KEY,
    "KeyPatch": _KEY,
    "GroupBody": {"price_ratio": "What prices are multiplied by for keys of this group."},
    "ExplainBody": {
        "path": "The endpoint that the request is meant for.",
        "json": "Its body; or `form`.",
        "form": "Its parts: pairs of a name and a text, or a file as `{filename, content_type, base64}`.",
        "key_id": "Whose request it is.",
        "group": "Whose request it is, where no key is named.",
        "channel": "The id or name of the one channel to look at.",
    },
    "Error": {"error": "The same in OpenAI's form.", "data": "Always null."},
    "NumberedError": {"error": "The same in OpenAI's form."},
    "Warning": {
        "code": "`adjusted:…` or `dropped:…` with the field.",
        "field": "The field as you wrote it.",
        "from": "What you asked.",
        "to": "What was asked of the vendor.",
    },
    "Model": {"owned_by": "Who serves it, as far as clients see."},
    "Capabilities": {
        "modes": "What it can start from.",
        "durations": "The lengths that it makes, in seconds; null is not known.",
        "resolutions": "The tiers that it makes.",
        "ratios": "The shapes that it makes.",
        "fps": "The frame rates that it makes.",
        "scalars": "Optional fields that it heeds.",
        "inputs": "Which media it takes, how many and in which form.",
        "price": "What it costs.",
    },
    "KeyUsage": {
        "key": "Whose usage this is.",
        "currency": "Always US dollars.",
        "budget_usd": "The most that may be spent in the period.",
        "budget_period": "How long a budget counts.",
        "remaining_usd": "What is left of it; null without a budget.",
        "period": "From when to when, in Unix seconds.",
        "limits": "POSTs a minute, and jobs at once.",
        "by_day": "The last 30 days, the newest first.",
        "by_model": "The same time by model.",
    },
    "WebhookSecret": {"key_id": "Whose webhooks it signs."},
    "Received": {"received": "It was heard."},
    "Health": {"status": "`ok`, `ready` or `unavailable`.", "reason": "Why it is not ready."},
    "ArkTaskId": {"safety_identifier": "As it was asked."},
    "ArkTask": {"content": "The result, once there is one."},
    "KlingTask": {"code": "Always 0: it worked.", "data": "The task in Kling's form."},
    "JimengTask": {"data": "The task in Jimeng's form."},
    "": _OF_JOBS,
}
_NATIVE: Words = {
    "prompt": "What to make.",
    "negative_prompt": "What to avoid.",
    "resolution": "A tier: `480p`, `720p`, `1080p`.",
    "ratio": "Width to height.",
    "aspect_ratio": "Width to height.",
    "seed": "The same seed makes a similar result again.",
    "generate_audio": "Whether the video has sound.",
    "watermark": "Whether the vendor may put its mark on the result.",
    "image": "Pictures to start from: URLs, data URIs or bare base64.",
    "size": "`2K`, or pixels as `2048x2048`.",
    "response_format": "Whether results come as links or in the answer.",
    "sequential_image_generation": "`auto` lets one request bring several pictures.",
    "sequential_image_generation_options": "How many it may bring.",
    "stream": "Server-sent events with each finished picture.",
    "sound": "Whether the video has sound.",
    "external_task_id": "Your own name for the job: the same name again gives the same job.",
    "image_list": "Pictures of what shall appear.",
    "video_list": "The clip to change or to refer to.",
    "video_id": "The id in the result of a finished job of yours.",
    "image_urls": "Pictures to start from.",
}


def explain(operation: dict[str, Any]) -> None:
    """Adds what is known about the parameters and body fields of an operation of an OpenAPI document."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in PARAMETERS and not parameter["schema"].get("description"):
            parameter.setdefault("description", PARAMETERS[parameter["name"]])
    forms = [form["schema"] for form in operation.get("requestBody", {}).get("content", {}).values()]
    fields = [field for schema in forms for field in schema.get("properties", {}).items()]
    written = {name: field["description"] for name, field in fields if "description" in field}
    for schema in forms:
        _fill(schema, {**_NATIVE, **written})


def explain_schemas(components: dict[str, Any]) -> None:
    """Adds what is known about the fields of the schemas that have names."""
    for name, schema in components.items():
        _fill(schema, {**SCHEMAS[""], **SCHEMAS.get(name, {})})


def _fill(schema: dict[str, Any], words: Words) -> None:
    for name, field in schema.get("properties", {}).items():
        if name in words:
            field.setdefault("description", words[name])
