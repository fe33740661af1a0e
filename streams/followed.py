"""Cases on their way to the judge while labels come and go."""

from __future__ import annotations

from collections.abc import Iterable

from streams.labelset import LabelSet
from streams.records import Contender, Recheck, Uncertain
from streams.stage import Delivered, Outgoing, outgoing
from streams.topology import RECHECK

Cases = list[tuple[Delivered, Uncertain]]


def to_ask(cases: Iterable[tuple[Delivered, Uncertain]], labels: LabelSet) -> tuple[Cases, Cases]:
    """Return the cases with their contenders as they are called now, and those without any left.

    An audit whose label was retired is dropped: there is nothing left to ask about it.
    """
    asked, gone = [], []
    for delivered, case in cases:
        now = followed(case, labels)
        if not case.contenders or now.contenders:
            lead = labels.now(case.contenders[0].label) if case.contenders else ""
            if not case.audit or lead in labels.labels:
                asked.append((delivered, now))
        elif not case.audit:
            gone.append((delivered, case))
    return asked, gone


def followed(case: Uncertain, labels: LabelSet) -> Uncertain:
    """Return the case with its labels as they are called now, without retired ones."""
    named = [one.label for one in case.contenders] + case.further
    if all(label in labels.labels for label in named):
        return case
    sums: dict[str, float] = {}
    for one in case.contenders:
        if (label := labels.now(one.label)) in labels.labels:
            sums[label] = sums.get(label, 0.0) + one.probability
    contenders = [Contender(label=label, probability=round(p, 6)) for label, p in sums.items()]
    contenders.sort(key=lambda one: -one.probability)
    now = dict.fromkeys(labels.now(label) for label in case.further)
    further = [label for label in now if label in labels.labels and label not in sums]
    return case.model_copy(update={"contenders": contenders, "further": further})


def again(case: Uncertain) -> Outgoing:
    """Return a case that can be asked about nothing for `classify`; its round is not spent."""
    recheck = Recheck(
        text=case.text,
        embedding=case.embedding,
        lead=case.contenders[0].label,
        rejected=case.rejected,
        round=case.round - 1,
        model=case.model,
    )
    return outgoing(RECHECK, case.text.id, recheck)
