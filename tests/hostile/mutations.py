"""Bodies gone wrong, by a seeded generator: from a valid one to what fuzzers, broken clients and attackers send."""

import copy
import gzip
import json
import random
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

BOUNDARY = "----boat"
JSON_TYPE = "application/json"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
LIMIT = 1024 * 1024  # bytes; what the tested gateway takes

Part = tuple[str, str | bytes]  # bytes are a file
_SURROGATES = ("\ud800", "a\udfff", "\udc00\ud800")
_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "true",
    "null",
    "[]",
    "{}",
    "-1",
    "1e400",
    "NaN",
    "０",
    "٣",
    "\u202e",
    "\ufeff",
    "\r\nx: y",
    "'; --",
    "%s%n",
)
_ADDRESSES = (
    "http://",
    "https://[",
    "http://127.0.0.1/",
    "file:///etc/passwd",
    "data:",
    "data:;base64,=",
    "data:image/png;base64,!",
    "//x",
)
_NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e-320, 1e308, 3.999999999999)
_LONG = ("x" * 70_000, "9" * 5_000, "[" * 3_000, "长" * 9_000)
_TYPES = (
    "", "/", "text/plain", "application/xml", "application/json; charset=utf-16", "application/json; charset=", "APPLICATION/JSON",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x",
    "multipart/form-data; boundary=" + "b" * 300, 'multipart/form-data; boundary="', "application/json, text/plain", "*/*",
    "a" * 9_000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire."""

    content: bytes
    headers: Sequence[tuple[str, str]]


def json_mutant(rng: random.Random, body: Mapping[str, Any]) -> Sent:
    """A JSON body with one to three things wrong in it or with it."""
    value = copy.deepcopy(dict(body))
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(_IN_VALUES)(rng, value)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.5, default=str).encode("utf-8", "surrogatepass")
    kind = JSON_TYPE
    if rng.random() < 0.35:
        raw = rng.choice(_IN_JSON)(rng, raw)
    if rng.random() < 0.1:
        kind = rng.choice(_TYPES)
    return Sent(raw, _headers(rng, kind))


def form_mutant(rng: random.Random, parts: Sequence[Part]) -> Sent:
    """A multipart body with something wrong in its parts or around them."""
    mine = list(parts)
    for _ in range(rng.choice((0, 1, 1, 2))):
        mine = rng.choice(_IN_PARTS)(rng, mine)
    raw, kind = written(mine), FORM_TYPE
    if rng.random() < 0.5:
        raw = rng.choice(_IN_FORM)(rng, raw)
    if rng.random() < 0.1:
        kind = rng.choice(_TYPES)
    return Sent(raw, _headers(rng, kind))


def written(parts: Sequence[Part]) -> bytes:
    """A multipart body, without a look at what stands in it."""
    pieces: list[bytes] = []
    for name, value in parts:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            head += '; filename="boat.png"\r\nContent-Type: image/png'
        text = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        pieces += [head.encode("utf-8", "surrogatepass"), b"\r\n\r\n", text, b"\r\n"]
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def _headers(rng: random.Random, kind: str) -> list[tuple[str, str]]:
    headers = [("content-type", kind)]
    if rng.random() < 0.02:
        headers.append(("content-type", "text/plain"))
    if rng.random() < 0.02:
        headers.append(("content-encoding", rng.choice(("gzip", "br", "identity", "GZIP, x"))))
    return headers


def _hostile(rng: random.Random) -> Any:
    """Any value that does not belong there."""
    kind = rng.randrange(9)
    if kind == 0:
        return rng.choice(_NUMBERS)
    if kind == 1:
        return rng.choice(_TEXTS)
    if kind == 2:
        return rng.choice(_ADDRESSES)
    if kind == 3:
        return rng.choice(_LONG)
    if kind == 4:
        return rng.choice((None, True, False, [], {}, [[]], [None], {"": ""}, [{}]))
    if kind == 5:
        return rng.choice(_SURROGATES)
    if kind == 6:
        return _deep(rng.choice((8, 31, 33, 400)), rng.random() < 0.5)
    if kind == 7:
        return {"url": rng.choice(_ADDRESSES), "id": rng.choice(_TEXTS), "file_id": rng.choice(_NUMBERS)}
    return [rng.choice(_TEXTS) for _ in range(rng.choice((1, 3, 200)))]


def _deep(levels: int, lists: bool) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value] if lists else {"a": value}
    return value


def _place(rng: random.Random, value: Any) -> tuple[Any, Any]:
    """A random container somewhere in a JSON value, and a key or index of it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        node = waiting.pop()
        steps = list(node) if isinstance(node, Mapping) else range(min(len(node), 5)) if isinstance(node, MutableSequence) else ()
        found += [(node, step) for step in steps]
        waiting += [node[step] for step in steps][:50]
        if len(found) > 200:
            break
    return rng.choice(found) if found else (value, "prompt")


def _swap(rng: random.Random, value: MutableMapping[str, Any]) -> None:
    node, step = _place(rng, value)
    node[step] = _hostile(rng)


def _drop(rng: random.Random, value: MutableMapping[str, Any]) -> None:
    node, step = _place(rng, value)
    if isinstance(node, MutableMapping):
        node.pop(step, None)


def _retype(rng: random.Random, value: MutableMapping[str, Any]) -> None:
    node, step = _place(rng, value)
    was = node.get(step) if isinstance(node, Mapping) else node[step]
    node[step] = rng.choice(([was], {"value": was}, str(was), [was] * 70, {"url": was}))


def _add(rng: random.Random, value: MutableMapping[str, Any]) -> None:
    names = (
        "seed",
        "n",
        "size",
        "image",
        "images",
        "metadata",
        "content",
        "mode",
        "seconds",
        "stream",
        "callback_url",
        "video",
        "mask",
    )
    value[rng.choice(names)] = _hostile(rng)


def _name(rng: random.Random, value: MutableMapping[str, Any]) -> None:
    odd = ("", "\0", "a[b]", "a" * 70_000, "\ud800", "__proto__", "model\0", "MODEL", "prompt ", "…", "a.b", "$ref")
    value[rng.choice(odd)] = rng.choice((1, "x", None, {}))


def _many(rng: random.Random, value: MutableMapping[str, Any]) -> None:
    value.update({f"field_{number}": number for number in range(rng.choice((100, 3_000)))})


_IN_VALUES: Sequence[Callable[[random.Random, MutableMapping[str, Any]], None]] = (
    _swap,
    _swap,
    _swap,
    _drop,
    _retype,
    _add,
    _add,
    _name,
    _many,
)


def _cut(rng: random.Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw))] if raw else raw


