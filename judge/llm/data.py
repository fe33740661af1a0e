"""How untrusted text is shown to a model: as JSON, on one line, between markers.

JSON because a string in it can neither end early nor begin a line. Beyond what JSON escapes,
everything a person would not see is escaped too: direction marks, zero-width characters,
Unicode tags, variation selectors, private use. A model then reads `\\u202e` instead of being
led by it, and decoding still gives exactly the text.
"""

import hashlib
import json
import unicodedata
from functools import lru_cache
from typing import Final

_HIDDEN: Final = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))
# Letters and marks by category, blank on every screen.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def encode(value: object) -> str:
    """`value` as JSON on one line; decoding gives it back, lone surrogates included."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text.isascii() and "\x7f" not in text:  # json escapes the other controls itself
        return text
    return "".join(_shown(character) for character in text)


def cut(text: str, longest: int) -> str:
    """The first `longest` characters."""
    return text if len(text) <= longest else text[:longest]


def marker(seed: str, text: str, *others: str) -> str:
    """A line that stands before and after the text, and occurs nowhere else.

    A keyed hash of the text: repeatable, so that a prompt can be rendered again, yet whoever
    writes the text cannot put its own hash into it. Should a line of `others` (the rest of the
    prompt) hold it all the same, the next one is taken.
    """
    key = hashlib.blake2b(seed.encode(errors="surrogatepass"), digest_size=32).digest()
    data = text.encode(errors="surrogatepass")
    count = 0
    while True:
        digest = hashlib.blake2b(data, digest_size=4, key=key, salt=count.to_bytes(8))
        made = f"#{digest.hexdigest()}"
        if not any(made in other for other in (text, *others)):
            return made
        count += 1


def order(seed: str, text: str, item: str) -> bytes:
    """A sort key that shuffles items by the text, the same at every call.

    Models prefer options by their place: with an order of its own for every text, that
    preference falls on no label in particular.
    """
    data = json.dumps([seed, text, item]).encode()
    return hashlib.blake2b(data, digest_size=8).digest()


@lru_cache(maxsize=8_192)
def _shown(character: str) -> str:
    code = ord(character)
    selector = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    hidden = character in _BLANK or unicodedata.category(character) in _HIDDEN
    if not hidden and not selector:
        return character
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
