"""Are the examples good enough? What a fit finds in them, kept beside what was fitted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from models.exemplars import fingerprint
from models.held_out import HeldOut
from streams.program.examples import LabelText, SeedExample
from streams.program.languages import others

FEW = 5
"""Examples of a label below which it is worth writing more."""

NEAR = 0.95
"""Cosine from which two texts under two labels are taken for the same."""

LISTED = 10
"""The most of each kind that is kept."""

SHOWN = 2
"""Texts that show a confusion."""


class Confusion(BaseModel):
    """Examples of `label` that a fit without them takes for `said`: how many, and some."""

    label: str
    said: str
    count: int
    texts: list[str]


class Twin(BaseModel):
    """Two texts that are the same, or nearly, under two labels."""

    text: str
    label: str
    other_text: str
    other_label: str
    similarity: float


class Report(BaseModel):
    """What a fit found in its examples.

    `few` are counts of labels with fewer than FEW examples, `only_described` labels with a guide
    and no example, `bare` those with neither; `repeated` how many examples stood twice under their
    label. `right` of `left_out` examples by label; `judged` is the share of texts like these that
    the judge would be asked about, None where no example could be left out; `languages` how many of
    `checked` examples are in another language than English.
    """

    examples: int
    labels: int
    repeated: int
    few: dict[str, int]
    only_described: list[str]
    bare: list[str]
    twins: list[Twin]
    twins_in_all: int
    left_out: dict[str, int]
    right: dict[str, int]
    confusions: list[Confusion]
    judged: float | None
    languages: dict[str, int]
    checked: int

    @property
    def weakest(self) -> list[str]:
        """Labels that are right less often than half the time, the worst first."""
        share = {label: self.right.get(label, 0) / n for label, n in self.left_out.items()}
        return [label for label in sorted(share, key=lambda one: share[one]) if share[label] < 0.5]

    def save(self, path: Path) -> None:
        """Keep it; a disk that is full is no reason to lose a fit."""
        with suppress(OSError):
            path.write_text(self.model_dump_json(indent=1))

    @classmethod
    def kept(cls, path: Path) -> Report | None:
        """Return what a fit kept there; None where nothing can be read."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None


def report(
    given: Sequence[SeedExample],
    ids: Sequence[str],
    embeddings: NDArray[np.float32],
    names: Iterable[LabelText],
    held_out: HeldOut,
    threshold: float,
) -> Report:
    """Look at examples and at what the fit says of them.

    `given` as they stood in the file, repeats and all; `ids` and `embeddings` (n, d) of each once.
    """
    seeds = list(dict.fromkeys(given))
    counts = Counter(seed.label for seed in seeds)
    described = {name.label: name for name in names}
    without = [label for label in described if not counts[label]]
    twins = _twins(seeds, embeddings)
    texts = {fingerprint(id_): seed.text for id_, seed in zip(ids, seeds, strict=True)}
    left_out, right, confusions = _graded(held_out, texts)
    judged = held_out.judged(threshold)
    languages, checked = others([seed.text for seed in seeds])
    return Report(
        examples=len(seeds),
        labels=len(described),
        repeated=len(given) - len(seeds),
        few={label: n for label, n in sorted(counts.items(), key=_by_count) if n < FEW},
        only_described=[label for label in without if described[label].guide],
        bare=[label for label in without if not described[label].guide],
        twins=twins[:LISTED],
        twins_in_all=len(twins),
        left_out=dict(left_out),
        right=dict(right),
        confusions=confusions[:LISTED],
        judged=None if math.isnan(judged) else judged,
        languages=dict(languages.most_common(LISTED)),
        checked=checked,
    )


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return item[1], item[0]


def _graded(
    held_out: HeldOut, texts: Mapping[int, str]
) -> tuple[Counter[str], Counter[str], list[Confusion]]:
    left_out, right = Counter(held_out.label), Counter[str]()
    wrong: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for id_, label, said, sure in zip(
        held_out.ids.tolist(), held_out.label, held_out.said, held_out.confidence, strict=True
    ):
        if label == said:
            right[label] += 1
        else:
            wrong[label, said].append((float(sure), texts.get(id_, "")))
    # Both ways together: who mixes up two labels mostly does so in both directions.
    both = Counter(
        {pair: len(found) + len(wrong.get(pair[::-1], ())) for pair, found in wrong.items()}
    )
    ranked = sorted(wrong, key=lambda pair: (-both[pair], sorted(pair), -len(wrong[pair])))
    return (
        left_out,
        right,
        [
            Confusion(
                label=label,
                said=said,
                count=len(found := sorted(wrong[label, said], reverse=True)),
                texts=[text for _, text in found[:SHOWN]],
            )
            for label, said in ranked
        ],
    )


def _twins(seeds: Sequence[SeedExample], embeddings: NDArray[np.float32]) -> list[Twin]:
    """Pairs under two labels, the most alike first; each text with its nearest only."""
    found: dict[tuple[int, int], float] = {}
    labels = np.asarray([seed.label for seed in seeds])
    for start in range(0, len(seeds), 512):
        similar = embeddings[start : start + 512] @ embeddings.T
        similar[labels[start : start + 512, None] == labels[None, :]] = -1
        for row, best in enumerate(similar.argmax(axis=1).tolist(), start):
            if labels[row] == labels[best]:  # there is no other label
                continue
            value = float(similar[row - start, best])
            if value >= NEAR or _plain(seeds[row].text) == _plain(seeds[best].text):
                found[min(row, best), max(row, best)] = value
    return [
        Twin(
            text=seeds[a].text,
            label=seeds[a].label,
            other_text=seeds[b].text,
            other_label=seeds[b].label,
            similarity=round(similarity, 4),
        )
        for (a, b), similarity in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
