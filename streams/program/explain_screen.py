"""What a person reads of the story of one text."""

from __future__ import annotations

from collections.abc import Iterator

from streams.program.asked_again import AskedAgain
from streams.program.explain import Explained
from streams.program.plain import brief
from streams.program.screen import say
from streams.program.screen_judge import asked, clock
from streams.records import Authority, Contender, Labeled, Verdict

HEADS, LISTED = 5, 6
"""Heads that are shown by name, and contenders."""

SHOWN_CHANGES = 3

EXAMPLE = 100
"""Characters of an example."""


def story(found: Explained) -> None:
    """Print how a text came to its label, and what came of it since."""
    for line in lines(found):
        say(line)


def lines(found: Explained) -> Iterator[str]:
    """Tell it in lines."""
    text = found.text
    yield f"{text.id}: {text.text}"
    if text.source or text.attributes:
        came = [f"from {text.source}"] if text.source else []
        came += [f"received {clock(text.received)}"] if text.received else []
        came += [f"{name}: {brief(str(value), EXAMPLE)}" for name, value in text.attributes.items()]
        yield f"  {'; '.join(came)}"
    yield from _stands(found)
    yield "What happened:"
    for record in _in_time(found):
        yield from _event(record) if isinstance(record, Labeled) else _verdict(record, found)
    yield from _model(found.asked)
    if found.asked.lessons:
        yield "What it has taught:"
    for lesson in found.asked.lessons:
        since = f", from model {lesson.version} on" if lesson.version else ""
        what = "a revocation of" if lesson.kind == "revoked" else f"{lesson.kind} as"
        yield f"  {what} {lesson.label} ({lesson.signed or 'unsigned'}{since}): {lesson.standing}"


def _stands(found: Explained) -> Iterator[str]:
    held, truth = found.story.held, found.story.truth
    if held is not None and found.story.rounds_left <= 0:
        yield "  undecided: waits for a person (`redstream review`)"
    elif held is not None:
        left = found.story.rounds_left
        yield f"  undecided: held, {left} rounds left before it waits for a person"
    elif truth is not None:
        yield f"  → {truth.label or 'none of the labels'}, by {truth.authority}"
    else:
        yield "  undecided: on its way"


def _in_time(found: Explained) -> list[Labeled | Verdict]:
    """Return events and verdicts as they came; a person's verdict says what its event does."""
    events = [one for one in found.story.events if one.authority is not Authority.PERSON]
    records: list[Labeled | Verdict] = [*found.story.verdicts, *found.story.reviews, *events]
    return sorted(records, key=lambda one: one.at)


def _event(event: Labeled) -> Iterator[str]:
    sure = f" at {event.confidence:.2f}" if event.confidence is not None else ""
    why = "; an answer was worth nothing" if event.spared else ""
    yield (
        f"  {clock(event.at)} {event.authority} ({event.signed}) labelled it {event.label}{sure};"
        f" from {_told(event.contenders)}{why}"
    )


def _verdict(verdict: Verdict, found: Explained) -> Iterator[str]:
    if verdict.authority is Authority.PERSON:
        said = f"said {verdict.label or 'none of the labels'}"
        if verdict.outcome == "no_verdict":
            said = "took that back"
        yield f"  {clock(verdict.at)} a person ({verdict.signed}, decision {verdict.round}) {said}"
        return
    first, *more = asked(verdict)
    yield f"  {clock(verdict.at)} {first.strip()}"
    yield from more
    for id_ in verdict.neighbours:
        if id_ in found.evidence:
            label, text = found.evidence[id_]
            yield f"      {id_} is {label}: {brief(text, EXAMPLE)}"
    for label in verdict.options:
        if guide := found.guides.get((label, verdict.guide or "")):
            yield f"      told that {label} means: {brief(guide, EXAMPLE)}"


def _model(asked: AskedAgain) -> Iterator[str]:
    if not asked.versions:
        yield (
            f"Model {asked.serving}, in service: not asked, for no embedding of the text was kept"
            " (--encode makes it again)"
        )
        return
    for number, encoder in asked.elsewhere.items():
        yield f"Model {number} reads vectors of another encoder ({encoder}), and is not asked."
    *before, now = asked.versions
    for one in before:
        yield f"Model {one.version} says: {_told(one.contenders)}"
    if len(asked.changes) > SHOWN_CHANGES:
        yield f"  its contenders were changed by {len(asked.changes)} versions since, the latest:"
    for change in asked.changes[-SHOWN_CHANGES:]:
        yield f"  changed by model {change.version}: {', '.join(change.labels)}"
    yield f"Model {now.version}, in service, says: {_told(now.contenders)}"
    yield f"  its encoder: {asked.encoder}"
    yield "  heads, each by itself:"
    for head in asked.heads[:HEADS]:
        yield (
            f"    subset {head.subset} of {head.labels} labels: {head.label}"
            f" {head.probability:.2f}; one of its own {head.own:.2f}"
        )
    yield "  nearest examples:"
    for near in asked.nearest:
        yield f"    {near.similarity:.2f} {near.label}: {brief(near.text, EXAMPLE)}"


def _told(contenders: list[Contender]) -> str:
    return ", ".join(f"{one.label} {one.probability:.2f}" for one in contenders[:LISTED])
