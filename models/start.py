"""From examples to a reference: what is checked, gathered and fitted, in this order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.choosing import choose_bank
from models.errors import BadExamples, EncoderMismatch
from models.exemplars import Example, Shelf, fingerprint, rounded
from models.fitting import (
    Calibration,
    Fitted,
    Options,
    Progress,
    Training,
    calibrate,
    fit_blocks,
    group,
)
from models.heads import Head
from models.held_out import HeldOut
from models.labels import LabelInfo
from models.reference import Bank, Reference, Settings, print_of

BEYOND = 240
"""Texts of a label, besides those on its shelf, that heads and moments are fitted on."""


def _checked(examples: Sequence[Example], labels: Sequence[LabelInfo]) -> dict[str, LabelInfo]:
    infos = {info.label: info.rounded() for info in sorted(labels, key=lambda i: i.label)}
    if not infos:
        raise BadExamples("there is no label: give at least one")
    if len(infos) < len(labels):
        raise BadExamples("a label is given twice: give every label once")
    homes: dict[str, str] = {}
    for example in examples:
        if example.label not in infos:
            raise BadExamples(
                f"example {example.id!r} has the label {example.label!r}, which is not in the set"
            )
        if homes.setdefault(example.id, example.label) != example.label:
            raise BadExamples(
                f"example {example.id!r} has two labels, {homes[example.id]!r} and "
                f"{example.label!r}: keep one"
            )
    used = set(homes.values())
    bare = [k for k, info in infos.items() if k not in used and info.embedding is None]
    if bare:
        raise BadExamples(f"no examples and no embedded name for {', '.join(bare[:5])}")
    return infos


def check_added(
    there: Collection[str], infos: Sequence[LabelInfo], examples: Sequence[Example], dimension: int
) -> None:
    """Raises `BadExamples` or `EncoderMismatch` where labels cannot be added to those there."""
    known, new = {example.label for example in examples}, set[str]()
    for info in infos:
        if info.label in there or info.label in new:
            raise BadExamples(f"label {info.label!r} is in the set already")
        new.add(info.label)
        if info.embedding is None and info.label not in known:
            raise BadExamples(f"label {info.label!r} has neither examples nor an embedded name")
        if info.embedding is not None and np.shape(info.embedding) != (dimension,):
            raise EncoderMismatch(f"the name of {info.label!r} was embedded by another encoder")
    for example in examples:
        if example.label not in new:
            raise BadExamples(f"{example.id!r} is no example of a label that is added")


def _dimension(examples: Sequence[Example], infos: Mapping[str, LabelInfo]) -> int:
    shapes = {np.shape(e.embedding) for e in examples}
    shapes |= {np.shape(i.embedding) for i in infos.values() if i.embedding is not None}
    shape = min(shapes)
    if len(shapes) > 1 or len(shape) != 1 or not shape[0]:
        raise BadExamples(f"embeddings must all be of one length, not of shapes {sorted(shapes)}")
    return int(shape[0])


def _single(
    examples: Sequence[Example], infos: Mapping[str, LabelInfo]
) -> dict[str, dict[str, Example]]:
    """By label and id, oldest first."""
    single: dict[str, dict[str, Example]] = {label: {} for label in infos}
    for example in sorted(examples, key=lambda e: (e.arrival or 0, e.id, e.gold)):
        single[example.label][example.id] = example
    return single


def _unshelved(
    examples: Sequence[Example], infos: Mapping[str, LabelInfo], shelves: Mapping[str, Shelf]
) -> dict[str, list[Example]]:
    """Of labels that have more than a shelf holds: the rest, at most the BEYOND most recent."""
    found = {}
    for label, own in _single(examples, infos).items():
        rest = [e for key, e in own.items() if key not in shelves[label].members]
        if rest:
            found[label] = rest[-BEYOND:]
    return found


def shelve(
    examples: Sequence[Example],
    infos: Mapping[str, LabelInfo],
    dimension: int,
) -> dict[str, Shelf]:
    """Every label's examples on its shelf; an id given twice counts once, the newest of it."""
    single = _single(examples, infos)
    return {label: Shelf.of(list(o.values()), dimension) for label, o in single.items()}


