"""Texts from outside as they may be shown in a terminal."""

from __future__ import annotations

import sys

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


def complain(line: str) -> None:
    """Print a line of ours to standard error."""
    print(f"redstream: {visible(line)}", file=sys.stderr)


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
