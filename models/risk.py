"""From which confidence on a text may go out unasked: a threshold with a bound that may be watched.

Whether the judge agrees with a text's leading label is a number with a mean, and "the mean is no
more than m" is a bet: capital starts at 1 and is multiplied by 1 + lambda (agreed - m) for every
judged text. Where m is the mean or less, capital passes 1 / alpha at any time at all with a
probability of at most alpha (Ville), so the bound may be looked at after every text. lambda is
aGRAPA's, set before the text is seen (Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", 2024). Looked at as often, a bound for a fixed sample claims too much.

Candidates are tested from high to low, each only when all above it are certified: then the first
that does not hold is certified with a probability of at most alpha, and no share of it is paid for
the number of candidates.

What is certified is agreement *with the judge*, of texts alike to those seen: no more than a judge
that errs can witness. A stream that changes needs a new certificate.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

ALPHA = 0.05
"""How often a claim may be wrong, over all candidates and all looks."""

STAKE = 0.75
"""The most of the capital that one text can lose."""

PRIOR = 10.0
"""Texts that the first bets are made as if seen, of a mean halfway between m and 1. Any number is
valid: it decides how soon a bound comes, not whether it holds."""

PATIENCE = 3_000
"""Judged texts above the first candidate without a decision, after which there will be none; and
judged texts of any confidence, after which those above it are too rare to wait for."""

STEPS, LOWEST = 24, 0.3
"""How many candidates there are, and the lowest."""

MEANS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.75, *np.arange(0.8, 0.9, 0.02), *np.arange(0.9, 0.9991, 0.005))
"""The means that are bet against, for a bound; the target is one more."""

State = Literal["certified", "too few", "too rare", "open", "below", "too close"]


@dataclass(frozen=True)
class Finding:
    """What is known by now. `threshold` None: no candidate is certified, `reason` says why.

    `bound` is the lower bound of the agreement from the threshold on (from the first candidate on
    where none is certified), `agreement` the estimate, NaN without any text, `judged` the texts
    that speak for them. `hopeless`: asking further would not change that there is none.
    """

    state: State
    threshold: float | None
    target: float
    bound: float
    agreement: float
    judged: int
    reason: str

    @property
    def hopeless(self) -> bool:
        """Nothing is gained by spending more towards the target."""
        return self.state in ("below", "too close", "too rare")

    def rate(self, least: float) -> float:
        """How many of the confident texts to judge: all while a certificate may come, then `least`.

        At 5% from the start the first certificate takes twenty times as many texts.
        """
        return 1.0 if self.state in ("too few", "open") else least


@dataclass(frozen=True, eq=False)
class Certificate:
    """Bets on every candidate threshold; a value: `observe` returns the next one.

    `thresholds` (t,) from high to low, `means` (m,) rising. `judged` (t,) counts; `sums` (t, 4) of
    w, w agreed, w w, w w agreed; `capital` (t, m), log, against a mean of m or less; `doubt` (t,),
    log, against a mean of the target or more; `refused` (t,): means refused so far; `certified`:
    how many candidates; `heard`: how many texts, whatever their confidence.
    """

    target: float
    alpha: float
    thresholds: F64
    means: F64
    judged: Ints
    sums: F64
    capital: F64
    doubt: F64
    refused: Ints
    certified: int = 0
    heard: int = 0

    @classmethod
    def new(
        cls, target: float, thresholds: F64 | None = None, *, alpha: float = ALPHA
    ) -> Certificate:
        """Nothing seen yet. `thresholds` (t,): `candidates(target)` unless others are given.

        They must not depend on the texts that will be observed.

        Raises:
            ValueError: a target or alpha not between 0 and 1, or thresholds that do not fall.
        """
        if not (0 < target < 1 and 0 < alpha < 1):
            raise ValueError(f"target and alpha lie between 0 and 1, got {target} and {alpha}")
        tried = np.asarray(candidates(target) if thresholds is None else thresholds, np.float64)
        if tried.ndim != 1 or not len(tried) or not (np.diff(tried) < 0).all():
            raise ValueError("thresholds must fall from the first to the last")
        means = np.unique(np.round([*MEANS, target], 9))
        t = len(tried)
        return cls(
            target=target,
            alpha=alpha,
            thresholds=tried,
            means=means,
            judged=np.zeros(t, np.intp),
            sums=np.zeros((t, 4)),
            capital=np.zeros((t, len(means))),
            doubt=np.zeros(t),
            refused=np.zeros(t, np.intp),
        )

    def observe(
        self, confidence: float, agreed: bool, inclusion: float = 1.0, rate: float = 1.0
    ) -> Certificate:
        """After one more judged text, once for each text.

        *Every* judged text counts, the doubtful ones too: candidates below the threshold in force
        would otherwise be judged by the texts above it. `inclusion` is the probability with which
        this text was put to the judge; `rate` the least that any text had when it was drawn (the
        audits' rate), known before its confidence was. `agreed`: the judge gave the leading label;
        that it gave none is no agreement.

        Raises:
            ValueError: probabilities that are none, or an inclusion below the rate.
        """
        if not 0 < rate <= inclusion <= 1:
            raise ValueError(f"0 < rate <= inclusion <= 1, got {rate} and {inclusion}")
        if not math.isfinite(confidence):
            raise ValueError(f"a confidence of {confidence}")
        above = self.thresholds <= confidence
        weight = rate / inclusion
        gain = weight * (float(agreed) - self.means)
        lift = np.log1p(_bets(self.sums, self.means) * gain)
        drop = np.log1p(_bets(self.sums, self._target, doubt=True)[:, 0] * -gain[self._place])
        capital = np.where(above[:, None], self.capital + lift, self.capital)
        # A mean is refused when all below it are: the bound is the end of what is left.
        standing = capital < math.log(1 / self.alpha)
        refused = np.where(standing.any(axis=1), standing.argmax(axis=1), len(self.means))
        refused = np.maximum(self.refused, refused)
        open_ = np.flatnonzero(refused <= self._place)
        seen = weight * np.asarray([1.0, agreed, weight, weight * agreed])
        return replace(
            self,
            judged=self.judged + above,
            sums=self.sums + above[:, None] * seen,
            capital=capital,
            doubt=np.where(above, self.doubt + drop, self.doubt),
            refused=refused,
            certified=int(open_[0]) if len(open_) else len(self.thresholds),
            heard=self.heard + 1,
        )

    @property
    def _place(self) -> int:
        return int(np.searchsorted(self.means, round(self.target, 9)))

    @property
    def _target(self) -> F64:
        return self.means[self._place : self._place + 1]

    @property
    def needed(self) -> int:
        """Fewer texts than this certify nothing, even if the judge agrees with all of them."""
        return math.ceil(math.log(1 / self.alpha) / math.log1p(STAKE / self.target - STAKE))

    def finding(self) -> Finding:
        """The lowest certified threshold, or why there is none."""
        at = max(self.certified - 1, 0)
        judged, bound = int(self.judged[at]), self._bound(at)
        agreement = float(self.sums[at, 1] / self.sums[at, 0]) if judged else math.nan
        state, reason = self._state(judged, agreement)
        known = float(self.thresholds[at]) if state == "certified" else None
        return Finding(state, known, self.target, bound, agreement, judged, reason)

    def _bound(self, at: int) -> float:
        count = int(self.refused[at])
        return float(self.means[count - 1]) if count else 0.0

    def _state(self, judged: int, agreement: float) -> tuple[State, str]:
        target, top = f"{self.target:g}", f"{self.thresholds[0]:.3g}"
        if self.certified:
            return "certified", f"the judge agrees with at least {target} of these texts"
        seen = f"the judge agrees with {agreement:.3f} of the {judged} surest texts it was shown"
        if self.doubt[0] >= math.log(1 / self.alpha):
            return "below", (
                f"{seen} (confidence {top} or more), which is below the target of {target}:"
                " classifier or judge errs too often; no more can be certified than the judge"
                " itself is right"
            )
        if judged < self.needed:
            needs = f"confidence of {top} or more; {target} needs at least {self.needed}"
            if self.heard >= PATIENCE:
                return "too rare", f"of {self.heard} judged texts {judged} have a {needs}"
            return "too few", f"{judged} judged texts have a {needs}"
        if judged >= PATIENCE:
            return "too close", f"{seen}: too close to the target of {target} to be told from it"
        return "open", f"{seen}; that does not certify {target} yet"

    def to_json(self) -> str:
        """All of it as text; what comes back goes on to the bit."""
        values = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()}
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote.

        Raises:
            ValueError: it is not that.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            for name in ("thresholds", "means", "sums", "capital", "doubt"):
                values[name] = np.asarray(values[name], np.float64)
            for name in ("judged", "refused"):
                values[name] = np.asarray(values[name], np.intp)
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no certificate: {error!r}") from None


def candidates(target: float, steps: int = STEPS) -> F64:
    """Thresholds to test, (steps,), from high to low, evenly spaced in log odds.

    The first lies halfway between the target and 1: if confidences are calibrated, texts from
    there on are right more often than that, so the first test is easily passed, while it leaves
    enough texts to pass it with.
    """
    first = (1 + target) / 2
    high, low = (math.log(p / (1 - p)) for p in (first, min(LOWEST, target / 2)))
    return np.asarray(1 / (1 + np.exp(-np.linspace(high, low, steps))))


def _bets(sums: F64, means: F64, *, doubt: bool = False) -> F64:
    """lambda (t, m) of aGRAPA: mean gain over mean squared gain, of what was seen before.

    `doubt`: the bets that the mean is lower instead.
    """
    w, wa, ww, wwa = (sums[:, i : i + 1] for i in range(4))
    # Seen before anything: PRIOR texts that agree halfway between the mean and the far end.
    half = means / 2 if doubt else (1 + means) / 2
    gain = wa - means * w + PRIOR * (half - means)
    square = wwa * (1 - means) ** 2 + (ww - wwa) * means**2
    square += PRIOR * (half * (1 - means) ** 2 + (1 - half) * means**2)
    # What one text can lose: m where the bet is on more, 1 - m where it is on less.
    loss = 1 - means if doubt else np.maximum(means, 1e-9)
    return np.asarray(np.clip((-gain if doubt else gain) / square, 0, STAKE / loss))
