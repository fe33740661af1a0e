"""The model feed: whole versions of the classifier, as content-addressed records in `models`.

A version is published as its new parts and trees, then its manifest (`streams.repository`); readers
follow and serve whole versions only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from numpy.typing import NDArray

from models.classifier import Classifier
from models.errors import DamagedPart
from models.prediction import Prediction, Scored
from streams.derived import chunks
from streams.errors import NoModel, NoVersion
from streams.following import served
from streams.labelset import LabelSet
from streams.records import Layered, Manifest, Refusal
from streams.repository import KEPT, MANIFEST, PART, PIN, Repository
from streams.stage import Outgoing, Reader
from streams.terms import Change, Shares, Terms
from streams.topology import MODELS

__all__ = ["KEPT", "MANIFEST", "PART", "PIN", "Feed", "Version"]

CHUNK = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class Version:
    """One whole version: what was learnt, and in the manifest what follows the stream."""

    manifest: Manifest
    classifier: Classifier

    @property
    def number(self) -> int:
        """Return the version's number."""
        return self.manifest.number

    @property
    def terms(self) -> Terms:
        """Return the terms on which texts go out unasked."""
        m = self.manifest
        return Terms(m.threshold, m.audit, m.claim, m.judged_from, m.trust)

    @cached_property
    def _serving(self) -> Classifier:
        return self.classifier.with_weights(served(self.manifest.layer))

    def scored(self, embeddings: NDArray[Any]) -> tuple[list[Prediction], list[Scored]]:
        """Return what it says of texts (n, d), and what that is made from."""
        return self._serving.scored(embeddings, self.manifest.shares or None)

    def predict(self, embeddings: NDArray[Any]) -> list[Prediction]:
        """Return what it says of texts (n, d)."""
        return self.scored(embeddings)[0]


