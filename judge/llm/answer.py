"""What counts as an answer: an allowed value, in one JSON object. Everything else is none.

A verdict is read, never guessed: an answer outside the enum is "malformed", and never
"invalid" or "none".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# A verdict has some 60 tokens; more than this is not one, and need not be searched.
LONGEST: Final = 20_000
LONGEST_REASON: Final = 300

# Models without structured output wrap what they were asked for in these.
_THOUGHTS: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE: Final = "```"


@dataclass(frozen=True, slots=True)
class Said:
    """A well-formed answer: one of those allowed, why, and the ids of neighbours it rests on."""

    answer: str
    reason: str
    evidence: tuple[str, ...]


class Malformed(ValueError):
    """Not an answer; the message says what is wrong with it and quotes none of it."""


def parse(content: str, allowed: Mapping[str, object], offered: Mapping[str, str]) -> Said:
    """Read an answer.

    `allowed` has the answers as its keys, `offered` the ids of evidence shown; evidence that
    was not offered does not count, and is no reason to drop the verdict.

    Raises:
        Malformed: it is not one JSON object with one allowed answer.
    """
    given = json_object(content)
    answer = given.get("answer")
    if not isinstance(answer, str):
        raise Malformed("the object has no answer")
    if answer not in allowed:
        raise Malformed("the answer is none of those allowed")
    reason = given.get("reason")
    evidence = given.get("evidence")
    given_ids = evidence if isinstance(evidence, list) else []
    # Shown as numbers; a model may give them back as strings.
    ids = [str(item) for item in given_ids if type(item) in (int, str)]
    return Said(
        answer,
        tidy(reason, LONGEST_REASON) if isinstance(reason, str) else "",
        tuple(dict.fromkeys(offered[item] for item in ids if item in offered)),
    )


def tidy(text: str, longest: int) -> str:
    """On one line and printable, at most `longest` characters: it goes to logs and screens."""
    line = " ".join(text[: 4 * longest].split())
    return "".join(character for character in line if character.isprintable())[:longest]


def json_object(content: str) -> dict[str, object]:
    """The one JSON object that a model's words are, thoughts and fences around it taken off.

    Raises:
        Malformed: they are not that.
    """
    if len(content) > LONGEST:
        raise Malformed("it is too long to be an answer")
    body = _unfenced(_THOUGHTS.sub("", content).strip())
    try:
        given = json.loads(body, object_pairs_hook=_each_once)
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("it is not one JSON object") from None
    if not isinstance(given, dict):
        raise Malformed("it is not one JSON object")
    return given


def _unfenced(body: str) -> str:
    """What stands between two fences, each on a line of its own; all of it where there are none.

    By hand: an expression for it took an hour over ten thousand ends of lines.
    """
    first, _, rest = body.partition("\n")
    before, _, last = rest.rpartition("\n")
    fenced = first.rstrip() in (_FENCE, f"{_FENCE}json") and last.strip() == _FENCE
    return before if fenced else body


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A dictionary; an object that answers twice has not answered."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Malformed("a key is given twice")
    return made
