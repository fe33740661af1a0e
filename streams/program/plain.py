"""Texts from outside as they may be shown in a terminal."""

from __future__ import annotations

import sys
from urllib.parse import quote

SHORTEST = 4
"""Characters of a secret that is looked for: a shorter one would black out half of every line."""

_hidden: set[str] = set()

LONGEST_COMPLAINT = 1_500
"""Characters: what a complaint quotes may be of any length."""

JOINERS = "\u200c\u200d"
"""Of letters and of emoji: they are no harm."""


def visible(text: str, *, lines: bool = True) -> str:
    """Return the text with nothing in it that a terminal would obey, or that hides what it says.

    Control characters are shown by their pictures, others (escape sequences of eight bits, marks
    that turn the direction of writing) by their numbers; ends of lines stay where `lines` are
    wanted.
    """
    text = text.replace("\r\n", "\n")
    if not lines:
        text = " ".join(text.split())
    return "".join(map(_shown, text))


def brief(text: str, most: int) -> str:
    """Return the beginning of a text, in one line of at most so many characters."""
    line = visible(text, lines=False)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def hide(secret: str) -> None:
    """From now on black out a secret in complaints and logs, whoever repeats it there."""
    if len(secret) >= SHORTEST:
        _hidden.update({secret, quote(secret, safe=""), repr(secret)[1:-1]})


def hidden(text: str) -> str:
    """Return a text without the secrets that were told to `hide`."""
    for secret in _hidden:
        text = text.replace(secret, "***")
    return text


def complain(line: str) -> None:
    """Print a line of ours to standard error, without what is too much of it to be read."""
    line = visible(hidden(line)).replace(
        "\n", "␊"
    )  # what is quoted must not look like a line of ours
    if len(line) > LONGEST_COMPLAINT:
        line = f"{line[: LONGEST_COMPLAINT - 1]}…"
    print(f"redstream: {line}", file=sys.stderr)


def is_unicode(text: str) -> bool:
    """Tell whether a text from the system, an argument or a name, is what we can write again."""
    return not any("\ud800" <= one <= "\udfff" for one in text)


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n" or character in JOINERS:
        return character
    if character.isspace() and ord(character) > 0x7F:
        return " "
    if character == "\t":
        return "    "
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    return "␡" if character == "\x7f" else f"\\u{ord(character):04x}"
