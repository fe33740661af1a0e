"""The classifier: a frozen reference, live exemplars, and live heads; never changed in place.

`learn`, `unlearn`, `add_label` and `retire_label` return a new classifier that shares all that did
not change. See `models.reference` for what makes them repeatable to the bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import parts as stored
from models.confidence import Combination, log_prior, prior_of
from models.errors import BadExamples, EncoderMismatch, UnknownLabel
from models.exemplars import Example, Shelf
from models.fitting import Options
from models.held_out import HeldOut
from models.labels import LabelInfo
from models.live import Live
from models.metric import normed
from models.prediction import Contender, Prediction, Scored, predictions_of, scored_of
from models.reference import Reference
from models.snapshot import Blob
from models.start import check_added, fit_reference
from models.threads import one_thread
from models.trust import RELIABILITY

F32 = NDArray[np.float32]

__all__ = ["Classifier", "Contender", "Example", "LabelInfo", "Options", "Prediction"]


@dataclass(frozen=True, eq=False)
class Classifier:
    """Immutable. Made by `Classifier.fit` or `Classifier.from_parts`."""

    live: Live

    @classmethod
    def fit(
        cls,
        examples: Sequence[Example],
        labels: Sequence[LabelInfo],
        *,
        encoder: str,
        seed: int = 0,
        target: float = 0.95,
        progress: Callable[[str, float], None] | None = None,
        options: Options | None = None,
        counts: Mapping[str, int] | None = None,
        look: Callable[[HeldOut], None] | None = None,
    ) -> Classifier:
        """Fit everything from examples.

        `encoder` is the identity of what made the embeddings; `target` the precision asked of what
        is emitted; `counts` how many texts each label really has, where the examples are a capped
        sample. `progress` gets the name of a stage and the share of it that is done; `look` what
        the fit says of examples that it left out. The order of the examples changes nothing.
        Raises `BadExamples`.
        """
        with one_thread():
            reference, infos, shelves = fit_reference(
                examples,
                labels,
                encoder=encoder,
                seed=seed,
                target=target,
                progress=progress or (lambda stage, share: None),
                options=options or Options(),
                counts=counts,
                look=look or (lambda held_out: None),
            )
            subsets = tuple(head.labels for head in reference.heads)
            heads = reference.heads
            return cls(Live.assemble(reference, subsets, infos, shelves, heads, frozenset()))

    @property
    def reference(self) -> Reference:
        """What the last full fit left behind."""
        return self.live.reference

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return self.live.labels

    @property
    def infos(self) -> Mapping[str, LabelInfo]:
        """Name, guide and their embedding, by label."""
        return self.live.infos

    @property
    def shelves(self) -> Mapping[str, Shelf]:
        """Exemplars, by label."""
        return self.live.shelves

    @property
    def weights(self) -> Combination:
        """How evidence is put together: as of the last `with_weights`, or else of the fit."""
        return self.live.weights or self.reference.combination

    @property
    def threshold(self) -> float:
        """Lowest confidence from which up held-out precision reached the target; 1.01 if none."""
        return self.reference.threshold

    @property
    def trustworthy(self) -> bool:
        """Whether its probabilities are to be held against a judge's answers (`models.trust`).

        That is where held-out examples were right at least as often as a judge usually is. Below
        that the judge is the better of the two, and what looks like its errors is more likely the
        classifier's own.
        """
        return self.reference.right >= RELIABILITY

    @property
    def unknown_threshold(self) -> float:
        """The `unknown` score that 5% of held-out texts that do have a label exceed."""
        return self.reference.unknown.threshold

    @property
    def encoder(self) -> str:
        """Identity of the encoder whose vectors this classifier reads."""
        return self.reference.settings.encoder

    @property
    def dimension(self) -> int:
        """Length of those vectors."""
        return self.live.dimension

    @cached_property
    def centroids(self) -> F32:
        """The labels' normalised mean vectors (labels, d), their names among the examples."""
        return normed(np.stack([self.live.evidence[k].raw.sum(axis=0) for k in self.labels]))

    @cached_property
    def _shares(self) -> F32:
        """Log prior by the counts at the fit; a label added since has the mean count."""
        counts = self.reference.counts
        mean = sum(counts.values()) / max(1, len(counts))
        return log_prior([counts.get(label, mean) for label in self.labels])

    def predict(
        self,
        embeddings: NDArray[np.floating[Any]],
        counts: Mapping[str, float] | None = None,
    ) -> list[Prediction]:
        """Contenders and probabilities of texts by their embeddings (n, d), L2-normalised.

        `counts`: how often each label was given among recent outputs; without it, the shares of the
        fit. A text's prediction does not depend on the others in the batch. Raises
        `EncoderMismatch` for vectors of another length.
        """
        return self.scored(embeddings, counts)[0]

    def scored(
        self,
        embeddings: NDArray[np.floating[Any]],
        counts: Mapping[str, float] | None = None,
    ) -> tuple[list[Prediction], list[Scored]]:
        """As `predict`, and what each prediction was made from (see `models.online`)."""
        x = np.asarray(embeddings, np.float16).astype(np.float32)
        if x.ndim != 2 or (len(x) and x.shape[1] != self.dimension):
            raise EncoderMismatch(
                f"embeddings of shape {x.shape} met a classifier of dimension {self.dimension}: "
                "use the encoder it was fitted with, or fit it again"
            )
        if not len(x):
            return [], []
        prior = self._shares if counts is None else prior_of(self.labels, counts)
        contest = self.live.scorer.contest(x, prior)
        found = self.live.scorer.weigh(contest, self.weights)
        unknown = self.reference.unknown.score(contest.signals)
        said = predictions_of(
            self.labels, contest.contenders, found.probability, unknown, contest.further
        )
        return said, scored_of(
            self.labels, contest.contenders, found.features, contest.outside, found.asked
        )

    def with_weights(self, weights: Combination | None) -> Classifier:
        """With these weights in service, or the fit's own (None); all else is shared."""
        return Classifier(replace(self.live, weights=weights))

    def subset_of(self, label: str) -> int:
        """The number of the subset that a label is in. Raises `UnknownLabel`."""
        if label not in self.infos:
            raise UnknownLabel(label)
        return self.live.home[label][0]

    def learn(self, examples: Sequence[Example]) -> Classifier:
        """With these examples too; an id that is already there moves to the label it has now.

        Raises `UnknownLabel` (Permanent) for a label that is not in the set, and learns nothing.
        """
        return Classifier(self.live.learn(examples))

    def unlearn(self, ids: Collection[str]) -> Classifier:
        """Without these texts, as exemplars and as noise; ids that are not here are passed over."""
        return Classifier(self.live.unlearn(ids))

    def forget(self, ids: Collection[str], prints: Collection[int] = ()) -> Classifier:
        """As if these texts had never been learnt; itself where nothing of them is here.

        As after `unlearn`, no vector of them is left, in the reserve and the bank of noise neither.
        `prints` are fingerprints of texts whose ids are not known. What the full fit made of them
        beyond single vectors (metric, its own heads, shares, threshold) stays until the next one.
        """
        live = self.live.forget(ids, prints)
        same = all(live.shelves[label] is shelf for label, shelf in self.shelves.items())
        if same and live.reference is self.reference and live.revoked == self.live.revoked:
            return self
        return Classifier(live)

    def add_label(self, info: LabelInfo, examples: Sequence[Example] = ()) -> Classifier:
        """With one more label: see `add_labels`."""
        return self.add_labels([info], examples)

    def add_labels(
        self, infos: Sequence[LabelInfo], examples: Sequence[Example] = ()
    ) -> Classifier:
        """With more labels, each touched subset solved once; the bits of one by one, sorted.

        Raises `BadExamples` if a label is there, or has neither examples nor a name's embedding.
        """
        check_added(self.infos, infos, examples, self.dimension)
        return Classifier(self.live.with_labels(infos, examples))

    def retire_label(self, label: str) -> Classifier:
        """Without that label and its exemplars. Raises `UnknownLabel`, or `BadExamples` if last."""
        if label not in self.infos:
            raise UnknownLabel(label)
        if len(self.infos) == 1:
            raise BadExamples(f"{label!r} is the last label: a classifier has at least one")
        return Classifier(self.live.without_label(label))

    def touched_since(self, other: Classifier) -> tuple[str, ...]:
        """Labels, of either, whose head or exemplars differ from `other`'s."""
        touched = set(self.infos) ^ set(other.infos)
        for label in set(self.infos) & set(other.infos):
            mine = self.live.heads[self.subset_of(label)]
            theirs = other.live.heads[other.subset_of(label)]
            same = self.live.shelves[label].same(other.live.shelves[label])
            if not same or not mine.same(theirs):
                touched.add(label)
        return tuple(sorted(touched))

    @cached_property
    def blobs(self) -> Mapping[str, Blob]:
        """All that is stored, by name, before it is cut into parts."""
        return stored.blobs_of(self.live)

    def to_parts(self) -> dict[str, bytes]:
        """All that is needed to read this classifier back, by part name; each at most 64 KB."""
        parts: dict[str, bytes] = {}
        for name, blob in self.blobs.items():
            parts.update(zip(blob.names(name), blob.chunks, strict=True))
        return parts

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every part, by part name."""
        digests: dict[str, str] = {}
        for name, blob in self.blobs.items():
            digests.update(zip(blob.names(name), blob.digests, strict=True))
        return digests

    @classmethod
    def from_parts(
        cls, parts: Mapping[str, bytes], previous: Classifier | None = None
    ) -> Classifier:
        """The classifier that wrote these parts, to the bit.

        What `previous` holds with the same SHA-256 is shared. Raises `DamagedPart`, which names
        the part that is damaged or missing.
        """
        known = previous.blobs if previous else {}
        with one_thread():
            return cls(stored.read(parts, previous.live if previous else None, known))

    def hash(self) -> str:
        """SHA-256 over the sorted part names and their SHA-256: what predictions depend on.

        The reserve (examples kept only for `unlearn`) is left out, so that learning a text and
        revoking it ends at the same hash even where it pushed out the end of the reserve.
        """
        named = self.digests().items()
        kept = sorted(one for one in named if not one[0].startswith(stored.RESERVE))
        lines = "".join(f"{part} {sha}\n" for part, sha in kept)
        return hashlib.sha256(lines.encode()).hexdigest()