def _training(
    infos: Mapping[str, LabelInfo],
    shelves: Mapping[str, Shelf],
    counts: Mapping[str, int],
    dimension: int,
    unshelved: Mapping[str, list[Example]],
) -> Training:
    blocks, owner, fixed, beyond, ids = [], [], [], [], []
    for number, (label, info) in enumerate(infos.items()):
        shelf = shelves[label]
        blocks.append(shelf.vectors[shelf.active].astype(np.float32))
        names = shelf.used
        ids += [fingerprint(name) for name in names]
        if info.embedding is not None:
            blocks.append(info.embedding[None, :])
            ids.append(fingerprint(f"name of {label}"))
        rest = unshelved.get(label, [])
        if rest:
            blocks.append(rounded(np.stack([e.embedding for e in rest])).astype(np.float32))
            ids += [fingerprint(e.id) for e in rest]
        extra = int(info.embedding is not None)
        owner += [number] * (len(names) + extra + len(rest))
        fixed += [False] * len(names) + [True] * extra + [False] * len(rest)
        beyond += [False] * (len(names) + extra) + [True] * len(rest)
    return Training(
        x=np.concatenate([np.zeros((0, dimension), np.float32), *blocks]),
        owner=np.asarray(owner, np.intp),
        fixed=np.asarray(fixed, np.bool_),
        ids=np.asarray(ids, np.uint64),
        counts=np.asarray([counts.get(label, 0) for label in infos], np.float64),
        beyond=np.asarray(beyond, np.bool_),
    )


def _moments(rest: Sequence[Example]) -> tuple[int, NDArray[np.float32]]:
    """Count and sum (d,)."""
    rows = rounded(np.stack([e.embedding for e in rest])).astype(np.float32)
    return len(rows), np.asarray(rows.sum(axis=0), np.float32)


def _bank(training: Training, rows: np.ndarray, share: float, fitted: Fitted) -> Bank:
    home = np.zeros(training.labels, np.int64)
    for number, members in enumerate(fitted.groups):
        home[members] = number
    return Bank(
        vectors=training.x[rows].astype(np.float16),
        ids=training.ids[rows],
        subset=home[training.owner[rows]],
        share=share,
    )


def fit_reference(
    examples: Sequence[Example],
    labels: Sequence[LabelInfo],
    *,
    encoder: str,
    seed: int,
    target: float,
    progress: Progress,
    options: Options,
    counts: Mapping[str, int] | None,
    look: Callable[[HeldOut], None] = lambda held_out: None,
) -> tuple[Reference, dict[str, LabelInfo], dict[str, Shelf]]:
    """The reference, the labels and their shelves; `look` sees what the fit says of examples that
    it left out. Raises `BadExamples`.
    """
    infos = _checked(examples, labels)
    dimension = _dimension(examples, infos)
    shelves = shelve(examples, infos, dimension)
    if counts is None:
        held = {label: 0 for label in infos}
        for label in {e.id: e.label for e in examples}.values():
            held[label] += 1
        counts = held
    unshelved = _unshelved(examples, infos, shelves)
    training = _training(infos, shelves, counts, dimension, unshelved)
    progress("subsets", 0.0)
    groups = group(training, options, seed)
    everything = np.arange(len(training.x))
    fitted = fit_blocks(
        training, everything, groups, options, seed, lambda done: progress("heads", done)
    )
    calibration = calibrate(training, groups, options, seed, target, progress)
    rows, share, chosen = choose_bank(training, fitted, seed)
    names = list(infos)
    look(_held_out(training, calibration, names))
    members = [tuple(names[i] for i in one) for one in groups]
    heads = tuple(Head(m, *block) for m, block in zip(members, fitted.heads, strict=True))
    reference = Reference(
        settings=Settings(encoder, seed, target, options.size, options.strength(len(infos))),
        metric=fitted.metric,
        heads=heads,
        prints=tuple(_print(m, infos, shelves) for m in members),
        bank=_bank(training, rows, share, fitted),
        chosen=tuple(chosen),
        counts={label: int(counts.get(label, 0)) for label in infos},
        quick=calibration.quick,
        full=calibration.full,
        unknown=calibration.unknown,
        threshold=calibration.threshold,
        right=calibration.right,
        beyond={label: _moments(rest) for label, rest in unshelved.items()},
    )
    return reference, infos, shelves


def _print(
    members: tuple[str, ...], infos: Mapping[str, LabelInfo], shelves: Mapping[str, Shelf]
) -> str:
    return print_of([infos[m] for m in members], [shelves[m] for m in members])


def _held_out(training: Training, found: Calibration, names: Sequence[str]) -> HeldOut:
    held = found.held
    # `ids` go by example, and names, which are never held out, have one as well.
    return HeldOut(
        ids=training.ids[held],
        label=tuple(names[i] for i in training.owner[held]),
        said=tuple(names[i] for i in found.said),
        confidence=found.confidence,
        weight=training.weights(held) if len(held) else np.zeros(0),
    )
