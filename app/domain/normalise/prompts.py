"""Finds the prompt: the field of that name, else the texts of typed lists."""

from app.domain.normalise.fields import LONGEST_PROMPT, PROMPT
from app.domain.normalise.media import Gathered
from app.domain.normalise.reader import Body
from app.domain.normalise.values import wrong_value


def read_prompt(body: Body, gathered: Gathered) -> str | None:
    """The prompt as written; what stands at the top level wins over metadata, a prompt over texts."""
    prompt = body.take(PROMPT)
    if not gathered.texts:
        return prompt
    inner = {place.prefix: "\n".join(gathered.texts[place.prefix]) for place in body.places}
    written = body.named.get("prompt")
    top_text = inner[body.top.prefix]
    if prompt is None or (written != "prompt" and top_text):
        place = next((place for place in body.places if inner[place.prefix]), None)
        if place is None:
            return None
        return _from_content(body, inner[place.prefix], place.prefix + "content")
    others = [words for words in inner.values() if words]
    if any(words.strip() != prompt.strip() for words in others):
        body.note("content_text_ignored", "prompt")
    return prompt


def _from_content(body: Body, words: str, name: str) -> str:
    if len(words) > LONGEST_PROMPT:
        raise wrong_value(name, f"holds more than {LONGEST_PROMPT} characters of text")
    body.named["prompt"] = name
    return words
