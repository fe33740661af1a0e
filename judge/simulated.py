"""A judge that errs as LLMs do, for demonstrations and measuring. It signs as "simulated".

GPT-4's 522 errors on BANKING77 fall on 164 pairs of labels, 41% of them on 20 pairs: a judge
errs by what it confuses, not by chance. So every label has its own error rate, and every pair
its own share of it, both heavy-tailed and fixed by the seed.
"""

import hashlib
import json
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified

# Pareto exponents; smaller is a heavier tail. Tried on 77 labels with 5 similar each, 3,080 texts,
# 17% wrong: the errors fall on 166 pairs, 41% of them on 20 pairs (GPT-4's: 164 and 41%).
_LABEL_TAIL = 1.0
_PAIR_TAIL = 0.6


class SimulatedJudge:
    """Believes one label of each text, right or wrong, and answers every question from that.

    `gold` maps text ids to labels; `similar` maps a label to those it is taken for (a label
    without any is taken for any other). `error` is the mean over labels of the share of texts
    believed wrong. The answer depends on the text's id, the question and the seed, so asking
    again, or otherwise, never shops for another belief; what the text says does not matter.
    `called` says what a label is called now, where labels were renamed or merged since: it changes
    how a belief is put, never the belief. A gold label that no question offers is none of them.
    """

    signature = "simulated"
    teaches = True

    def __init__(
        self,
        gold: Mapping[str, str],
        labels: Sequence[str],
        similar: Mapping[str, Sequence[str]],
        error: float = 0.1,
        seed: int = 0,
        called: Callable[[str], str] = lambda label: label,
    ) -> None:
        if not 0 <= error < 1:
            raise ValueError(f"error must be a share, 0 to below 1, got {error}")
        self._gold = gold
        self._seed = seed
        self._similar = similar
        self._called = called
        # Sorted: the order in which labels were given must not change an answer.
        self._known = sorted({*labels, *gold.values()})
        self._error = self._errors(self._known, error)
        self._pairs: dict[str, tuple[list[str], list[float]]] = {}

    def error_of(self, label: str) -> float:
        """The share of this label's texts that are believed to be another's."""
        return self._error[label] if self._taken_for(label)[0] else 0.0

    def believed(self, text_id: str) -> str | None:
        """The label this judge holds to be right; None for a text without gold."""
        gold = self._gold.get(text_id)
        if gold is None or self._uniform("errs", text_id) >= self.error_of(gold):
            return gold
        others, cumulated = self._taken_for(gold)
        point = self._uniform("which", text_id) * cumulated[-1]
        return others[min(bisect(cumulated, point), len(others) - 1)]

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        believed = self.believed(case.id)
        if believed is None:
            return no_verdict("verify", (label,), "unsure", "no gold label", calls=1)
        return verified(label, self._called(believed) == label, "simulated", calls=1)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        offered = tuple(options)
        believed = self.believed(case.id)
        if believed is None:
            return no_verdict("choose", offered, "unsure", "no gold label", calls=1)
        held = self._called(believed)
        return picked(held if held in offered else None, offered, "simulated", calls=1)

    def _errors(self, labels: Sequence[str], error: float) -> dict[str, float]:
        """Heavy-tailed rates with the mean `error`; none above the cap, found by bisection."""
        weights = [self._pareto(_LABEL_TAIL, "label", label) for label in labels]
        cap = 0.5 + 0.5 * error  # even the hardest label is right at times
        low, high = 0.0, cap  # a weight is at least 1: with the scale `cap` all are at the cap
        for _ in range(60):
            scale = (low + high) / 2
            if sum(min(cap, scale * weight) for weight in weights) < error * len(weights):
                low = scale
            else:
                high = scale
        return {
            label: min(cap, low * weight) for label, weight in zip(labels, weights, strict=True)
        }

    def _taken_for(self, label: str) -> tuple[list[str], list[float]]:
        """The labels this one is taken for, and their weights, cumulated."""
        if label not in self._pairs:
            others = sorted(set(self._similar.get(label, ())) - {label})
            others = others or [other for other in self._known if other != label]
            weights = (self._pareto(_PAIR_TAIL, "pair", label, other) for other in others)
            self._pairs[label] = others, list(accumulate(weights))
        return self._pairs[label]

    def _pareto(self, tail: float, *key: str) -> float:
        return float((1 - self._uniform(*key)) ** (-1 / tail))

    def _uniform(self, *key: str) -> float:
        """A number in [0, 1), the same on every machine and in every run for one key."""
        data = json.dumps([self._seed, *key]).encode()
        # 53 bits: as many as a float holds, so that 1.0 cannot come out by rounding
        return (int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) >> 11) / 2**53
