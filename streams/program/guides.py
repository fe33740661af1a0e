"""The label guides of a folder: which are in force, and writing them anew."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from judge.guides.book import GuideBook
from judge.guides.compose import Material, compose, material_of
from judge.guides.file import read, read_guides, replaced, tidied
from judge.guides.guide import Guide
from judge.guides.history import COMPOSED, FIT, HAND, History, origins
from models.classifier import Classifier
from models.errors import Fatal
from streams.derived import chunks
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.program.folder import Folder
from streams.program.lessons import training_set
from streams.program.settings import Settings
from streams.records import Retrain
from streams.stage import Reader
from streams.topology import RETRAIN

Write = Callable[[Sequence[Material]], Sequence[tuple[str, Guide | None, str]]]
"""From material to label, guide (or None) and why there is none."""


@dataclass(frozen=True)
class Desk:
    """The guides of a folder as they stand.

    `own` are those in the file, `base` what holds for a label that the file lacks; `odd` says in
    lines what is harmless but hardly meant.
    """

    path: Path
    content: str
    names: dict[str, str]
    own: dict[str, Guide]
    base: dict[str, Guide]
    history: History
    odd: list[str]

    def in_force(self, label: str) -> Guide:
        """Return the label's guide.

        Raises:
            Fatal: there is no such label; suggests the nearest.
        """
        if label not in self.names:
            near = difflib.get_close_matches(label, self.names, 1, 0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Fatal(f"there is no label {label!r}{hint}")
        return self.own.get(label) or self.base[label]


@dataclass(frozen=True)
class Proposal:
    """What writing would change: guides and whose work, and what was left alone, with why."""

    guides: list[Guide] = field(default_factory=list)
    origin: str = COMPOSED
    failed: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def open_guides(settings: Settings, log: Reader, classifier: Classifier) -> GuideBook:
    """Return the guides for a judge: followed while the file changes, every version kept.

    Raises:
        Fatal: the file is broken; names the line.
    """
    history = _history(settings)
    base = _base(log, classifier, history)
    return GuideBook(path_of(settings), _names(classifier), base, history)


def open_desk(settings: Settings) -> Desk:
    """Read the guides of a folder, also while a run is under way.

    What a person changed since anybody looked is kept as a version.

    Raises:
        Fatal: nothing is fitted yet, or the file is broken.
    """
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        classifier = Feed(log).newest().classifier
        history = _history(settings)
        base = _base(log, classifier, history)
    path, names = path_of(settings), _names(classifier)
    own, odd = read_guides(path, names)
    history.record_unknown(own.values())
    return Desk(path, read(path), names, own, base, history, odd)


def path_of(settings: Settings) -> Path:
    """Return where the guides lie."""
    return settings.guides or Folder(settings.var).guides


def propose(
    settings: Settings, desk: Desk, labels: Sequence[str], write: Write, origin: str
) -> Proposal:
    """Return what would become of these labels' guides (none named: of all of them).

    A guide that a person wrote is touched only where its label is named.

    Raises:
        Fatal: there is no such label.
    """
    for label in labels:
        desk.in_force(label)
    whose = origins(desk.history.all())
    edited = {
        label
        for label, guide in desk.own.items()
        if whose.get((label, guide.version), HAND) == HAND
    }
    wanted = list(dict.fromkeys(labels)) or [name for name in desk.names if name not in edited]
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        materials = _material(desk.names, training_set(log, embeddings=True).values())
    guides, failed = [], []
    for label, guide, why in write([materials[label] for label in wanted]):
        if guide is None:
            failed.append(f"{label}: {why}")
        elif desk.own.get(label) != (clean := tidied(guide)):
            guides.append(clean)
    return Proposal(
        guides,
        origin,
        failed,
        by_hand=sorted(edited & {guide.label for guide in guides}),
        left=sorted(edited - set(wanted)),
    )


def compose_all(materials: Sequence[Material]) -> list[tuple[str, Guide | None, str]]:
    """Write guides without a model."""
    return [(material.label, compose(material), "") for material in materials]


def ask_model(
    settings: Settings, model: str | None, told: Callable[[int, int], None]
) -> tuple[str, Write]:
    """Return the model's name, and the writing with it; `told` gets calls and tokens at the end.

    Raises:
        Fatal: no endpoint or model is set, or it is wrong.
    """
    from judge.llm.build import caller_of  # here: the client takes a second to load
    from judge.llm.caller import Patience
    from judge.llm.guide_writer import GuideWriter
    from streams.program.endpoint import options_of

    # Nobody's batch waits for a guide, and a larger model takes its time.
    timeout = max(60.0, settings.llm_timeout)
    options = options_of(
        settings, model, timeout=timeout, answer_tokens=1_000, patience=Patience(20 * timeout)
    )

    def write(materials: Sequence[Material]) -> list[tuple[str, Guide | None, str]]:
        async def work() -> list[tuple[str, Guide | None, str]]:
            writer = GuideWriter(caller_of(options))
            try:
                written = await writer.write(materials)
            finally:
                await writer.close()
            told(sum(w.use.calls for w in written), sum(w.use.tokens for w in written))
            return [(one.label, one.guide, one.reason) for one in written]

        return asyncio.run(work())

    return options.model, write


def difference(desk: Desk, proposal: Proposal) -> list[str]:
    """Return the change of the file as a unified diff, without line ends."""
    new = replaced(desk.content, proposal.guides, str(desk.path))
    name = str(desk.path)
    return list(
        difflib.unified_diff(
            desk.content.splitlines(), new.splitlines(), name, f"{name} (new)", lineterm=""
        )
    )


def accept(desk: Desk, proposal: Proposal) -> None:
    """Write the file anew, whole or not at all; the versions are kept first.

    Raises:
        Fatal: somebody else changed it since it was shown, or it cannot be written.
    """
    if read(desk.path) != desk.content:
        raise Fatal(f"{desk.path} was changed meanwhile: look at the change again")
    new = replaced(desk.content, proposal.guides, str(desk.path))
    desk.history.record(proposal.guides, proposal.origin)
    target = desk.path.resolve()  # it may be a link
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(new, encoding="utf-8", newline="")
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Fatal(f"cannot write {desk.path}: {error.strerror}") from None


def _names(classifier: Classifier) -> dict[str, str]:
    return {label: classifier.infos[label].name or label for label in classifier.labels}


def _history(settings: Settings) -> History:
    return History(Folder(settings.var).guide_versions)


def _base(log: Reader, classifier: Classifier, history: History) -> dict[str, Guide]:
    """Return a guide for every label: as given with it, else composed from the seed examples.

    From those alone: composed from all that was taught, guides would change at every start, and
    with them the verdicts' cache.
    """
    materials = _material(_names(classifier), _seeds(log))
    given = {
        label: tidied(Guide.of(label, info.name, info.guide))
        for label, info in classifier.infos.items()
        if info.guide
    }
    composed = {
        label: compose(material) for label, material in materials.items() if label not in given
    }
    history.record_unknown(given.values(), FIT)
    history.record_unknown(composed.values(), COMPOSED)
    return {**given, **composed}


def _seeds(log: Reader) -> Iterable[Retrain]:
    """Return the seed examples: they open `retrain`."""
    for records in chunks(log, RETRAIN):
        for record in records:
            lesson = Retrain.decode(record.value)
            if lesson.kind != "seed":
                return
            yield lesson


def _material(names: Mapping[str, str], lessons: Iterable[Retrain]) -> dict[str, Material]:
    usable = [(one, one.embedding.array()) for one in lessons if one.embedding is not None]
    return material_of(
        names,
        [lesson.label for lesson, _ in usable],
        [lesson.text for lesson, _ in usable],
        np.stack([row for _, row in usable]) if usable else np.zeros((0, 1), np.float32),
    )
