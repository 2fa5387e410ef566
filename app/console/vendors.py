"""Vendors as people know them, beside the adapters that speak to them; one that is missing here goes by its adapter's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.adapters.registry import adapters, catalogue


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of an adapter: its vendor's name, what it is for, and further addresses of the vendor by who needs them."""

    title: str
    about: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)


_MAINLAND, _SINGAPORE = "Accounts of mainland China", "Accounts of Singapore"
_TOLD: Mapping[str, Told] = {
    "ark": Told("Volcengine Ark", "Seedance videos and Seedream pictures, mainland China."),
    "byteplus": Told("BytePlus ModelArk", "Seedance videos and Seedream pictures, outside mainland China."),
    "kling": Told("Kling", "Kling videos and pictures.", {_MAINLAND: "https://api-beijing.klingai.com"}),
    "vidu": Told("Vidu", "Vidu videos and pictures.", {_MAINLAND: "https://api.vidu.cn"}),
    "jimeng": Told("Jimeng", "Jimeng videos and pictures on Volcengine's visual API."),
    "minimax": Told("MiniMax", "Hailuo and H3 videos, pictures.", {_MAINLAND: "https://api.minimaxi.com"}),
    "dashscope": Told(
        "Alibaba Model Studio", "Wan, HappyHorse and Qwen-Image.", {_SINGAPORE: "https://dashscope-intl.aliyuncs.com"}
    ),
    "openai": Told("OpenAI", "GPT pictures, and every server that speaks OpenAI's image and video API."),
    "azure": Told("Azure OpenAI", "OpenAI's models in a resource of your own."),
    "gemini": Told("Google Gemini API", "Omni videos, Gemini and Imagen pictures, with an API key."),
    "vertex": Told("Google Vertex AI", "Veo, Omni, Imagen and Gemini, with a service account."),
    "xai": Told("xAI", "Grok Imagine videos and pictures."),
    "newapi": Told("new-api", "Relays that speak new-api's dialect, and other Filmgates."),
    "sandbox": Told("Sandbox", "Real files made in this process, without account, network or cost."),
}


@dataclass(frozen=True, slots=True)
class Vendor:
    """An adapter in the gallery; `videos` and `pictures` count the models that its data file knows."""

    adapter: str
    told: Told
    videos: int
    pictures: int


def vendors() -> Sequence[Vendor]:
    """Every adapter, in the order of the table, the unknown ones at the end."""
    order = {name: place for place, name in enumerate(_TOLD)}
    return [_vendor(name) for name in sorted(adapters(), key=lambda name: (order.get(name, len(order)), name))]


def told_of(adapter: str) -> Told:
    """What is said of this adapter."""
    return _TOLD.get(adapter) or Told(adapter)


def known_models(adapter: str) -> Sequence[str]:
    """The public names in the adapter's data file."""
    return sorted({card.name for card in catalogue(adapter).cards})


def _vendor(adapter: str) -> Vendor:
    cards = catalogue(adapter).cards
    videos = sum(card.capabilities.op == "video" for card in cards)
    return Vendor(adapter, told_of(adapter), videos, len(cards) - videos)
