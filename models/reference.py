"""What a full fit leaves behind, frozen: the point that live heads are solved from.

A live head is a pure function of the reference and of its own subset's exemplars: it starts at the
reference head's weights, its noise is what the *reference* heads of the other subsets say, and its
other rows come from the reference's bank. So learning in any batching or order, a restart in the
middle, and learning followed by unlearning all end in the same bits, and an accepted text touches
one subset. What moves elsewhere is taken up by the next full fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.confidence import Combination, Weights
from models.exemplars import Shelf
from models.heads import OTHERS, START, Chosen, Head, Rows, logsumexp, solve
from models.labels import LabelInfo
from models.metric import Metric, normed
from models.snapshot import Blob
from models.unknown import Unknown

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What the fit was asked for. `c` is the heads' inverse regularisation."""

    encoder: str
    seed: int
    target: float
    size: int
    c: float


@dataclass(frozen=True, eq=False)
class Bank:
    """Texts that serve as noise for other subsets.

    `vectors` (m, d) float16; `ids` (m,) fingerprints; `subset` (m,) where each belonged at the fit;
    `share`: how many reference texts each stands for.
    """

    vectors: NDArray[np.float16]
    ids: NDArray[np.uint64]
    subset: NDArray[np.int64]
    share: float

    @cached_property
    def x(self) -> F32:
        """The vectors, float32."""
        return self.vectors.astype(np.float32)

    def holds(self, identity: int) -> bool:
        """Whether a text, by its fingerprint, is in the bank."""
        return bool(np.any(self.ids == np.uint64(identity)))

    def blanked(self, prints: Collection[int]) -> Bank:
        """With zeros in the place of these texts' vectors; itself where it has none of them.

        Rows keep their places, which the subsets' choices name.
        """
        gone = np.isin(self.ids, np.fromiter(prints, np.uint64, len(prints)))
        if not self.vectors[gone].any():
            return self
        return replace(self, vectors=np.where(gone[:, None], np.float16(0), self.vectors))


