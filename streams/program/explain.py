"""`redstream explain`: the whole story of one text, from the ledger and the model's versions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import Any

from models.errors import Fatal
from streams.figures import Figures, Story
from streams.lookup import Lookup
from streams.program.asked_again import AskedAgain
from streams.program.folder import Folder, log_of
from streams.program.known import embedding_of, examples_of, text_of, unknown
from streams.program.settings import Settings
from streams.program.summary import manifest_of
from streams.records import Contender, Labeled, Text, Verdict
from streams.stage import Log


@dataclass(frozen=True)
class Explained:
    """All that is known of a text, and what the model says when it is `asked` again.

    `evidence` are the examples that the judge went by, `guides` what it was told that a label
    means, by label and version.
    """

    text: Text
    story: Story
    asked: AskedAgain
    evidence: dict[str, tuple[str, str]]
    guides: dict[tuple[str, str], str]


def explain(settings: Settings, text_id: str, *, encode: bool = False) -> Explained:
    """Return the story of a text; with `encode`, it is embedded again if no embedding was kept.

    Raises:
        Fatal: the id was never seen in this folder, or nothing has happened to it yet.
    """
    folder = Folder(settings.var)
    with ExitStack() as opened:
        figures = opened.enter_context(closing(Figures(folder.ledger)))
        lookup = opened.enter_context(closing(Lookup(folder.ledger)))
        log = opened.enter_context(log_of(settings))
        story = figures.story(text_id)
        text = text_of(story)
        if text is None:
            raise Fatal(unknown(settings, lookup, text_id))
        return Explained(
            text=text,
            story=story,
            asked=_asked(log, figures, lookup, story, settings if encode else None),
            evidence=_evidence(story, log, lookup),
            guides=_guides_told(folder, story),
        )


def _guides_told(folder: Folder, story: Story) -> dict[tuple[str, str], str]:
    told = [(label, one.guide) for one in story.verdicts if one.guide for label in one.options]
    if not told:
        return {}
    from judge.guides.history import History  # here: with the judge comes numpy

    history = History(folder.guide_versions)
    found = {(label, guide): history.find(label, guide) for label, guide in told}
    return {which: kept.guide.text for which, kept in found.items() if kept is not None}


def _asked(
    log: Log, figures: Figures, lookup: Lookup, story: Story, encode_by: Settings | None
) -> AskedAgain:
    """Ask the model where there is something to ask it about: it takes longer than all else."""
    serving = manifest_of(log, figures.counts().version)
    text = text_of(story)
    assert text is not None
    lessons = lookup.lessons(text.id)
    vector = None
    if serving is not None:
        vector = embedding_of(story, serving, log, lookup, encode_by=encode_by)
        if vector is None and not lessons:
            return AskedAgain(serving.number)
    from streams.program.asking_again import asked_again  # here: it loads numpy and scipy

    return asked_again(log, lookup, story, text.id, vector, lessons)


def _evidence(story: Story, log: Log, lookup: Lookup) -> dict[str, tuple[str, str]]:
    """Return label and text of the examples that judge or event name, by id."""
    records: list[Labeled | Verdict] = [*story.verdicts, *story.events]
    ids = dict.fromkeys(id_ for one in records for id_ in one.neighbours)
    return examples_of(log, lookup, list(ids))


def as_json(found: Explained) -> dict[str, Any]:
    """Return the story as data: records as they are on the wire, the rest by its own names."""
    story, truth = found.story, found.story.truth

    def verdicts(some: list[Verdict]) -> list[dict[str, Any]]:
        return [one.model_dump(mode="json", exclude_none=True, exclude={"held"}) for one in some]

    return {
        "text": found.text.model_dump(mode="json", exclude_none=True),
        "label": (truth.label or None) if truth else None,
        "decided_by": str(truth.authority) if truth else None,
        "held": None
        if story.held is None
        else {"round": story.held.round, "rounds_left": story.rounds_left},
        "events": [
            one.model_dump(mode="json", exclude_none=True, exclude={"text", "attributes"})
            for one in story.events
        ],
        "verdicts": verdicts(story.verdicts),
        "reviews": verdicts(story.reviews),
        "model": found.asked.serving,
        "encoder": found.asked.encoder,
        "elsewhere": [
            {"version": number, "encoder": name} for number, name in found.asked.elsewhere.items()
        ],
        "versions": [
            {"version": one.version, "contenders": _contenders(one.contenders)}
            for one in found.asked.versions
        ],
        "heads": [asdict(one) for one in found.asked.heads],
        "nearest": [asdict(one) for one in found.asked.nearest],
        "changes": [asdict(one) for one in found.asked.changes],
        "evidence": [
            {"id": id_, "label": label, "text": text}
            for id_, (label, text) in found.evidence.items()
        ],
        "guides": _guides(found.guides),
        "lessons": [asdict(one) for one in found.asked.lessons],
    }


def _contenders(contenders: list[Contender]) -> list[dict[str, Any]]:
    return [one.model_dump() for one in contenders]


def _guides(guides: Mapping[tuple[str, str], str]) -> list[dict[str, str]]:
    return [
        {"label": label, "version": version, "text": text}
        for (label, version), text in guides.items()
    ]
