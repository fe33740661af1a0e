"""What a person sees of drift: each event in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from streams.program.screen_judge import clock

if TYPE_CHECKING:
    from streams.records import Drift

LABELS = 6
"""Labels of one event that are shown by name."""


def what(event: Drift) -> str:
    """Say what was noticed, without when and where."""
    seen = event.evidence
    match event.kind, event.series:
        case "disagreement", series:
            of = "doubtful texts" if series == "doubtful" else "audited texts"
            before, now = (_share(seen.get(f"rate_{when}")) for when in ("before", "since"))
            judged = seen.get("texts_since")
            return f"the judge disagrees on {now} of {judged} {of}, before on {before}"
        case "embeddings", _:
            return f"the texts are others than before (p {seen.get('p')})"
        case _:
            return f"the shares of the labels have moved (p {seen.get('p')})"


def drifted(event: Drift) -> Iterator[str]:
    """Tell one event, in lines."""
    seen = event.evidence
    yield f"Drift since {clock(event.since)}, noticed {clock(event.at)}: {what(event)}."
    details = seen.get("shares") or seen.get("pairs")
    if isinstance(details, list) and details:
        yield f"  {'; '.join(map(str, details[:LABELS]))}"
    elif event.labels:
        more = len(event.labels) - LABELS
        named = ", ".join(event.labels[:LABELS])
        yield f"  most under {named}{f' and {more} more' if more > 0 else ''}"
    if event.texts:
        said = f', "{event.examples[0]}"' if event.examples else ""
        yield f"  for example {event.texts[0]}{said}"


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "?"