@dataclass(frozen=True, eq=False)
class Reference:
    """Frozen at a fit. `beyond`: by label, how many texts of the fit are on no shelf, and their
    sum (d,), where there are any. `prints` are the fingerprints of every subset's exemplars at that
    time. What is beyond can be revoked as noise, and otherwise goes with the next full fit.
    `right` is how often held-out examples got their own label, 0 where that was not measured.
    """

    settings: Settings
    metric: Metric
    heads: tuple[Head, ...]
    prints: tuple[str, ...]
    bank: Bank
    chosen: tuple[Chosen, ...]
    counts: Mapping[str, int]
    quick: Weights
    full: Weights
    unknown: Unknown
    threshold: float
    beyond: Mapping[str, tuple[int, F32]] = field(default_factory=dict)
    right: float = 0.0

    @property
    def combination(self) -> Combination:
        """The weights as the fit left them."""
        return Combination(self.quick, self.full)

    @cached_property
    def _stacked(self) -> tuple[F32, F32, NDArray[np.intp]]:
        """All heads' weights and biases, and which subset each row is of."""
        sizes = [len(head.labels) for head in self.heads]
        return (
            np.concatenate([head.weights for head in self.heads]),
            np.concatenate([head.bias for head in self.heads]),
            np.repeat(np.arange(len(sizes)), sizes),
        )

    def _by_subset(self, x: F32) -> F32:
        """Logsumexp of every reference head's scores, (n, subsets)."""
        return np.stack([logsumexp(x @ h.weights.T + h.bias) for h in self.heads], axis=1)

    @cached_property
    def _bank_scores(self) -> F32:
        return self._by_subset(self.bank.x)

    def noise(self, x: F32, subset: int) -> F32:
        """(n,) logsumexp of what the reference heads of all other subsets say of (n, d) texts."""
        weights, bias, home = self._stacked
        others = home != subset
        return logsumexp((x @ weights.T + bias)[:, others])

    def _others(self, subset: int) -> Chosen:
        """The bank rows of a subset; for one opened since the fit, a random sample."""
        if subset < len(self.chosen):
            return self.chosen[subset]
        m = len(self.bank.ids)
        take = min(m, OTHERS)
        rng = np.random.default_rng([self.settings.seed, subset])
        rows = np.sort(rng.choice(m, size=take, replace=False)) if m else np.zeros(0, np.intp)
        weight = self.bank.share * m / max(1, take)
        return Chosen(rows.astype(np.intp), np.full(take, weight, np.float32))

    def uses(self, subset: int, identity: int) -> bool:
        """Whether a text, by its fingerprint, is noise for that subset."""
        return bool(np.any(self.bank.ids[self._others(subset).rows] == np.uint64(identity)))

    def unchanged(
        self, subset: int, infos: Sequence[LabelInfo], shelves: Sequence[Shelf]
    ) -> Head | None:
        """The reference's own head, if the subset's exemplars are those that it was fitted on."""
        if subset < len(self.heads) and print_of(infos, shelves) == self.prints[subset]:
            return self.heads[subset]
        return None

    def head(
        self,
        subset: int,
        labels: Sequence[str],
        exemplars: Sequence[F32],
        noise: Sequence[F32],
        without: Collection[int],
    ) -> Head:
        """The live head of a subset: `exemplars` (n, d) and their `noise` (n,) by label.

        `without` are fingerprints that must not be noise here: the subset's own, and revoked ones.
        """
        d = self.metric.dimension
        if not labels:
            return Head((), np.zeros((0, d), np.float32), np.zeros(0, np.float32))
        weights, bias = self._start(subset, labels, exemplars)
        picked = self._others(subset)
        gone = np.fromiter(without, np.uint64, len(without))
        stay = ~np.isin(self.bank.ids[picked.rows], gone)
        rows = picked.rows[stay]
        scores = (
            np.delete(self._bank_scores[rows], subset, axis=1)
            if subset < len(self.heads)
            else self._bank_scores[rows]
        )
        sizes = [len(e) for e in exemplars]
        if not sum(sizes) + len(rows):
            return Head(tuple(labels), weights, bias)
        # Exemplars stand for all that the label was fitted on, as the bank's texts stand for all.
        more = [self.beyond[k][0] if k in self.beyond else 0 for k in labels]
        stand_for = 1 + np.asarray(more, np.float32) / np.maximum(sizes, 1).astype(np.float32)
        fitted = solve(
            Rows(
                x=np.concatenate([*exemplars, self.bank.x[rows]]),
                own=np.repeat(np.arange(len(labels)), sizes),
                noise=np.concatenate([*noise, logsumexp(scores)]),
                weight=np.concatenate([np.repeat(stand_for, sizes), picked.weight[stay]]),
            ),
            weights,
            bias,
            c=self.settings.c,
        )
        return Head(tuple(labels), *fitted)

    def _start(
        self, subset: int, labels: Sequence[str], exemplars: Sequence[F32]
    ) -> tuple[F32, F32]:
        """The reference head's rows; for a label added since, its centroid and the mean bias."""
        old = self.heads[subset] if subset < len(self.heads) else None
        known = {label: i for i, label in enumerate(old.labels)} if old else {}
        biases = old.bias if old is not None and len(old.bias) else self._stacked[1]
        weights, bias = [], []
        for label, own in zip(labels, exemplars, strict=True):
            if old is not None and label in known:
                weights.append(old.weights[known[label]])
                bias.append(old.bias[known[label]])
            else:
                total = own.sum(axis=0) if len(own) else np.zeros(self.metric.dimension, np.float32)
                weights.append(START * normed(total))
                bias.append(biases.mean() if len(biases) else np.float32(0))
        return np.stack(weights).astype(np.float32), np.asarray(bias, np.float32)

    @cached_property
    def blobs(self) -> dict[str, Blob]:
        """How it is stored, by name."""
        settings, unknown, bank = self.settings, self.unknown, self.bank
        meta: dict[str, object] = {
            "settings": vars(settings),
            "prints": list(self.prints),
            "counts": dict(sorted(self.counts.items())),
            "threshold": self.threshold,
            "right": self.right,
            "unknown": unknown.threshold if np.isfinite(unknown.threshold) else None,
            "share": bank.share,
        }
        numbers = {
            "contender": np.stack([self.quick.contender, self.full.contender]),
            "rest": np.stack([self.quick.rest, self.full.rest]),
            "mean": unknown.mean,
            "deviation": unknown.deviation,
        }
        metric = self.metric
        blobs = {
            "fit": Blob(meta, numbers),
            "metric": Blob(
                {}, {"within": metric.within, "total": metric.total, "mean": metric.mean}
            ),
            "bank": Blob({}, {"vectors": bank.vectors, "ids": bank.ids, "subset": bank.subset}),
        }
        if self.beyond:
            meta["beyond"] = {label: count for label, (count, _) in sorted(self.beyond.items())}
            sums = np.stack([total for _, (_, total) in sorted(self.beyond.items())])
            blobs["beyond"] = Blob({}, {"sums": sums})
        for i, (head, chosen) in enumerate(zip(self.heads, self.chosen, strict=True)):
            blobs[f"base/{i:03d}"] = head.blob
            rows = chosen.rows.astype(np.int64)
            blobs[f"noise/{i:03d}"] = Blob({}, {"rows": rows, "weight": chosen.weight})
        return blobs


def print_of(infos: Sequence[LabelInfo], shelves: Sequence[Shelf]) -> str:
    """A fingerprint of a subset's labels and of the exemplars in use."""
    digest = hashlib.sha256()
    for info, shelf in zip(infos, shelves, strict=True):
        digest.update("".join([*info.blob.digests, *shelf.blob.digests]).encode())
    return digest.hexdigest()
