"""A fitted folder in which texts were run: some undecided, one labelled by the judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streams.api import Redstream
from tests.unit.streams import tiny

HELD = {"H1": "hello there", "H2": "what about \x1b[2J\x1b]0;owned\x07 \x9b31m \u202e this"}
AUDITED = {"A1": "the printer room trip"}
"""The classifier is sure, and the judge says otherwise."""
JUDGED = {"J1": "hello from the beach"}
SURE = {"S1": "flight to a trip"}
TEXTS = {**HELD, **AUDITED, **JUDGED, **SURE}


def knows_two(text: str, labels: Sequence[str]) -> str | None:
    """A judge that knows two texts, and holds every label of the others to be wrong."""
    known = text in (JUDGED["J1"], SURE["S1"])
    return "travel" if known and "travel" in labels else None


def run_folder(folder: Path) -> Path:
    """Fit and run; return the folder's `var`. H1 and H2 are held, A1 is an audit that was not
    confirmed, J1 has the judge's label and taught it, S1 is one that was.
    """
    var = tiny.fit_folder(folder)
    rows = [{"id": id_, "text": text, "from": "desk"} for id_, text in TEXTS.items()]
    desk = Redstream(var, encoder="hashing", rounds=0)
    desk.run(rows, judge=knows_two, lockstep=True)
    return var
