"""Which of the nearest examples are shown with a question: those that tell something.

Left out are repetitions of an example under the same label, and examples much less similar to the
text than the nearest one; the best example of each label in question stays all the same.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from judge.question import Neighbour

FAR: Final = 0.25
"""Cosine below the nearest example from which on one says little: to the local judge, which weighs
by exp(20 x cosine), it weighs less than a hundredth of it."""


def own_and_rivals(neighbours: Sequence[Neighbour], label: str, most: int) -> tuple[Neighbour, ...]:
    """For *verify*: half of them the label's, half other labels', or more where one has less.

    `neighbours` come most similar first, and so do those chosen.
    """
    near = _without_repetitions(neighbours)
    own = _near_enough([one for one in near if one.label == label], near, most)
    rivals = _near_enough([one for one in near if one.label != label], near, most)
    shown = own[: max(most // 2, most - len(rivals))]
    shown += rivals[: most - len(shown)]
    return _in_order(near, shown)


def of_options(
    neighbours: Sequence[Neighbour], options: Iterable[str], most: int
) -> tuple[Neighbour, ...]:
    """For *choose*: the best example of every option before the second best of any label.

    `neighbours` come most similar first, and so do those chosen.
    """
    offered, near = set(options), _without_repetitions(neighbours)
    by: dict[str, list[Neighbour]] = {}
    for one in near:
        by.setdefault(one.label, []).append(one)
    place = {one.id: number for number, one in enumerate(near)}
    ranked = sorted(
        (rank, label not in offered, place[one.id], one)
        for label, examples in by.items()
        for rank, one in enumerate(_near_enough(examples, near, most))
        if rank or label in offered or _is_near(one, near)
    )
    return _in_order(near, [one for *_, one in ranked[:most]])


def _is_near(one: Neighbour, near: Sequence[Neighbour]) -> bool:
    return one.similarity >= near[0].similarity - FAR


def _near_enough(
    examples: Sequence[Neighbour], near: Sequence[Neighbour], most: int
) -> list[Neighbour]:
    return [one for rank, one in enumerate(examples[:most]) if not rank or _is_near(one, near)]


def _without_repetitions(neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    first: dict[tuple[str, str], Neighbour] = {}
    for one in neighbours:
        first.setdefault((one.label, " ".join(one.text.casefold().split())), one)
    return list(first.values())


def _in_order(near: Sequence[Neighbour], chosen: Iterable[Neighbour]) -> tuple[Neighbour, ...]:
    ids = {one.id for one in chosen}
    return tuple(one for one in near if one.id in ids)
