"""What a person reads of forgetting: what was there, what is gone, what stays until when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.feed import spans
from streams.program.forget import Done
from streams.program.forget_kafka import Stays
from streams.program.forget_look import Found
from streams.program.known import day
from streams.program.plain import visible


def finding(one: Found) -> str:
    """Tell what is there of a text, without its words or label."""
    told = []
    if not one.known:
        told.append("never seen")
    if one.labelled:
        told.append("has a label")
    if one.seed:
        told.append("an example of the fit")
    elif one.lessons:
        told.append(f"taught the model {one.lessons} {'time' if one.lessons == 1 else 'times'}")
    return visible(f"{one.id}: {', '.join(told) or 'seen'}", lines=False)


def already(one: Found) -> str:
    """Tell that a text is forgotten."""
    assert one.forgotten is not None
    return visible(f"{one.id}: was forgotten on {day(one.forgotten)}", lines=False)


def lines(found: Sequence[Found], done: Done, stays: Sequence[Stays]) -> Iterator[str]:
    """Tell what forgetting came to."""
    count = f"{len(found)} {'text is' if len(found) == 1 else 'texts are'}"
    if done.taken_in:
        yield f"{count} forgotten: out of log, ledger, example store and model {done.version}."
    else:
        yield (
            f"{count} being forgotten: nothing of it is taken in any more, but"
            f" {', '.join(done.waiting) or 'a file that is in use'} has not let go of it yet."
            " The same command again finishes it (a run finishes it when it ends)."
        )
    if done.versions:
        yield (
            f"Versions of the model that had it are gone: {spans(done.versions)}."
            " Nobody can go back to them."
        )
    if any(one.seed for one in found):
        yield (
            "An example of the fit: its vector is out of exemplars, heads and noise. Metric, first"
            " heads, shares and threshold were computed with it and stay as numbers of all examples"
            " together, until you fit again without it into another --var."
        )
    elif any(one.lessons for one in found):
        yield "What a certificate counted of it stays counted: a number of agreements, no text."
    for line in stays:
        yield f"  {line.topic}: {line.until}"
    if done.guides:
        yield f"Guides that a person wrote quote it: {', '.join(done.guides)}. They are yours."
    for path, many in done.outputs.items():
        yield f"{path} has it in {many} {'line' if many == 1 else 'lines'}: that file is yours."
    yield (
        "Yours as well: the files that it came in (examples, texts, gold labels), copies of the"
        " folder, and whatever an LLM's provider keeps of what it was asked."
    )
