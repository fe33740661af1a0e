"""`redstream explain`: the whole story of one text, from the ledger and the model's versions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import Any

from judge.guides.history import History
from models.errors import Fatal
from models.proposals import Proposal, proposals
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.figures import Figures, Story
from streams.lookup import Lookup
from streams.program.exemplars import Exemplars, Near
from streams.program.folder import Folder
from streams.program.known import embedding_of, text_of, unknown
from streams.program.settings import Settings
from streams.program.taught import Taught, taught
from streams.records import Contender, Labeled, Text, Verdict
from streams.wire import Vector

NEIGHBOURS = 5


@dataclass(frozen=True)
class Said:
    """What one version of the model says of the text."""

    version: int
    contenders: list[Contender]


@dataclass(frozen=True)
class Change:
    """A version that changed heads or examples of labels which the text may have."""

    version: int
    labels: list[str]


@dataclass(frozen=True)
class Explained:
    """All that is known of a text.

    `versions` are what versions said when it was decided (those that are kept) and last the one in
    service, which also has `heads` and the `nearest` of its examples; all empty where no embedding
    of the text was kept. `changes` lie between the first of these and the last. `evidence` are the
    examples that the judge went by, `guides` what it was told that a label means, by label and
    version.
    """

    text: Text
    story: Story
    serving: int
    versions: list[Said]
    heads: list[Proposal]
    nearest: list[Near]
    changes: list[Change]
    evidence: dict[str, tuple[str, str]]
    guides: dict[tuple[str, str], str]
    lessons: list[Taught]


def explain(settings: Settings, text_id: str, *, encode: bool = False) -> Explained:
    """Return the story of a text; with `encode`, it is embedded again if no embedding was kept.

    Raises:
        Fatal: the id was never seen in this folder, or nothing has happened to it yet.
    """
    folder = Folder(settings.var)
    with ExitStack() as opened:
        figures = opened.enter_context(closing(Figures(folder.ledger)))
        lookup = opened.enter_context(closing(Lookup(folder.ledger)))
        log = opened.enter_context(closing(SqliteLog(folder.log, read_only=True)))
        story = figures.story(text_id)
        text = text_of(story)
        if text is None:
            raise Fatal(unknown(settings, lookup, text_id))
        feed = Feed(log)
        serving = feed.newest()
        vector = embedding_of(story, serving, log, lookup, encode_by=settings if encode else None)
        exemplars = Exemplars(serving.classifier, log, lookup)
        said = _said(feed, story, vector)
        history = History(folder.guide_versions)
        return Explained(
            text=text,
            story=story,
            serving=serving.number,
            versions=said,
            heads=proposals(serving.classifier, vector.array()) if vector else [],
            nearest=exemplars.near(text_id, vector.array(), NEIGHBOURS) if vector else [],
            changes=_changes(feed, said),
            evidence=_evidence(story, exemplars),
            guides={
                (label, verdict.guide): kept.guide.text
                for verdict in story.verdicts
                for label in verdict.options
                if verdict.guide and (kept := history.find(label, verdict.guide)) is not None
            },
            lessons=taught(lookup.lessons(text_id), feed, serving),
        )


def _said(feed: Feed, story: Story, vector: Vector | None) -> list[Said]:
    """Let the versions that had to do with the text, and the one in service, say it again."""
    if vector is None:
        return []
    serving, repository = feed.newest(), feed.repository
    records: list[Labeled | Verdict] = [*story.events, *story.verdicts, *story.reviews]
    named = [one.model for one in records]
    kept = [n for n in sorted(set(named)) if n in repository.manifests and n != serving.number]
    whole = (
        [n for n in (kept[0], kept[-1]) if not repository.missing(feed.manifest(n))] if kept else []
    )
    found = []
    for version in [*(feed.load(n) for n in dict.fromkeys(whole)), serving]:
        if vector.encoder != version.manifest.encoder:
            continue
        (one,) = version.predict(vector.array()[None])
        contenders = [
            Contender(label=c.label, probability=round(c.probability, 6)) for c in one.contenders
        ]
        found.append(Said(version.number, contenders))
    return found


def _changes(feed: Feed, said: list[Said]) -> list[Change]:
    """Return the versions after the first that said something which touched its contenders."""
    if not said:
        return []
    labels = {one.label for version in said for one in version.contenders}
    return [
        Change(number, sorted(labels & {*manifest.touched}))
        for number, manifest in sorted(feed.repository.manifests.items())
        if said[0].version < number <= said[-1].version and labels & {*manifest.touched}
    ]


def _evidence(story: Story, exemplars: Exemplars) -> dict[str, tuple[str, str]]:
    """Return label and text of the examples that judge or event name, by id."""
    records: list[Labeled | Verdict] = [*story.verdicts, *story.events]
    ids = dict.fromkeys(id_ for one in records for id_ in one.neighbours)
    return exemplars.lessons(list(ids))


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
        "model": found.serving,
        "versions": [
            {"version": one.version, "contenders": _contenders(one.contenders)}
            for one in found.versions
        ],
        "heads": [asdict(one) for one in found.heads],
        "nearest": [asdict(one) for one in found.nearest],
        "changes": [asdict(one) for one in found.changes],
        "evidence": [
            {"id": id_, "label": label, "text": text}
            for id_, (label, text) in found.evidence.items()
        ],
        "guides": _guides(found.guides),
        "lessons": [asdict(one) for one in found.lessons],
    }


def _contenders(contenders: list[Contender]) -> list[dict[str, Any]]:
    return [one.model_dump() for one in contenders]


def _guides(guides: Mapping[tuple[str, str], str]) -> list[dict[str, str]]:
    return [
        {"label": label, "version": version, "text": text}
        for (label, version), text in guides.items()
    ]
