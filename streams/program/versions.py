"""What the versions of the model are, and how two of them differ; also while a run is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.classifier import Classifier
from streams.feed import Feed
from streams.program.folder import log_of
from streams.program.rollback import lessons, standing
from streams.program.settings import Settings
from streams.records import Manifest
from streams.stage import Log

FIT = "the fit"
KINDS = {
    "head": "heads",
    "exemplars": "examples in use",
    "reserve": "examples in reserve",
    "label": "names and guides",
    "weights": "weights",
    "state": "subsets, texts taken back",
}
"""What the parts of a classifier are, by the beginning of their names (`models.parts`)."""


@dataclass(frozen=True)
class Listed:
    """One version as it stands: `missing` names the parts that are not there or damaged."""

    manifest: Manifest
    serving: bool
    pinned: bool
    missing: list[str]


@dataclass(frozen=True)
class Parts:
    """Parts of one kind; so many of them, and so many bytes, the version before has as well."""

    kind: str
    count: int
    size: int
    shared: int
    shared_size: int


@dataclass(frozen=True)
class Shown:
    """One version in full; `before` is the next older one that is kept."""

    listed: Listed
    before: int | None
    parts: list[Parts]
    left_out: int


@dataclass(frozen=True)
class Exemplars:
    """A label's examples in use: how many before and after, and how many came and went."""

    label: str
    before: int
    after: int
    came: int
    went: int


@dataclass(frozen=True)
class Difference:
    """What is in version `b` otherwise than in `a`; `heads` are the labels of each new head."""

    a: Manifest
    b: Manifest
    exemplars: list[Exemplars]
    heads: list[list[str]]
    guides: list[str]
    weights: bool
    fitted: bool

    @property
    def added(self) -> list[str]:
        """Labels that only `b` has."""
        return sorted(set(self.b.labels) - set(self.a.labels))

    @property
    def removed(self) -> list[str]:
        """Labels that only `a` has."""
        return sorted(set(self.a.labels) - set(self.b.labels))


@contextmanager
def _reading(settings: Settings) -> Iterator[tuple[Log, Feed, int]]:
    """Open log and feed to read only; the number is that of the version in service."""
    with log_of(settings) as log:
        feed = Feed(log)
        yield log, feed, feed.newest().number


def _listed(feed: Feed, manifest: Manifest, serving: int) -> Listed:
    return Listed(
        manifest,
        serving=manifest.number == serving,
        pinned=manifest.number in feed.repository.pinned,
        missing=feed.repository.missing(manifest),
    )


def list_versions(settings: Settings) -> list[Listed]:
    """Return every version that is kept, the oldest first."""
    with _reading(settings) as (_, feed, serving):
        manifests = sorted(feed.repository.manifests.values(), key=lambda m: m.number)
        return [_listed(feed, manifest, serving) for manifest in manifests]


def show_version(settings: Settings, number: int) -> Shown:
    """Return all that is known of a version.

    Raises:
        NoVersion: there is none of that number.
    """
    with _reading(settings) as (log, feed, serving):
        manifest = feed.manifest(number)
        older = max((n for n in feed.repository.manifests if n < number), default=None)
        before = feed.repository.manifests[older] if older is not None else None
        return Shown(
            _listed(feed, manifest, serving),
            older,
            _parts(feed, manifest, before),
            _left_out(log, feed, number),
        )


def _left_out(log: Log, feed: Feed, number: int) -> int:
    """Count the lessons that a rollback left out, but for those that it holds nevertheless."""
    places = feed.manifest(number).left_out
    if not places or feed.repository.missing(feed.manifest(number)):
        return sum(end - start for start, end in places)
    held = {x for shelf in feed.load(number).classifier.shelves.values() for x in shelf.members}
    return sum(x.id not in held for place in places for _, x in standing(lessons(log, *place)))


def _parts(feed: Feed, manifest: Manifest, before: Manifest | None) -> list[Parts]:
    known = {*feed.repository.named(before).values()} if before else set()
    count, size = Counter[str](), Counter[str]()
    shared, shared_size = Counter[str](), Counter[str]()
    for name, sha in feed.repository.named(manifest).items():
        kind = KINDS.get(name.split("/")[0], FIT)
        length = len(feed.repository.parts.get(sha) or b"")
        count[kind] += 1
        size[kind] += length
        shared[kind] += sha in known
        shared_size[kind] += length if sha in known else 0
    kinds = [kind for kind in (*KINDS.values(), FIT) if count[kind]]
    return [Parts(k, count[k], size[k], shared[k], shared_size[k]) for k in kinds]


def compare(settings: Settings, a: int, b: int | None) -> Difference:
    """Return how two versions differ; without `b`, how the one in service differs from `a`.

    Raises:
        NoVersion: one of them is not there, or not whole.
    """
    with _reading(settings) as (_, feed, serving):
        old, new = feed.load(a), feed.load(serving if b is None else b)
        return difference(old.manifest, new.manifest, old.classifier, new.classifier)


def difference(a: Manifest, b: Manifest, old: Classifier, new: Classifier) -> Difference:
    """Compare two versions by their manifests and what they hold."""
    blobs = {name: blob for name, blob in new.blobs.items() if name.startswith("head/")}
    known = {blob.digests for name, blob in old.blobs.items() if name.startswith("head/")}
    both = [label for label in new.labels if label in old.infos]
    exemplars = []
    for label in both:
        if not old.shelves[label].same(new.shelves[label]):
            had, has = set(old.shelves[label].used), set(new.shelves[label].used)
            exemplars.append(Exemplars(label, len(had), len(has), len(has - had), len(had - has)))
    return Difference(
        a,
        b,
        exemplars,
        heads=[list(blob.meta["labels"]) for blob in blobs.values() if blob.digests not in known],
        guides=[x for x in both if old.infos[x].blob.digests != new.infos[x].blob.digests],
        weights=_of_kind(old, "weights") != _of_kind(new, "weights"),
        fitted=_of_kind(old, FIT) != _of_kind(new, FIT),
    )


def _of_kind(classifier: Classifier, kind: str) -> dict[str, str]:
    return {
        name: sha
        for name, sha in classifier.digests().items()
        if KINDS.get(name.split("/")[0], FIT) == kind
    }
