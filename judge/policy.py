"""How one text is decided: verify the leading contender; if invalid, choose among the rest."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from judge.examples import ExampleStore, by_similarity
from judge.port import Judge
from judge.question import Answer, Case, Neighbour


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


async def decide(
    judge: Judge,
    store: ExampleStore,
    case: Case,
    neighbours_per_label: int = 3,
    any_label: int = 8,
) -> Decision:
    """Ask the judge about `case`, with the nearest validated examples before its eyes.

    Errors of the store pass through; the judge's own failures are answers without a verdict,
    which never count as "invalid".
    """
    leader, *others = case.contenders
    near = await _neighbours(store, case, [leader], neighbours_per_label, any_label)
    seen = {example.id: None for example in near}
    answers = [await judge.verify(case, leader, near)]
    if answers[-1].outcome == "invalid" and others:
        near = await _neighbours(store, case, others, neighbours_per_label, any_label)
        seen |= {example.id: None for example in near}
        answers.append(await judge.choose(case, others, near))

    last = answers[-1]
    if last.label is not None:
        return Decision(last.label, tuple(answers), tuple(seen), "accepted")
    kind: Literal["undecided", "away"] = "away" if last.kind == "away" else "undecided"
    return Decision(None, tuple(answers), tuple(seen), kind)


async def _neighbours(
    store: ExampleStore, case: Case, labels: Sequence[str], per_label: int, any_label: int
) -> list[Neighbour]:
    """The nearest examples of each label and of any label, each once, most similar first.

    The case itself may be among the examples (delivered twice, or judged again): it must not
    testify for itself, so one more is asked for and it is left out.
    """
    found = await asyncio.gather(
        store.nearest(case.embedding, any_label + 1),
        *(store.nearest(case.embedding, per_label + 1, label) for label in labels),
    )
    kept: dict[str, Neighbour] = {}
    for limit, group in zip([any_label, *[per_label] * len(labels)], found, strict=True):
        others = [example for example in group if example.id != case.id]
        kept.update((example.id, example) for example in others[:limit])
    return by_similarity(kept.values())