class Feed:
    """Follows `models` without a group and holds the newest whole version."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._offset = 0
        self._version: Version | None = None
        self.repository = Repository()

    def newest(self) -> Version:
        """Read the feed to its end and return the newest whole version.

        Raises:
            NoModel: nothing was fitted yet.
            NoVersion: there are versions, and none of them is whole.
        """
        candidates: list[Manifest] = []
        for records in chunks(self._reader, MODELS, self._offset, CHUNK):
            for record in records:
                manifest = self.repository.take(record.key or b"", record.value)
                candidates += [manifest] if manifest else []
            self._offset = records[-1].offset + 1
        for manifest in reversed(candidates):
            if manifest.epoch == self.repository.epoch and self._serve(manifest):
                break
        if self._version is None:
            if self.repository.manifests:
                raise NoVersion(
                    "no version of the model in the log is whole: bring the folder back from a"
                    " copy, or fit again into another --var"
                )
            raise NoModel("there is no model yet: run `redstream fit EXAMPLES` first")
        return self._version

    def _serve(self, manifest: Manifest) -> bool:
        self._recall(manifest)
        missing = self.repository.missing(manifest)
        if missing:
            log.error("an incomplete version was refused", number=manifest.number, parts=missing)
            return False
        before = self._version
        try:
            self._version = self._read(manifest)
        except DamagedPart as error:
            log.error("an unreadable version was refused", number=manifest.number, error=str(error))
            return False
        self.repository.forget(before.number if before else None)
        if before is not None:  # who follows asks for the newest; who looks once, for any
            self.repository.let_go(manifest)
        return True

    def having(self, has: Callable[[Mapping[str, bytes]], bool]) -> set[int]:
        """Return the numbers of the versions that have something in their parts, or are not whole:
        nobody knows what those have.
        """
        manifests = list(self.repository.manifests.values())
        self._recall(*manifests)
        found = {
            one.number
            for one in manifests
            if self.repository.missing(one) or has(self.repository.contents(one))
        }
        if self._version is not None:
            self.repository.let_go(self._version.manifest)
        return found

    def _recall(self, *manifests: Manifest) -> None:
        """Read again what was let go of, where a version comes back."""
        gone = {sha for one in manifests for sha in self.repository.without(one)}
        if not gone:
            return
        keys = {f"{PART}{sha}".encode() for sha in gone}
        for records in chunks(self._reader, MODELS, 0, CHUNK):
            for record in records:
                if record.key in keys:
                    self.repository.take(record.key or b"", record.value)

    def _read(self, manifest: Manifest) -> Version:
        previous = self._version.classifier if self._version else None
        parts = self.repository.contents(manifest)
        return Version(manifest, Classifier.from_parts(parts, previous))

    def load(self, number: int) -> Version:
        """Return a version that is kept, in service or not, of those `newest` last read.

        Raises:
            NoVersion: there is none of that number, or it is not whole.
        """
        manifest = self.manifest(number)
        self._recall(manifest)
        if missing := self.repository.missing(manifest):
            count = len(self.repository.named(manifest))
            raise NoVersion(
                f"version {number} is not whole: {len(missing)} of its {count} parts are missing"
                f" or damaged ({', '.join(missing[:3])}); take another from `redstream models list`"
            )
        return self._read(manifest)

    def manifest(self, number: int) -> Manifest:
        """Return the manifest of a version that is kept, whole or not.

        Raises:
            NoVersion: there is none of that number; the message names those there are.
        """
        manifests = self.repository.manifests
        if number not in manifests:
            raise NoVersion(f"there is no version {number}; there are {spans(sorted(manifests))}")
        return manifests[number]

    def publish(
        self,
        classifier: Classifier,
        *,
        applied: int,
        learnt: int,
        touched: Sequence[str],
        terms: Terms | None = None,
        refused: Refusal | None = None,
        labels: LabelSet | None = None,
        change: Change | None = None,
        shares: Shares | None = None,
        layer: Layered | None = None,
        without: Collection[int] = (),
    ) -> list[Outgoing]:
        """Return the records of the next version: its new parts, its manifest, tombstones.

        What is left out of `labels`, `change`, `shares` and `layer` is as in the version before.
        Versions `without` go.
        """
        terms = terms or Terms(classifier.threshold)
        last = self._version.manifest if self._version else None
        if labels is None:
            labels = LabelSet.of(last) if last else LabelSet()
        if change is None:
            change = Change.of(last) if last else Change()
        if shares is None:
            shares = Shares.of(last) if last else Shares()
        manifest = Manifest(
            number=self._next(),
            epoch=self.repository.epoch or 1,
            hash=classifier.hash(),
            encoder=classifier.encoder,
            encoded=last.encoded if last else None,
            threshold=terms.threshold,
            audit=terms.audit,
            claim=terms.claim,
            trust=terms.trust,
            judged_from=terms.judged_from,
            shares=dict(sorted(shares.counts.items())),
            counted=shares.counted,
            layer=layer or (last.layer if last else None),
            taught_from=change.taught_from,
            ageing=dict(sorted(change.ageing.items())),
            refused=refused,
            labels=list(classifier.labels),
            applied=applied,
            applied_labels=labels.applied,
            renamed=dict(sorted(labels.renamed.items())),
            retired=sorted(labels.retired),
            learnt=learnt,
            touched=sorted(touched),
            left_out=last.left_out if last else [],
            at=time.time(),
        )
        return self.repository.published(manifest, classifier, self._serving(), without)

    def restore(self, older: Manifest, classifier: Classifier, learnt: int) -> list[Outgoing]:
        """Return the records that bring an older version back, as the next one.

        `classifier` is the older one's, with what was decided since and is no lesson. Only what it
        holds comes back: what is known of the stream and of labels stays, and learning goes on
        from where it is. The lessons between the two are `left_out` (docs/adr/0009).
        """
        serving = self.newest()
        certified = serving.terms.claim is not None and serving.terms.claim.state == "certified"
        skipped = (older.applied, serving.manifest.applied)
        manifest = serving.manifest.model_copy(
            update={
                "number": self._next(),
                "epoch": self.repository.epoch,
                "hash": classifier.hash(),
                "threshold": serving.terms.threshold if certified else classifier.threshold,
                "refused": None,
                "labels": list(classifier.labels),
                "learnt": learnt,
                "touched": list(classifier.touched_since(serving.classifier)),
                "restores": older.number,
                "left_out": [*older.left_out, *([skipped] if skipped[0] < skipped[1] else [])],
                "at": time.time(),
            }
        )
        return self.repository.published(manifest, classifier, self._serving())

    def move(self, classifier: Classifier, **news: Any) -> list[Outgoing]:
        """Return the records of a version of another encoder, as the first of the next epoch.

        `news` is what its manifest has otherwise than the version in service. Its number leaves
        room for one that the trainer may be publishing now: of an epoch that is over, that one is
        refused by everybody, wherever it comes to lie (docs/adr/0024).
        """
        serving = self.newest()
        manifest = serving.manifest.model_copy(
            update={
                "number": self.moves_to(),
                "epoch": self.repository.epoch + 1,
                "hash": classifier.hash(),
                "encoder": classifier.encoder,
                "labels": list(classifier.labels),
                "touched": list(classifier.labels),
                "refused": None,
                "restores": None,
                "at": time.time(),
                **news,
            }
        )
        return self.repository.published(manifest, classifier, self._serving())

    def moves_to(self) -> int:
        """Return the number that the first version of another encoder gets."""
        return self._next() + 1

    def _next(self) -> int:
        return max(self.repository.manifests, default=0) + 1

    def _serving(self) -> int | None:
        return self._version.number if self._version else None


def spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers in words: "1, 4 to 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(words) or "none"
