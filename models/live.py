"""What is alive in a classifier: exemplars, the heads solved from them, and how both change.

Nothing is changed in place. A change makes new shelves, derives anew what depends on them, and
solves the heads of the subsets that they touch; all the rest is shared with what was before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.confidence import Combination
from models.errors import EncoderMismatch, UnknownLabel
from models.evidence import Evidence
from models.exemplars import Example, Shelf, fingerprint
from models.heads import Head
from models.labels import LabelInfo
from models.metric import normed
from models.reference import Reference
from models.scorer import Scorer
from models.subsets import place
from models.threads import one_thread

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Live:
    """`subsets` are the labels of every subset and `heads` their live heads; `infos` and `shelves`
    go by label; `revoked` are fingerprints of texts that may no longer serve as noise; `weights`
    are those in service, None for the reference's own. No head depends on them.

    `evidence` and `noise` are derived from the rest and stored nowhere; `noise` holds only what a
    solve has needed so far.
    """

    reference: Reference
    subsets: tuple[tuple[str, ...], ...]
    infos: Mapping[str, LabelInfo]
    shelves: Mapping[str, Shelf]
    heads: tuple[Head, ...]
    revoked: frozenset[int]
    evidence: Mapping[str, Evidence] = field(repr=False)
    noise: Mapping[str, F32] = field(repr=False)
    weights: Combination | None = None

    @classmethod
    def assemble(
        cls,
        reference: Reference,
        subsets: tuple[tuple[str, ...], ...],
        infos: Mapping[str, LabelInfo],
        shelves: Mapping[str, Shelf],
        heads: tuple[Head, ...],
        revoked: frozenset[int],
        previous: Live | None = None,
        weights: Combination | None = None,
    ) -> Live:
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
            label: known.get(label) or _derive(shelf, infos[label], reference)
            for label, shelf in shelves.items()
        }
        return cls(reference, subsets, infos, shelves, heads, revoked, evidence, {}, weights)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.reference.metric.dimension

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted(self.infos))

    @cached_property
    def home(self) -> Mapping[str, tuple[int, int]]:
        """Of every label: the number of its subset, and its row there."""
        return {
            label: (number, row)
            for number, names in enumerate(self.subsets)
            for row, label in enumerate(names)
        }

    @cached_property
    def scorer(self) -> Scorer:
        """Live heads and evidence, stacked in the order of `labels`."""
        where = [self.home[label] for label in self.labels]
        weights = np.stack([self.heads[s].weights[i] for s, i in where])
        bias = np.asarray([self.heads[s].bias[i] for s, i in where], np.float32)
        evidence = [self.evidence[label] for label in self.labels]
        return Scorer.of(self.reference.metric, weights, bias, evidence)

    def learn(self, examples: Sequence[Example]) -> Live:
        """With these examples too. Raises `UnknownLabel`, `EncoderMismatch`."""
        return self._changed(*self._shelved(self.shelves, examples))

    def unlearn(self, ids: Collection[str]) -> Live:
        """Without these texts, as exemplars and as noise."""
        shelves = {label: shelf.remove(ids) for label, shelf in self.shelves.items()}
        prints = (fingerprint(name) for name in ids)
        gone = {one for one in prints if self.reference.bank.holds(one)}
        return self._changed(shelves, self.revoked | gone)

    def forget(self, ids: Collection[str], prints: Collection[int]) -> Live:
        """As `unlearn`, and with no vector of these texts left, as noise neither.

        `prints`: the fingerprints of texts that may be noise and on no shelf any more.
        """
        gone = {*prints, *map(fingerprint, ids)}
        left = self.unlearn(ids)
        noise = {one for one in gone if self.reference.bank.holds(one)}
        if noise - left.revoked:
            left = left._changed(left.shelves, left.revoked | noise)
        bank = self.reference.bank.blanked(gone)
        if bank is self.reference.bank:
            return left
        return replace(left, reference=replace(self.reference, bank=bank))

    def with_labels(self, infos: Sequence[LabelInfo], examples: Sequence[Example]) -> Live:
        """With more labels, each in the least similar subset *opened since the fit* that has room.

        The subsets of the fit are left alone: their heads need no solving then, and measured the
        same (ten added: .866 on the new ones in an own subset, .867 among the others, old .962
        both, in a quarter of the time). Labels are placed in sorted order, and every head is a
        function of what is in it, so adding them one by one in that order gives the same bits.
        """
        entered = {one.label: one.rounded() for one in sorted(infos, key=lambda i: i.label)}
        bare = {label: Shelf.empty(self.dimension) for label in entered}
        shelves, revoked = self._shelved({**self.shelves, **bare}, examples)
        frozen = len(self.reference.heads)
        opened = list(self.subsets[frozen:])
        evidence = dict(self.evidence)
        for label, info in entered.items():
            evidence[label] = _derive(shelves[label], info, self.reference)
            sums = [[evidence[k].raw.sum(axis=0) for k in names] for names in opened]
            means = [normed(sum(rows, np.zeros(self.dimension, np.float32))) for rows in sums]
            sizes = [len(names) for names in opened]
            middle = evidence[label].raw.sum(axis=0)
            number = place(middle, means, sizes, self.reference.settings.size)
            if number == len(opened):
                opened.append(())
            opened[number] = tuple(sorted((*opened[number], label)))
        more = frozen + len(opened) - len(self.subsets)
        nothing = np.zeros((0, self.dimension), np.float32)
        wider = replace(
            self,
            subsets=(*self.subsets[:frozen], *opened),
            infos={**self.infos, **entered},
            heads=(*self.heads, *[Head((), nothing, nothing[:, 0])] * more),
        )
        return wider._changed(shelves, revoked)

    def without_label(self, label: str) -> Live:
        """Without that label and its exemplars."""
        number, _ = self.home[label]
        subsets = list(self.subsets)
        subsets[number] = tuple(name for name in subsets[number] if name != label)
        narrower = replace(
            self,
            subsets=tuple(subsets),
            infos={name: info for name, info in self.infos.items() if name != label},
        )
        left = {name: shelf for name, shelf in self.shelves.items() if name != label}
        return narrower._changed(left, self.revoked)

    def _shelved(
        self, shelves: Mapping[str, Shelf], examples: Sequence[Example]
    ) -> tuple[dict[str, Shelf], frozenset[int]]:
        """The shelves with these examples too, and what stays revoked."""
        fresh = dict(shelves)
        revoked = set(self.revoked)
        for example in examples:
            if example.label not in fresh:
                raise UnknownLabel(example.label)
            if np.shape(example.embedding) != (self.dimension,):
                raise EncoderMismatch(
                    f"{example.id!r} has an embedding of shape {np.shape(example.embedding)}, "
                    f"this classifier reads ({self.dimension},): use the encoder it was fitted with"
                )
            home = next((k for k, shelf in fresh.items() if example.id in shelf.members), None)
            if home == example.label:
                continue
            if home is not None:
                fresh[home] = fresh[home].remove([example.id])
            fresh[example.label] = fresh[example.label].add(example)
            revoked.discard(fingerprint(example.id))
        return fresh, frozenset(revoked)

    def _changed(self, shelves: Mapping[str, Shelf], revoked: frozenset[int]) -> Live:
        """With these shelves (and this object's subsets), and the heads of what they touch."""
        with one_thread():
            fresh = Live.assemble(
                self.reference,
                self.subsets,
                self.infos,
                shelves,
                self.heads,
                revoked,
                self,
                self.weights,
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
                    heads[number] = fresh.solved(number, noise)
        return replace(fresh, heads=tuple(heads), noise=noise)

    def solved(self, number: int, noise: dict[str, F32]) -> Head:
        """The live head of a subset; adds to `noise` what it had to compute."""
        names = self.subsets[number]
        shelves = [self.shelves[name] for name in names]
        infos = [self.infos[name] for name in names]
        reference = self.reference
        if not any(reference.uses(number, one) for one in self.revoked):
            known = reference.unchanged(number, infos, shelves)
            if known is not None:
                return known
        exemplars = [self.evidence[name].raw for name in names]
        for name, raw in zip(names, exemplars, strict=True):
            if name not in noise:
                noise[name] = reference.noise(raw, number)
        own = {fingerprint(one) for shelf in shelves for one in shelf.used}
        named = [noise[name] for name in names]
        return reference.head(number, names, exemplars, named, own | self.revoked)


def _derive(shelf: Shelf, info: LabelInfo, reference: Reference) -> Evidence:
    rows = shelf.vectors[shelf.active].astype(np.float32)
    if info.embedding is not None:
        rows = np.concatenate([rows, info.embedding[None, :]])
    beyond = reference.beyond.get(info.label)
    return Evidence.of(rows, reference.metric, beyond)
