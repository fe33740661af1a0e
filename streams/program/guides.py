"""The label guides of a folder: which are in force, and whose work they are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from judge.guides.book import GuideBook
from judge.guides.compose import Material, compose, material_of
from judge.guides.file import read, read_guides, tidied
from judge.guides.guide import Guide
from judge.guides.history import COMPOSED, FIT, History
from models.classifier import Classifier
from models.errors import Fatal
from streams.derived import readable
from streams.feed import Feed
from streams.labelset import LabelSet
from streams.program.folder import Folder, log_of
from streams.program.settings import Settings
from streams.records import Retrain
from streams.stage import Reader
from streams.topology import RETRAIN


@dataclass(frozen=True)
class Desk:
    """The guides of a folder as they stand.

    `own` are those in the file, `base` what holds for a label that the file lacks; `odd` says in
    lines what is harmless but hardly meant; `labels` what labels are called now.
    """

    path: Path
    content: str
    names: dict[str, str]
    own: dict[str, Guide]
    base: dict[str, Guide]
    history: History
    odd: list[str]
    labels: LabelSet

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


def open_guides(
    settings: Settings, log: Reader, classifier: Classifier, labels: LabelSet | None = None
) -> GuideBook:
    """Return the guides for a judge: followed while the file changes, every version kept.

    `labels` says what the labels of the seed examples are called now.

    Raises:
        Fatal: the file is broken; names the line.
    """
    history = _history(settings)
    base = _base(log, classifier, history, labels)
    return GuideBook(path_of(settings), _names(classifier), base, history)


def follow_labels(
    guides: GuideBook,
    settings: Settings,
    log: Reader,
    classifier: Classifier,
    labels: LabelSet | None = None,
) -> None:
    """Let the guides be of the labels that the classifier has now."""
    guides.relabel(_names(classifier), _base(log, classifier, _history(settings), labels))


def open_desk(settings: Settings) -> Desk:
    """Read the guides of a folder, also while a run is under way.

    What a person changed since anybody looked is kept as a version.

    Raises:
        Fatal: nothing is fitted yet, or the file is broken.
    """
    with log_of(settings) as log:
        version = Feed(log).newest()
        classifier, labels = version.classifier, LabelSet.of(version.manifest)
        history = _history(settings)
        base = _base(log, classifier, history, labels)
    path, names = path_of(settings), _names(classifier)
    own, odd = read_guides(path, names)
    history.record_unknown(own.values())
    return Desk(path, read(path), names, own, base, history, odd, labels)


def path_of(settings: Settings) -> Path:
    """Return where the guides lie."""
    return settings.guides or Folder(settings.var).guides


def _names(classifier: Classifier) -> dict[str, str]:
    return {label: classifier.infos[label].name or label for label in classifier.labels}


def _history(settings: Settings) -> History:
    return History(Folder(settings.var).guide_versions)


def _base(
    log: Reader, classifier: Classifier, history: History, labels: LabelSet | None
) -> dict[str, Guide]:
    """Return a guide for every label: as given with it, else composed from the seed examples.

    From those alone: composed from all that was taught, guides would change at every start, and
    with them the verdicts' cache.
    """
    materials = material_from(_names(classifier), _seeds(log, labels or LabelSet()))
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


def _seeds(log: Reader, labels: LabelSet) -> Iterable[Retrain]:
    """Return the seed examples, under what their labels are called now: they open `retrain`."""
    for _, lesson in readable(log, RETRAIN, Retrain):
        if lesson.kind != "seed":
            return
        yield lesson.model_copy(update={"label": labels.now(lesson.label)})


def material_from(names: Mapping[str, str], lessons: Iterable[Retrain]) -> dict[str, Material]:
    """Return what guides are made of, from lessons with embeddings; `names` are the labels'."""
    usable = [(one, one.embedding.array()) for one in lessons if one.embedding is not None]
    return material_of(
        names,
        [lesson.label for lesson, _ in usable],
        [lesson.text for lesson, _ in usable],
        np.stack([row for _, row in usable]) if usable else np.zeros((0, 1), np.float32),
    )
