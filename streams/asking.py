"""Whom to ask about: the doubtful, a random share of the sure, and who comes first when too many.

The judge has a pace and a budget. While more cases wait for it than `BACKLOG`, only the usual
share of the sure is audited, and of the doubtful those worth most are asked about first; the
others wait in `uncertain-later`, in their order, until the judge has time. Nothing is dropped.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from hashlib import blake2b

from models.prediction import Prediction
from streams.feed import Version
from streams.stage import Distant, Reader
from streams.topology import JUDGE, LATER, UNCERTAIN, UNCERTAIN_LATER, StageSpec, Topic

AWAY_SECONDS = (5.0, 300.0)
"""The first and the longest wait before a case is put to an absent judge again."""

BACKLOG = 4 * JUDGE.batch
"""Cases that may wait for the judge before it is spared what is worth less."""

APART = 0.5
"""Of the random sample that is always judged so much does not teach: new versions are compared
with old ones on it."""

RECENT = 500
"""Doubtful texts that the worth of another is compared with."""


@dataclass(frozen=True)
class Now:
    """How it stands with asking: sure is who reaches `threshold`; of the sure the share `rate` is
    judged too; of the doubtful the share `room` is asked about at once.
    """

    threshold: float
    rate: float
    room: float


class Asking:
    """Decides about asking; knows the newest doubtful texts, which only their order hangs on."""

    def __init__(self, audit: float, seed: int, *, certify: bool) -> None:
        """`audit` is the share of sure texts that is judged too; `certify` lets the trainer set
        it, and the threshold, by what the judge answers.
        """
        self._audit = audit
        self._seed = seed
        self._certify = certify
        self._reader: Reader | None = None
        self._worth: deque[float] = deque(maxlen=RECENT)

    def start(self, reader: Reader) -> None:
        """From now on see in the log how far behind the judge is."""
        self._reader = reader

    async def now(self, version: Version) -> Now:
        """Return how it stands, for one batch.

        Everything is judged until the trainer knows better; but where the judge cannot keep up,
        no more than the usual share: sure texts must not keep doubtful ones waiting.
        """
        before_judge = await waiting_for_judge(self._reader)
        room = min(1.0, BACKLOG / max(1, before_judge))
        if not self._certify:
            return Now(version.classifier.threshold, self._audit, room)
        rate = 1.0 if version.terms.audit is None else version.terms.audit
        if before_judge + await _waiting(self._reader, LATER, UNCERTAIN_LATER) > BACKLOG:
            rate = min(rate, self._audit)
        return Now(version.terms.threshold, rate, room)

    def drawn(self, text_id: str) -> float:
        """Draw from 0 to 1 by id and seed: a batch delivered again draws the same."""
        digest = blake2b(f"{self._seed}\x1f{text_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def apart(self, text_id: str) -> bool:
        """Tell whether a text is of the random sample that is judged and does not teach."""
        return self.drawn(text_id) < APART * self._audit

    def first(self, worth: float, room: float) -> bool:
        """Tell whether a doubtful text of so much worth is among the share that is asked now."""
        self._worth.append(worth)
        return sum(worth < other for other in self._worth) <= room * len(self._worth)


def worth_of(prediction: Prediction, version: Version) -> float:
    """Return what asking about a text is worth (`worth`)."""
    return worth(prediction.label, prediction.confidence, version)


def worth(label: str, confidence: float, version: Version) -> float:
    """Return what asking is worth about a text with this leading label, and confidence in it.

    Its expected error, and more where little is known: up to twice as much where the label has
    hardly any exemplars yet.
    """
    shelf = version.classifier.shelves.get(label)
    known = len(shelf.used) if shelf is not None else 0
    return (1 - confidence) * (1 + 1 / math.sqrt(1 + known))


async def waiting_for_judge(reader: Reader | None) -> int:
    """Return how many cases lie before the judge."""
    return await _waiting(reader, JUDGE, UNCERTAIN)


async def _waiting(reader: Reader | None, stage: StageSpec, topic: Topic) -> int:
    if reader is None:
        return 0
    if isinstance(reader, Distant):  # away, it keeps who asks for a minute, and the loop must turn
        return await asyncio.to_thread(reader.waiting, stage.name, [topic.name])
    return reader.waiting(stage.name, [topic.name])
