"""How evidence is put together follows the stream: weights refitted on what was judged lately.

Derived from `verdicts`: every judged text that carries the scores it was predicted from is heard,
with the label that stands, and after REFIT of them the weights are refitted. What comes of a list
of verdicts does not depend on the batches they came in. The file beside the log only saves reading
all of `verdicts` again; lost, it is made anew from them.
"""

from __future__ import annotations

import json
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.confidence import Combination, Weights
from models.online import Judged, Recent
from streams.audits import SAVED_EVERY, speaks
from streams.derived import keep
from streams.errors import Unreadable
from streams.labelset import LabelSet
from streams.records import Layered, Verdict
from streams.scores import Scores
from streams.stage import Delivered

REFIT = 50
"""Judged texts from one refit of the weights to the next."""

FORMAT = 2
"""1 had no ids: it is made anew from `verdicts`."""


class Following:
    """What was judged lately and the weights refitted on it, at a place in `verdicts`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._recent = Recent()
        self._ids: tuple[str, ...] = ()
        self._layered: Layered | None = None
        self._fitted: list[list[float]] | None = None
        self._next = self._saved = self._heard = 0
        self._load()

    def position(self, topic: str, partition: int = 0) -> int:
        """Return the offset in `verdicts` up to which answers have been heard."""
        return self._next

    def observe(
        self, delivered: Delivered, verdict: Verdict, labels: LabelSet, fitted: Combination
    ) -> None:
        """Hear an answer; one that was heard before changes nothing. `fitted`: the fit's weights.

        Texts kept apart from teaching are kept apart from this as well.
        """
        if delivered.offset < self._next:
            return
        self._next = delivered.offset + 1
        if verdict.scores is not None and speaks(verdict) and not verdict.apart:
            with suppress(Unreadable):  # a verdict without usable scores says nothing here
                self._hear(verdict, verdict.scores, labels, fitted)
        if self._next - self._saved >= SAVED_EVERY:
            self.save()

    def _hear(
        self, verdict: Verdict, scores: Scores, labels: LabelSet, fitted: Combination
    ) -> None:
        if self._fitted != (known := _numbers(fitted)):
            self._recent, self._layered, self._fitted = Recent(), None, known
            self._ids = ()
        scored = scores.scored()
        scored = replace(scored, labels=tuple(labels.now(one) for one in scored.labels))
        weighed = verdict.weighed
        label = weighed.label if weighed is not None and weighed.label else verdict.label
        judged = Judged(scored, label and labels.now(label), verdict.inclusion)
        self._recent = self._recent.with_judged([judged])
        self._ids = (*self._ids, verdict.id)[-len(self._recent.judged) :]
        self._heard += 1
        if self._heard % REFIT == 0:
            quick, full = _numbers(self._recent.refit(fitted))
            self._layered = Layered(quick=quick, full=full, judged=len(self._recent.judged))

    def forget(self, gone: Container[str]) -> None:
        """Hear nothing any more of the texts of these ids; weights follow with the next refit."""
        pairs = zip(self._recent.judged, self._ids, strict=True)
        left = [(judged, id_) for judged, id_ in pairs if id_ not in gone]
        self._recent = Recent(tuple(judged for judged, _ in left))
        self._ids = tuple(id_ for _, id_ in left)
        self.save()

    def layered(self, fitted: Combination) -> Layered | None:
        """Return what a version says of it; None before the first refit."""
        return self._layered if self._fitted == _numbers(fitted) else None

    def save(self) -> None:
        """Write the file; a disk that is full is no reason to stop."""
        state = {
            "format": FORMAT,
            "next": self._next,
            "heard": self._heard,
            "fitted": self._fitted,
            "layered": self._layered and self._layered.model_dump(),
            "judged": [
                [Scores.of(one.scored).model_dump(), one.label, one.inclusion, text_id]
                for one, text_id in zip(self._recent.judged, self._ids, strict=True)
            ],
        }
        keep(self._path, json.dumps(state).encode())
        self._saved = self._next

    def _load(self) -> None:
        """Go on where the file stands; a damaged one is no file."""
        with suppress(OSError, ValueError, KeyError, TypeError, Unreadable):
            state = json.loads(self._path.read_text())
            if state["format"] != FORMAT:
                return
            judged = tuple(
                Judged(Scores.model_validate(scores).scored(), label, inclusion)
                for scores, label, inclusion, _ in state["judged"]
            )
            ids = tuple(str(text_id) for *_, text_id in state["judged"])
            layered = state["layered"] and Layered.model_validate(state["layered"])
            served(layered)
            heard, position = int(state["heard"]), int(state["next"])
            self._recent, self._layered, self._fitted = Recent(judged), layered, state["fitted"]
            self._heard, self._next, self._saved = heard, position, position
            self._ids = ids


def served(layered: Layered | None) -> Combination | None:
    """Return the weights that a version has in service; None for the fit's own."""
    if layered is None:
        return None
    quick, full = (np.asarray(one, np.float64) for one in (layered.quick, layered.full))
    if quick.shape != (8,) or full.shape != (8,):
        raise ValueError("weights are of another shape")
    return Combination(Weights(quick[:6], quick[6:]), Weights(full[:6], full[6:]))


def _numbers(both: Combination) -> list[list[Any]]:
    # Rounded, so that a version read back from its record computes with the same bits.
    parts = [(*w.contender.tolist(), *w.rest.tolist()) for w in (both.quick, both.full)]
    return [[round(one, 6) for one in part] for part in parts]
