"""The classifier: a frozen reference, live exemplars, and live heads; never changed in place.

`learn`, `unlearn`, `add_label` and `retire_label` return a new classifier that shares all that did
not change. See `models.reference` for what makes them repeatable to the bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models import parts as stored
from models.confidence import log_prior, prior_of
from models.errors import BadExamples, EncoderMismatch, UnknownLabel
from models.evidence import Evidence
from models.exemplars import Example, Shelf, fingerprint
from models.fitting import Options
from models.heads import Head
from models.labels import LabelInfo
from models.metric import normed
from models.prediction import Contender, Prediction
from models.reference import Reference
from models.scorer import Scorer
from models.snapshot import Blob
from models.start import fit_reference
from models.subsets import place
from models.threads import one_thread

F32 = NDArray[np.float32]

__all__ = ["Classifier", "Contender", "Example", "LabelInfo", "Options", "Prediction"]


@dataclass(frozen=True, eq=False)
class Classifier:
    """Immutable. Use `Classifier.fit` or `Classifier.from_parts`.

    `subsets` are the labels of every subset, `heads` their live heads; `infos` and `shelves` go by
    label; `evidence` and `noise` are derived from them and stored nowhere; `revoked` are
    fingerprints of texts that may no longer serve as noise.
    """

    reference: Reference
    subsets: tuple[tuple[str, ...], ...]
    infos: Mapping[str, LabelInfo]
    shelves: Mapping[str, Shelf]
    heads: tuple[Head, ...]
    revoked: frozenset[int]
    evidence: Mapping[str, Evidence] = field(repr=False)
    noise: Mapping[str, F32] = field(repr=False)

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
    ) -> Classifier:
        """Fit everything from examples.

        `encoder` is the identity of what made the embeddings; `target` the precision asked of what
        is emitted; `counts` how many texts each label really has, where the examples are a capped
        sample. `progress` gets the name of a stage and the share of it that is done. The order of
        the examples changes nothing. Raises `BadExamples`.
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
            )
            return cls.assemble(
                reference,
                tuple(head.labels for head in reference.heads),
                infos,
                shelves,
                reference.heads,
                frozenset(),
            )

    @classmethod
    def assemble(
        cls,
        reference: Reference,
        subsets: tuple[tuple[str, ...], ...],
        infos: Mapping[str, LabelInfo],
        shelves: Mapping[str, Shelf],
        heads: tuple[Head, ...],
        revoked: frozenset[int],
        previous: Classifier | None = None,
    ) -> Classifier:
        """Derive what is derived; what `previous` has for the very same shelf is shared."""
        known: Mapping[str, Evidence] = {}
        if previous is not None and previous.reference.metric is reference.metric:
            known = {
                label: previous.evidence[label]
                for label, shelf in shelves.items()
                if previous.shelves.get(label) is shelf
                and previous.infos.get(label) is infos[label]
            }
        evidence = {
            label: known.get(label) or _derive(shelves[label], infos[label], reference)
            for label in shelves
        }
        return cls(reference, subsets, infos, shelves, heads, revoked, evidence, {})

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted(self.infos))

    @property
    def threshold(self) -> float:
        """The lowest confidence from which up held-out precision was at least the target.

        1.01, which no confidence reaches, where there is no such.
        """
        return self.reference.threshold

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
        return self.reference.metric.dimension

    @cached_property
    def scorer(self) -> Scorer:
        """Live heads and evidence, stacked in the order of `labels`."""
        row = {
            label: (s, i) for s, names in enumerate(self.subsets) for i, label in enumerate(names)
        }
        where = [row[label] for label in self.labels]
        weights = np.stack([self.heads[s].weights[i] for s, i in where])
        bias = np.asarray([self.heads[s].bias[i] for s, i in where], np.float32)
        evidence = [self.evidence[label] for label in self.labels]
        return Scorer.of(self.reference.metric, weights, bias, evidence)

    @cached_property
    def _shares(self) -> F32:
        """Log prior by the counts at the fit; a label added since has the mean count."""
        counts = self.reference.counts
        mean = sum(counts.values()) / max(1, len(counts))
        return log_prior([counts.get(label, mean) for label in self.labels])

    def predict(
        self, embeddings: NDArray[np.floating], counts: Mapping[str, int] | None = None
    ) -> list[Prediction]:
        """Contenders and probabilities of texts by their embeddings (n, d), L2-normalised.

        `counts`: how often each label was given among recent outputs; without it, the shares of the
        fit. A text's prediction does not depend on the others in the batch. Raises
        `EncoderMismatch` for vectors of another length.
        """
        x = np.asarray(embeddings, np.float16).astype(np.float32)
        if x.ndim != 2 or (len(x) and x.shape[1] != self.dimension):
            raise EncoderMismatch(
                f"embeddings of shape {x.shape} met a classifier of dimension {self.dimension}: "
                "use the encoder it was fitted with, or fit it again"
            )
        if not len(x):
            return []
        prior = self._shares if counts is None else prior_of(self.labels, counts)
        contest = self.scorer.contest(x, prior)
        reference = self.reference
        probability = self.scorer.probabilities(contest, reference.quick, reference.full)
        order = np.argsort(-probability[:, :-1], axis=1, kind="stable")
        unknown = reference.unknown.score(contest.signals)
        predictions = []
        for row, best in enumerate(order):
            contenders = tuple(
                Contender(self.labels[contest.contenders[row, j]], float(probability[row, j]))
                for j in best
            )
            predictions.append(
                Prediction(contenders, float(probability[row, -1]), float(unknown[row]))
            )
        return predictions

    def subset_of(self, label: str) -> int:
        """The number of the subset that a label is in. Raises `UnknownLabel`."""
        for number, names in enumerate(self.subsets):
            if label in names:
                return number
        raise UnknownLabel(label)

    def learn(self, examples: Sequence[Example]) -> Classifier:
        """With these examples too; an id that is already there moves to the label it has now.

        Raises `UnknownLabel` (Permanent) for a label that is not in the set, and learns nothing.
        """
        return self._changed(*self._shelved(self.shelves, examples))

    def _shelved(
        self, shelves: Mapping[str, Shelf], examples: Sequence[Example]
    ) -> tuple[dict[str, Shelf], frozenset[int]]:
        """The shelves with these examples too, and what stays revoked."""
        fresh = dict(shelves)
        revoked = set(self.revoked)
        for example in examples:
            if example.label not in fresh:
                raise UnknownLabel(example.label)
            self._check(example)
            home = next((k for k, shelf in fresh.items() if example.id in shelf.members), None)
            if home == example.label:
                continue
            if home is not None:
                fresh[home] = fresh[home].remove([example.id])
            fresh[example.label] = fresh[example.label].add(example)
            revoked.discard(fingerprint(example.id))
        return fresh, frozenset(revoked)

    def unlearn(self, ids: Collection[str]) -> Classifier:
        """Without these texts, as exemplars and as noise; ids that are not here are passed over."""
        shelves = {label: shelf.remove(ids) for label, shelf in self.shelves.items()}
        prints = (fingerprint(name) for name in ids)
        gone = {one for one in prints if self.reference.bank.holds(one)}
        return self._changed(shelves, self.revoked | gone)

    def add_label(self, info: LabelInfo, examples: Sequence[Example] = ()) -> Classifier:
        """With one more label, in the least similar subset with room, or in a new one.

        Raises `BadExamples` if the label is there already, or has neither examples nor a name's
        embedding.
        """
        if info.label in self.infos:
            raise BadExamples(f"label {info.label!r} is in the set already")
        if info.embedding is None and not examples:
            raise BadExamples(f"label {info.label!r} has neither examples nor an embedded name")
        for example in examples:
            if example.label != info.label:
                raise BadExamples(f"{example.id!r} is no example of {info.label!r}")
        entered = info.rounded()
        shelves, revoked = self._shelved(
            {**self.shelves, info.label: Shelf.empty(self.dimension)}, examples
        )
        middle = _derive(shelves[info.label], entered, self.reference).raw.sum(axis=0)
        means = [
            normed(
                sum(
                    (self.evidence[label].raw.sum(axis=0) for label in names), np.zeros_like(middle)
                )
            )
            for names in self.subsets
        ]
        sizes = [len(names) for names in self.subsets]
        number = place(middle, means, sizes, self.reference.settings.size)
        subsets = [*self.subsets, *([()] * (number == len(self.subsets)))]
        subsets[number] = tuple(sorted((*subsets[number], info.label)))
        empty = Head((), np.zeros((0, self.dimension), np.float32), np.zeros(0, np.float32))
        wider = replace(
            self,
            subsets=tuple(subsets),
            infos={**self.infos, info.label: entered},
            heads=self.heads + (empty,) * (number == len(self.heads)),
        )
        return wider._changed(shelves, revoked)

    def retire_label(self, label: str) -> Classifier:
        """Without that label and its exemplars. Raises `UnknownLabel`."""
        number = self.subset_of(label)
        if len(self.infos) == 1:
            raise BadExamples(f"{label!r} is the last label: a classifier has at least one")
        subsets = list(self.subsets)
        subsets[number] = tuple(name for name in subsets[number] if name != label)
        narrower = replace(
            self,
            subsets=tuple(subsets),
            infos={name: info for name, info in self.infos.items() if name != label},
        )
        left = {name: shelf for name, shelf in self.shelves.items() if name != label}
        return narrower._changed(left)

    def _check(self, example: Example) -> None:
        if np.shape(example.embedding) != (self.dimension,):
            raise EncoderMismatch(
                f"{example.id!r} has an embedding of shape {np.shape(example.embedding)}; "
                f"this classifier reads ({self.dimension},)"
            )

    def _changed(
        self, shelves: Mapping[str, Shelf], revoked: frozenset[int] | None = None
    ) -> Classifier:
        """With these shelves (and this object's subsets), and the heads of what they touch."""
        revoked = self.revoked if revoked is None else revoked
        with one_thread():
            fresh = Classifier.assemble(
                self.reference, self.subsets, self.infos, shelves, self.heads, revoked, self
            )
            noise = {
                label: known
                for label, known in self.noise.items()
                if label in shelves and fresh.evidence[label] is self.evidence.get(label)
            }
            heads = list(self.heads)
            turned = self.revoked ^ revoked
            for number, names in enumerate(self.subsets):
                touched = heads[number].labels != names or any(
                    fresh.evidence[name] is not self.evidence.get(name) for name in names
                )
                if touched or any(self.reference.uses(number, one) for one in turned):
                    heads[number] = fresh._solve(number, noise)
        return replace(fresh, heads=tuple(heads), noise=noise)

    def _solve(self, number: int, noise: dict[str, F32]) -> Head:
        """The live head of a subset; adds to `noise` what it had to compute."""
        names = self.subsets[number]
        exemplars = [self.evidence[name].raw for name in names]
        shelves = [self.shelves[name] for name in names]
        reference = self.reference
        if number < len(reference.heads) and not self._lost(number):
            infos = [self.infos[name] for name in names]
            if stored.print_of(infos, shelves) == reference.prints[number]:
                return reference.heads[number]
        for name, raw in zip(names, exemplars, strict=True):
            if name not in noise:
                noise[name] = reference.noise(raw, number)
        own = {fingerprint(one) for shelf in shelves for one in stored.active_ids(shelf)}
        named = [noise[name] for name in names]
        return reference.head(number, names, exemplars, named, own | self.revoked)

    def _lost(self, number: int) -> bool:
        """Whether a text that is noise for that subset has been revoked."""
        return any(self.reference.uses(number, one) for one in self.revoked)

    def touched_since(self, other: Classifier) -> tuple[str, ...]:
        """Labels, of either, whose head or exemplars differ from `other`'s."""
        touched = set(self.infos) ^ set(other.infos)
        mine = {label: n for n, names in enumerate(self.subsets) for label in names}
        theirs = {label: n for n, names in enumerate(other.subsets) for label in names}
        for label in set(self.infos) & set(other.infos):
            a, b = self.heads[mine[label]], other.heads[theirs[label]]
            if not a.same(b) or not stored.same_shelf(self.shelves[label], other.shelves[label]):
                touched.add(label)
        return tuple(sorted(touched))

    @cached_property
    def blobs(self) -> Mapping[str, Blob]:
        """All that is stored, by name, before it is cut into parts."""
        return stored.blobs_of(self)

    def to_parts(self) -> dict[str, bytes]:
        """All that is needed to read this classifier back, by part name; each at most 64 KB."""
        parts: dict[str, bytes] = {}
        for name, blob in self.blobs.items():
            parts.update(zip(blob.names(name), blob.chunks, strict=True))
        return parts

    @classmethod
    def from_parts(
        cls, parts: Mapping[str, bytes], previous: Classifier | None = None
    ) -> Classifier:
        """The classifier that wrote these parts, to the bit.

        What `previous` holds with the same SHA-256 is shared. Raises `DamagedPart`, which names
        the part that is damaged or missing.
        """
        with one_thread():
            return cls.assemble(**stored.read(parts, previous), previous=previous)

    def hash(self) -> str:
        """SHA-256 over the sorted part names and their SHA-256: what predictions depend on.

        The reserve (examples kept only for `unlearn`) is left out, so that learning a text and
        revoking it ends at the same hash even where it pushed out the end of the reserve.
        """
        digest = hashlib.sha256()
        named = [
            (part, sha)
            for name, blob in self.blobs.items()
            if not name.startswith(stored.RESERVE)
            for part, sha in zip(blob.names(name), blob.digests, strict=True)
        ]
        for part, sha in sorted(named):
            digest.update(f"{part} {sha}\n".encode())
        return digest.hexdigest()


def _derive(shelf: Shelf, info: LabelInfo, reference: Reference) -> Evidence:
    rows = shelf.vectors[shelf.active].astype(np.float32)
    if info.embedding is not None:
        rows = np.concatenate([rows, info.embedding[None, :].astype(np.float32)])
    return Evidence.of(rows, reference.metric)