def _flip(rng: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 4, 16))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _bytes_in(rng: random.Random, raw: bytes) -> bytes:
    place = rng.randrange(len(raw) + 1)
    return raw[:place] + rng.choice((b"\xff", b"\xc3\x28", b"\0", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1b")) + raw[place:]


def _recoded(rng: random.Random, raw: bytes) -> bytes:
    text = raw.decode("utf-8", "replace")
    return rng.choice(
        (text.encode("utf-16"), text.encode("utf-32-le"), b"\xef\xbb\xbf" + raw, gzip.compress(raw), text.encode("utf-7"))
    )


def _twice(rng: random.Random, raw: bytes) -> bytes:
    """Duplicate keys, or a second value behind the first."""
    extra = rng.choice((b'"model":"other"', b'"prompt":[]', b'"seconds":"7"', b'"model":null'))
    return raw[:-1] + b"," + extra + b"}" if rng.random() < 0.7 else raw + raw


def _not_json(rng: random.Random, raw: bytes) -> bytes:
    odd = (
        b"", b"   ", b"null", b"[]", b'"text"', b"7", b"{", b"}", b"{]", b"[" * 60_000, b'{"a":' * 60_000, b'{"model":NaN}',
        b'{"model":"m","prompt":"p","seed":1e999}', b"{'model':'m'}", b'{"model":"m","prompt":"p",}', b"\0",
        b"model=m&prompt=p&a[=1", b"{" + b" " * (LIMIT + 9) + b"}",
        b'{"model":"m","prompt":"p","seed":' + b"9" * 50_000 + b"}", b'{"model":"m","prompt":"\\ud800"}',
    )  # fmt: skip
    return rng.choice(odd)


_IN_JSON: Sequence[Callable[[random.Random, bytes], bytes]] = (_cut, _flip, _bytes_in, _recoded, _twice, _not_json)


def _part_value(rng: random.Random, parts: list[Part]) -> list[Part]:
    value = _hostile(rng)
    place = rng.randrange(len(parts))
    text = value if isinstance(value, str) else json.dumps(value)
    parts[place] = (
        parts[place][0],
        rng.choice((text, text.encode("utf-8", "surrogatepass"), b"", b"\x89PNG\r\n\x1a\n" + bytes(40))),
    )
    return parts


def _part_name(rng: random.Random, parts: list[Part]) -> list[Part]:
    place = rng.randrange(len(parts))
    name = parts[place][0]
    odd = (
        f"{name}[]", f"{name}[0]", f"{name}[999999999999]", f"{name}[url]", f"{name}[", f"{name}]", "", "\0", f"{name}\0",
        f"{name}" + "[a]" * 300, "[" * 4_000, f"{name}[-1]", f"{name}[][][]", "\ud800", f"{name}\r\nx-evil: 1", "a" * 9_000,
        f'{name}"; filename="x',
    )  # fmt: skip
    parts[place] = (rng.choice(odd), parts[place][1])
    return parts


def _part_more(rng: random.Random, parts: list[Part]) -> list[Part]:
    name, value = rng.choice(parts)
    more: Sequence[list[Part]] = (
        [(name, value)],
        [(f"{name}[x]", value)],
        [("image", b"\x89PNG\r\n\x1a\n")] * 70,
        [(f"f{number}", "x") for number in range(1_200)],
        [(f"metadata[{'k' * 50}][{number}]", "x") for number in range(300)],
        [("metadata" + "[a]" * depth, "x") for depth in range(1, 12)],
        [("image[]", "https://img.example.com/a.png"), ("image", b"\xff\xd8\xff\xe0")],
        [("prompt", "x" * (LIMIT + 1))],
    )
    return [*parts, *rng.choice(more)]


def _part_less(rng: random.Random, parts: list[Part]) -> list[Part]:
    return [part for part in parts if rng.random() < 0.7] or parts


_IN_PARTS: Sequence[Callable[[random.Random, list[Part]], list[Part]]] = (
    _part_value,
    _part_value,
    _part_name,
    _part_more,
    _part_less,
)


def _boundary(rng: random.Random, raw: bytes) -> bytes:
    mark = BOUNDARY.encode()
    changes: Sequence[Callable[[], bytes]] = (
        lambda: raw.replace(b"--" + mark + b"--\r\n", b""),
        lambda: raw.replace(mark, b"----ship"),
        lambda: raw.replace(b"--" + mark, mark),
        lambda: raw.replace(b"\r\n", b"\n"),
        lambda: raw.replace(b"\r\n\r\n", b"\r\n", 1),
        lambda: b"preamble\r\n" + raw + b"epilogue",
        lambda: raw + raw,
        lambda: b"--" + mark + b"--\r\n",
        lambda: raw.replace(b'"', b"'"),
        lambda: raw.replace(b"form-data", b"attachment", 1),
        lambda: raw.replace(b"Content-Disposition", b"X" * 20_000, 1),
        lambda: raw.replace(
            b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n", 1
        ),
        lambda: raw.replace(b"form-data; name", b"form-data; name*=utf-8''%ff; name", 1),
    )
    return rng.choice(changes)()


_IN_FORM: Sequence[Callable[[random.Random, bytes], bytes]] = (_boundary, _boundary, _boundary, _cut, _flip, _bytes_in)
