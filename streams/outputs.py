"""How often each label is given out lately: the prior of the classifier follows the stream.

Derived from `labeled`, where the newest thousand events say it all: nothing is kept beside the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.online import OUTPUTS, Recent
from streams.errors import Unreadable
from streams.labelset import LabelSet
from streams.records import Authority, Labeled
from streams.stage import Delivered, Reader
from streams.terms import Shares
from streams.topology import LABELED

NEWS = 250
"""Labels given out since the last version, from which on they are worth a new one."""


class Outputs:
    """The newest labels that were given out, by classifier and judge, as they are called now.

    What a person looks at is no sample of the stream.
    """

    def __init__(self) -> None:
        self._next = 0
        self._recent = Recent()

    def start(self, reader: Reader, committed: int) -> None:
        """Read again what was handled last."""
        self._next = max(0, committed - OUTPUTS)
        tail = reader.read_from(LABELED.name, self._next, OUTPUTS)
        self.observe([one for one in tail if one.offset < committed])
        self._next = committed

    def observe(self, batch: Sequence[Delivered]) -> None:
        """Count what a batch gave out, each event once."""
        labels = []
        for delivered in batch:
            if delivered.offset < self._next:
                continue
            self._next = delivered.offset + 1
            try:
                event = Labeled.decode(delivered.value)
            except Unreadable:  # the ledger, which reads it as well, puts it to the dead letters
                continue
            if event.authority is not Authority.PERSON:
                labels.append(event.label)
        self._recent = self._recent.with_outputs(labels)

    def shares(
        self, labels: LabelSet, fitted: Mapping[str, int], before: Shares, *, due: bool
    ) -> Shares:
        """Return how often each label was given; as before while hardly anything is new.

        `fitted` are the counts of the examples, which stand for what is missing at first; with
        `due` there is a new version in any case.
        """
        news = self._next - before.counted
        if not news or not (due or news >= NEWS):
            return before
        counts: dict[str, float] = {}
        for label, count in self._recent.counts(fitted).items():
            now = labels.now(label)
            counts[now] = round(counts.get(now, 0.0) + count, 2)
        return Shares(counts, self._next)
