"""What a guide is made of: a label's telling texts and its nearest confusions.

`compose` makes a guide of that without any model, so that every label has one; it can only quote.
A model writes a better one from the same material (`judge.llm.guide_writer`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from judge.guides.file import LONGEST_SHOWN, spoken
from judge.guides.guide import Guide
from judge.llm.data import cut, encode
from judge.similar import similar_labels

CONFUSIONS = 3
"""Labels a guide sets its own apart from: a judge errs mostly on the nearest few."""

TEXTS = 12
"""Texts of the label that its writer is shown."""

QUOTED = 80
"""Characters of a text that a guide quotes."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """A label near another, and its texts that are nearest to that one."""

    label: str
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """A label's texts, the most typical and the most doubtful in turn, and its confusions."""

    label: str
    name: str
    texts: tuple[str, ...] = ()
    confusions: tuple[Confusion, ...] = ()


def material_of(
    names: Mapping[str, str],
    labels: Sequence[str],
    texts: Sequence[str],
    embeddings: NDArray[np.float32],
) -> dict[str, Material]:
    """Material for every label of `names` (label to name).

    `labels` (n), `texts` (n) and `embeddings` (n, d) are the labelled texts; those of labels that
    are not among `names` are passed over. A fixed function of what it is given.
    """
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label in names:
            rows.setdefault(label, []).append(row)
    kept = sorted(chain.from_iterable(rows.values()))
    near = similar_labels([labels[i] for i in kept], embeddings[kept], CONFUSIONS) if kept else {}
    centres = {label: _unit(embeddings[of].mean(axis=0)) for label, of in rows.items()}

    def towards(label: str, centre: NDArray[np.float32]) -> list[str]:
        """The label's texts by their cosine to `centre`, nearest first, each once."""
        cosines = _unit(embeddings[rows[label]]) @ centre
        ranked = sorted(zip(-cosines, (texts[i] for i in rows[label]), strict=True))
        return list(dict.fromkeys(text for _, text in ranked))

    made = {}
    for label, name in names.items():
        if label not in rows:
            made[label] = Material(label, name or spoken(label))
            continue
        rivals = near[label]
        typical = towards(label, centres[label])
        doubtful = towards(label, centres[rivals[0]]) if rivals else []
        mixed = chain.from_iterable(zip_longest(typical, doubtful))
        shown = list(dict.fromkeys(text for text in mixed if text is not None))
        confusions = tuple(
            Confusion(rival, names[rival], tuple(towards(rival, centres[label])[:2]))
            for rival in rivals
        )
        made[label] = Material(label, name or spoken(label), tuple(shown[:TEXTS]), confusions)
    return made


def compose(material: Material) -> Guide:
    """A guide from name, texts and confusions alone; the same for the same material."""
    if not material.texts:
        text = "What the name says; there are no examples yet."
        return Guide.of(material.label, material.name, text)
    apart = [f"Not {rival.name}: {_quoted(rival.texts[:1])}" for rival in material.confusions]
    # The first, third and fifth are the most typical ones.
    lines = [f"Texts such as {_quoted(material.texts[0:5:2])}", *apart]
    return Guide.of(material.label, material.name, fitting(lines))


def fitting(lines: Sequence[str], longest: int = LONGEST_SHOWN) -> str:
    """The lines that fit into what a judge is shown, from the first on."""
    kept: list[str] = []
    for line in lines:
        if sum(len(one) + 1 for one in kept) + len(line) <= longest:
            kept.append(line)
    return "\n".join(kept)


def _quoted(texts: Sequence[str]) -> str:
    """Other people's texts, in quotes and on one line, what cannot be seen written out."""
    return "; ".join(map(quoted, texts))


def quoted(text: str) -> str:
    """One text, cut to `QUOTED` characters."""
    line = " ".join(text.split())
    return encode(line if len(line) <= QUOTED else cut(line, QUOTED - 1) + "…")


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-12), np.float32)
