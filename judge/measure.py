"""How good a judge is, from answers whose truth is known: pure counting, with intervals.

Where the answers come from does not matter: gold texts put to a judge, recorded answers, or
verdicts on texts that a person decided later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from models.measures import Rate

PAIR: Final = 10
"""Answers from which on a pair of labels is reported: ten all alike bound a rate by .69."""

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Verified:
    """An answer to *verify*: `said` is whether the label was held valid, None for no verdict."""

    proposed: str
    gold: str
    said: bool | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """An answer to *choose*: `said` is a label, None for "none", `answered` False for no verdict.

    `offered` in the order in which the judge saw it.
    """

    offered: tuple[str, ...]
    gold: str
    said: str | None
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """What somebody answered to "which label?", put beside a label that is proposed.

    `offered` are the labels that could be answered; `said` is None for "none of them".
    """

    proposed: str
    offered: Collection[str]
    said: str | None
    gold: str


@dataclass(frozen=True, slots=True)
class VerifyMeasure:
    """`right`: right labels held valid (true positives). `wrong`: wrong ones refused (true
    negatives). `labels`: the former by label, `pairs`: the latter by (gold, proposed); those with
    `PAIR` answers or more, the worst first.
    """

    right: Rate
    wrong: Rate
    labels: dict[str, Rate]
    pairs: dict[tuple[str, str], Rate]
    no_verdict: int

    @property
    def says_yes(self) -> bool:
        """Whether it holds wrong labels valid more often than not, beyond chance."""
        return self.wrong.high < 0.5

    @property
    def says_no(self) -> bool:
        """Whether it refuses right labels more often than not, beyond chance."""
        return self.right.high < 0.5


@dataclass(frozen=True, slots=True)
class ChooseMeasure:
    """`right`: the right label chosen where it was offered. `none_there`: "none" although it was
    offered. `none_away`: "none" where it was not, which then is right.
    """

    right: Rate
    none_there: Rate
    none_away: Rate
    no_verdict: int


@dataclass(frozen=True, slots=True)
class OrderMeasure:
    """The same options in two orders. `differs`: another answer. `first`: the first option chosen
    in the first order; a judge blind to order does that in about `by_chance` of its choices.
    """

    differs: Rate
    first: Rate
    by_chance: float | None

    @property
    def prefers_first(self) -> bool:
        """Whether it takes the first option more often than chance, beyond doubt."""
        return self.by_chance is not None and self.first.low > self.by_chance


def measure_verify(answers: Iterable[Verified]) -> VerifyMeasure:
    """True-positive and true-negative rate of *verify*, and the latter by pair of labels."""
    right: list[bool] = []
    wrong: list[bool] = []
    by_label: defaultdict[str, list[bool]] = defaultdict(list)
    by_pair: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    silent = 0
    for answer in answers:
        if answer.said is None:
            silent += 1
        elif answer.proposed == answer.gold:
            right.append(answer.said)
            by_label[answer.gold].append(answer.said)
        else:
            wrong.append(not answer.said)
            by_pair[answer.gold, answer.proposed].append(not answer.said)
    return VerifyMeasure(_rate(right), _rate(wrong), _enough(by_label), _enough(by_pair), silent)


def measure_choose(answers: Iterable[Chosen]) -> ChooseMeasure:
    """Accuracy of *choose*, and how often it says "none", with the right label there or not."""
    known = list(answers)
    there = [one for one in known if one.answered and one.gold in one.offered]
    away = [one for one in known if one.answered and one.gold not in one.offered]
    return ChooseMeasure(
        _rate([one.said == one.gold for one in there]),
        _rate([one.said is None for one in there]),
        _rate([one.said is None for one in away]),
        sum(not one.answered for one in known),
    )


def measure_order(pairs: Iterable[tuple[Chosen, Chosen]]) -> OrderMeasure:
    """What the order of the options does, from the same question in two orders.

    Pairs without two verdicts, or in the same order twice, say nothing and are passed over.
    """
    told = [
        (one, two)
        for one, two in pairs
        if one.answered and two.answered and one.offered != two.offered
    ]
    # One order of each text only: its two answers are not independent.
    chose = [one for one, _ in told if one.said is not None]
    chance = sum(1 / len(one.offered) for one in chose) / len(chose) if chose else None
    return OrderMeasure(
        _rate([one.said != two.said for one, two in told]),
        _rate([one.said == one.offered[0] for one in chose]),
        chance,
    )


def verified_of(rows: Iterable[Recorded]) -> list[Verified]:
    """Answers to *verify* that recorded choices amount to: a label is valid where it was chosen.

    A row tells something only where both the proposed label and the right one could be answered;
    others are left out.
    """
    return [
        Verified(row.proposed, row.gold, row.said == row.proposed)
        for row in rows
        if row.proposed in row.offered and row.gold in row.offered
    ]


def measure_recorded(rows: Iterable[Recorded]) -> VerifyMeasure:
    """True-positive and true-negative rate of whoever gave recorded answers."""
    return measure_verify(verified_of(rows))


def _enough(outcomes: Mapping[K, Sequence[bool]]) -> dict[K, Rate]:
    rates = {key: _rate(said) for key, said in outcomes.items() if len(said) >= PAIR}
    return dict(
        sorted(rates.items(), key=lambda item: (item[1].part / item[1].whole, str(item[0])))
    )


def _rate(outcomes: Sequence[bool]) -> Rate:
    return Rate(sum(outcomes), len(outcomes))
