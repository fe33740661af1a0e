"""How one text is decided: which questions are asked about it, in which order, and how far.

Verify the leading contender; if it is invalid, choose among the rest. A `Policy` may go to
*choose* at once where that is cheaper, and may widen the choice when it is none of them.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from judge.examples import ExampleStore, by_similarity
from judge.port import Judge
from judge.question import COMES_BACK, Answer, Case, Neighbour, Question, no_verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a case.

    "accepted" has a label; "undecided" waits for another model or a person; "away" is to be
    asked again when the judge answers. `answers` in the order of asking; `neighbours` are the
    ids of all examples that were laid before the judge, each once.
    """

    label: str | None
    answers: tuple[Answer, ...]
    neighbours: tuple[str, ...]
    kind: Literal["accepted", "undecided", "away"]

    def __post_init__(self) -> None:
        if (self.label is not None) != (self.kind == "accepted"):
            raise ValueError(f"a decision {self.kind!r} cannot have the label {self.label!r}")


@dataclass(frozen=True, slots=True)
class Policy:
    """How far the questions go; as it stands, not beyond the contenders.

    `tokens` says what a question with so many options costs. With it, and with the contenders'
    probabilities, *choose* is asked at once where that is expected to be cheaper than *verify*
    with a *choose* behind it. `first` is the most contenders that are offered before the choice
    is widened (None: all); then `wide` labels are offered (0: never), in turn from the remaining
    contenders and from the case's further labels, or where it has none, from the labels of `near`
    neighbours (docs/adr/0007 has what else was tried); then `names`, all labels there are (none:
    never). What was refused is not offered again.
    """

    tokens: Callable[[Question, int], float] | None = None
    first: int | None = None
    wide: int = 0
    near: int = 60
    names: tuple[str, ...] = ()

    def asks_directly(self, case: Case) -> bool:
        """Whether *choose* comes first.

        Verify first costs v + (1 - p) c, choosing at once c: so the latter where p < v / c.
        """
        offered = len(case.contenders[: self.first])
        if self.tokens is None or not case.probabilities or offered < 2:
            return False
        verify, choose = self.tokens("verify", 1), self.tokens("choose", offered)
        return case.probabilities[0] * choose < verify


_NARROW = Policy()


async def decide(
    judge: Judge,
    store: ExampleStore,
    case: Case,
    neighbours_per_label: int = 3,
    any_label: int = 8,
    policy: Policy = _NARROW,
    within: float | None = None,
) -> Decision:
    """Ask the judge about `case`, with the nearest validated examples before its eyes.

    `within` is how many seconds all questions together may take: the one that is open then is
    given up, and answered "timed out"; what was answered before it is kept.

    Errors of the store pass through; the judge's own failures are answers without a verdict,
    which never count as "invalid": the first one ends the questions.
    """
    asked = _Asked(judge, store, case, neighbours_per_label, any_label, policy)
    try:
        async with asyncio.timeout(within) as time:
            label = await asked.all()
    except TimeoutError:
        if not time.expired():  # the store's own
            raise
        question, options = asked.open
        reason = f"not all was answered within {within:g} s"
        asked.answers.append(no_verdict(question, options, "timed out", reason))
        label = None
    if label is not None:
        return Decision(label, tuple(asked.answers), tuple(asked.seen), "accepted")
    comes_back = asked.answers[-1].kind in COMES_BACK
    kind: Literal["undecided", "away"] = "away" if comes_back else "undecided"
    return Decision(None, tuple(asked.answers), tuple(asked.seen), kind)


class _Asked:
    """One case on its way through the questions: what was answered, shown and refused."""

    def __init__(
        self,
        judge: Judge,
        store: ExampleStore,
        case: Case,
        per_label: int,
        any_label: int,
        policy: Policy,
    ) -> None:
        self.answers: list[Answer] = []
        self.seen: dict[str, None] = {}
        self.open: tuple[Question, tuple[str, ...]] = "verify", case.contenders[:1]
        self._judge = judge
        self._store = store
        self._case = case
        self._per_label = per_label
        self._any_label = any_label
        self._policy = policy
        self._refused: set[str] = set(case.refused)

    async def all(self) -> str | None:
        """Ask until there is a label, an answer without a verdict, or nothing left to ask."""
        case, policy = self._case, self._policy
        if not policy.asks_directly(case) and await self._verify(case.contenders[0]):
            return self.answers[-1].label
        if await self._choose(case.contenders[: policy.first], self._per_label):
            return self.answers[-1].label
        # One example of each option is enough to tell twenty apart, none to tell a thousand.
        if policy.wide and await self._choose(await self._best(), 1):
            return self.answers[-1].label
        if policy.names and await self._choose(policy.names, 0):
            return self.answers[-1].label
        return None

    async def _verify(self, label: str) -> bool:
        """Whether this ended the questions."""
        self.open = "verify", (label,)
        near = await self._shown([label], self._per_label)
        answer = await self._judge.verify(self._case, label, near)
        return self._ended(answer, "invalid")

    async def _choose(self, labels: Sequence[str], per_label: int) -> bool:
        """Whether this ended the questions; without labels left, nothing is asked."""
        options = [label for label in labels if label not in self._refused]
        if not options:
            return False
        self.open = "choose", tuple(options)
        near = await self._shown(options, per_label)
        return self._ended(await self._judge.choose(self._case, options, near), "none")

    def _ended(self, answer: Answer, goes_on: Literal["invalid", "none"]) -> bool:
        self.answers.append(answer)
        if answer.outcome == goes_on:
            self._refused.update(answer.options)
        return answer.outcome != goes_on

    async def _best(self) -> list[str]:
        """The most likely labels not yet refused: the best of each source in turn."""
        policy, case = self._policy, self._case
        further: Sequence[str] = case.further
        if not further:
            found = await _nearest(self._store, case, policy.near + 1)
            further = [example.label for example in found if example.id != case.id]
        open_ = [
            [label for label in dict.fromkeys(labels) if label not in self._refused]
            for labels in (case.contenders, further)
        ]
        return list(dict.fromkeys(_in_turn(*open_)))[: policy.wide]

    async def _shown(self, labels: Sequence[str], per_label: int) -> list[Neighbour]:
        near = await neighbours_of(
            self._store, self._case, labels if per_label else (), per_label, self._any_label
        )
        self.seen |= {example.id: None for example in near}
        return near


def _in_turn(*sources: Sequence[str]) -> Iterator[str]:
    """The first of each, the second of each, and so on; the longer ones' rest at the end."""
    for row in zip_longest(*sources):
        yield from (label for label in row if label is not None)


async def _nearest(
    store: ExampleStore, case: Case, k: int, label: str | None = None
) -> list[Neighbour]:
    """The nearest examples; none to a text of which the encoder knows no word."""
    return await store.nearest(case.embedding, k, label) if case.embedding.any() else []


async def neighbours_of(
    store: ExampleStore, case: Case, labels: Sequence[str], per_label: int, any_label: int
) -> list[Neighbour]:
    """The nearest examples of each label and of any label, each once, most similar first.

    The case itself may be among the examples (delivered twice, or judged again): it must not
    testify for itself, so one more is asked for and it is left out.
    """
    found = await asyncio.gather(
        _nearest(store, case, any_label + 1),
        *(_nearest(store, case, per_label + 1, label) for label in labels),
    )
    kept: dict[str, Neighbour] = {}
    for limit, group in zip([any_label, *[per_label] * len(labels)], found, strict=True):
        others = [example for example in group if example.id != case.id]
        kept.update((example.id, example) for example in others[:limit])
    return by_similarity(kept.values())
