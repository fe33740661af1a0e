"""A judge without a model: it weighs the labels of the nearest validated examples.

It sees the same embeddings as the classifier, so what it accepts does not teach. It answers
where no endpoint is set, signs as "local", and is no LLM.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified


class LocalJudge:
    """Similarity-weighted votes: an example of cosine c weighs exp(temperature * c).

    A label is valid, or chosen, with at least `bound` of all the evidence; it is refused where
    another label has at least `margin` more; between the two the judge is unsure. A label
    without any rival among the neighbours proves nothing: unsure as well.

    The defaults, on BANKING77 (10 examples per label, the 250 of 600 test texts of which a
    centroid classifier was least sure, 59% of them right): 43% get a label, 82% of those right;
    with .6 and .2 it is 60% and 75%, with .8 and .4 31% and 86%.
    """

    signature = "local"
    teaches = False

    def __init__(self, bound: float = 0.7, margin: float = 0.3, temperature: float = 20.0) -> None:
        if not 0.5 <= bound <= 1 or not 0 < margin <= 1 or temperature <= 0:
            raise ValueError("bound: .5 to 1; margin: above 0, to 1; temperature: above 0")
        self._bound = bound
        self._margin = margin
        self._temperature = temperature

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        share = self._shares(neighbours)
        if len(share) < 2:
            return no_verdict("verify", (label,), "unsure", "no rival among the neighbours")
        rival = max((other for other in share if other != label), key=share.__getitem__)
        own = share.get(label, 0.0)
        reason = f"{own:.2f} of the evidence, {share[rival]:.2f} for {rival!r}"
        if own >= self._bound:
            return verified(label, True, reason, _of((label,), neighbours))
        if share[rival] - own >= self._margin:
            return verified(label, False, reason, _of((rival,), neighbours))
        return no_verdict("verify", (label,), "unsure", reason)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        offered = tuple(options)
        share = self._shares(neighbours)
        if len(share) < 2:
            return no_verdict("choose", offered, "unsure", "no rivals among the neighbours")
        leader = max(share, key=share.__getitem__)
        best = max(offered, key=lambda label: share.get(label, 0.0))
        held = share.get(best, 0.0)
        reason = f"{share[leader]:.2f} of the evidence for {leader!r}"
        if held >= self._bound:
            return picked(best, offered, reason, _of((best,), neighbours))
        if leader not in offered and share[leader] - held >= self._margin:
            return picked(None, offered, reason, _of((leader,), neighbours))
        return no_verdict("choose", offered, "unsure", reason)

    def _shares(self, neighbours: Sequence[Neighbour]) -> dict[str, float]:
        """Each label's share of the evidence; they sum to 1. Labels in a fixed order."""
        weight: defaultdict[str, float] = defaultdict(float)
        top = max((near.similarity for near in neighbours), default=0.0)
        for near in sorted(neighbours, key=lambda near: (near.label, near.id)):
            weight[near.label] += math.exp(self._temperature * (near.similarity - top))
        total = sum(weight.values())
        return {label: value / total for label, value in weight.items()}


def _of(labels: Iterable[str], neighbours: Sequence[Neighbour]) -> tuple[str, ...]:
    wanted = set(labels)
    return tuple(near.id for near in neighbours if near.label in wanted)
