"""Ids: opaque, unguessable and time-ordered. 48 bits of milliseconds, 80 random bits, in Crockford's base 32."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BYTES = 10


def new_id(prefix: str, milliseconds: int, randomness: bytes) -> str:
    """`<prefix>_<26 characters>`; later milliseconds sort after earlier ones. `randomness` is 10 bytes."""
    number = (milliseconds << 80) | int.from_bytes(randomness[:RANDOM_BYTES])
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"
