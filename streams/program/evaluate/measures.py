"""From what was read to what is found: accuracy, confusion, confidence, thresholds, cost."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

import numpy as np

from models.measures import Rate as Counted
from models.measures import ece, reliability
from streams.program.evaluate import findings as f
from streams.program.evaluate.course import course
from streams.program.evaluate.reading import Case, Read, read
from streams.program.settings import Settings
from streams.records import Authority

PAIRS, EXAMPLES = 20, 3
"""The worst pairs that are shown, and texts of each."""

EXCERPT = 300
"""The longest text that is quoted, in characters."""

SOME = 10
"""Ids or dead letters that are named of many."""

AUDITS = 30
"""Audits from which on they alone tell what the judge makes of sure texts."""

CURVE = 200
"""Points of the curve over thresholds, at most."""


def evaluate(settings: Settings, gold: Mapping[str, str], *, texts: bool = True) -> f.Evaluation:
    """Compare a folder with gold labels. With `texts` false none is quoted.

    Raises:
        Fatal: there is no such folder, or nothing has run in it.
    """
    with read(settings, gold) as found:
        return f.Evaluation(
            about=_about(found, texts),
            accuracy=_accuracy(found.cases),
            labels=_labels(found.cases),
            confusions=_confusions(found, texts),
            calibration=_calibration(found.cases),
            thresholds=_thresholds(found),
            course=course(found, texts),
            taught=_taught(found),
            cost=_cost(found),
            dead_letters=_dead_letters(found, texts),
        )


def _rate(hits: Iterable[bool]) -> f.Rate:
    return f.Rate.of(Counted.of(hits))


def _about(found: Read, texts: bool) -> f.About:
    seen = {case.id for case in found.cases}
    unseen = [text_id for text_id in found.gold if text_id not in seen]
    known = {*found.labels.labels, *found.labels.retired}
    claim, manifest = found.manifest.claim, found.manifest
    return f.About(
        made=time.time(),
        redstream=version("redstream"),
        folder=str(found.settings.var),
        texts=found.texts,
        gold=len(found.gold),
        compared=len(found.cases),
        never_seen=len(unseen),
        never_seen_ids=unseen[:SOME],
        unknown_labels=sorted({*found.gold.values()} - known),
        waiting=found.waiting,
        labels=len(found.labels.labels),
        version=manifest.number,
        threshold=manifest.threshold,
        target=claim.target if claim else found.settings.target,
        claim=claim.state if claim else None,
        judges=found.judges,
        with_texts=texts,
    )


def _accuracy(cases: Sequence[Case]) -> f.Accuracy:
    by = {
        authority: _rate(c.right for c in cases if c.outcome.authority is authority)
        for authority in Authority
    }
    labelled = [c for c in cases if c.outcome.label is not None]
    answered = [c for c in cases if c.outcome.first is not None]
    undecided = sum(c.outcome.label is None and c.outcome.held for c in cases)
    return f.Accuracy(
        all=_rate(c.right for c in cases),
        labelled=_rate(c.right for c in labelled),
        classifier=by[Authority.CLASSIFIER],
        judge=by[Authority.JUDGE],
        person=by[Authority.PERSON],
        undecided=undecided,
        waiting=len(cases) - len(labelled) - undecided,
        unasked=_rate(
            c.right
            for c in labelled
            if not c.outcome.asked and c.outcome.authority is Authority.CLASSIFIER
        ),
        judged=_rate(c.right for c in cases if c.outcome.asked),
        first_answer=_rate(c.first_right for c in answered),
        judged_share=_rate(c.outcome.asked for c in cases),
    )


def _labels(cases: Sequence[Case]) -> list[f.Label]:
    """Return every gold label, the surely worst first."""
    of: dict[str, list[Case]] = defaultdict(list)
    given: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        of[case.gold].append(case)
        if case.outcome.label is not None:
            given[case.outcome.label].append(case.right)
    labels = [
        f.Label(
            label=label,
            right=_rate(c.right for c in some),
            precision=_rate(given[label]),
            first_answer=_rate(c.first_right for c in some if c.outcome.first is not None),
            judged=sum(c.outcome.asked for c in some),
            undecided=sum(c.outcome.label is None for c in some),
        )
        for label, some in of.items()
    ]
    return sorted(labels, key=lambda one: (one.right.high, one.right.value or 0.0, one.label))


def _confusions(found: Read, texts: bool) -> f.Confusions:
    of = Counter(case.gold for case in found.cases)
    pairs: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in found.cases:
        if case.outcome.label is not None and not case.right:
            pairs[case.gold, case.outcome.label].append(case)
    # Of pairs with as many texts, the one that is more of its label comes first.
    worst = sorted(pairs.items(), key=lambda item: (-len(item[1]), of[item[0][0]], item[0]))[:PAIRS]
    shown = {pair: some[-EXAMPLES:][::-1] for pair, some in worst}
    said = found.words([c.id for some in shown.values() for c in some]) if texts else {}
    return f.Confusions(
        wrong_texts=sum(len(some) for some in pairs.values()),
        pairs=len(pairs),
        worst=[
            f.Confusion(
                gold=gold,
                given=given,
                texts=len(some),
                of=of[gold],
                by=dict(Counter(str(c.outcome.authority) for c in some)),
                examples=[_example(c, said) for c in shown[gold, given]],
            )
            for (gold, given), some in worst
        ],
    )


def _example(case: Case, said: Mapping[str, str]) -> f.Example:
    text = said.get(case.id)
    return f.Example(
        id=case.id,
        text=None if text is None else excerpt(text),
        authority=str(case.outcome.authority),
        confidence=case.outcome.confidence,
    )


def excerpt(text: str) -> str:
    """Return a text, shortened to what is quoted."""
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def _calibration(cases: Sequence[Case]) -> f.Calibration:
    first = [(c.outcome.first_confidence, c.first_right) for c in cases if c.outcome.first]
    emitted = [(c.outcome.confidence, c.right) for c in cases if c.outcome.label is not None]
    return f.Calibration(first_answer=_reliability(first), emitted=_reliability(emitted))


def _reliability(said: Sequence[tuple[float | None, bool]]) -> f.Reliability:
    known = [(confidence, right) for confidence, right in said if confidence is not None]
    confidence = np.asarray([c for c, _ in known], np.float64)
    right = np.asarray([r for _, r in known], bool)
    return f.Reliability(
        ece=round(ece(confidence, right), 4) if known else None,
        texts=len(known),
        without=len(said) - len(known),
        bins=[
            f.Bin(
                low=round(one.low, 4),
                high=round(one.high, 4),
                confidence=round(one.confidence, 4),
                right=f.Rate.of(one.right),
            )
            for one in reliability(confidence, right)
        ],
    )


def _thresholds(found: Read) -> f.Thresholds:
    cases = [c for c in found.cases if c.outcome.first_confidence is not None]
    cases.sort(key=lambda c: -(c.outcome.first_confidence or 0.0))
    judged = [c for c in found.cases if c.outcome.asked]
    # What was not judged went out as sure, and audits are a sample of that.
    audits = [c for c in judged if c.outcome.audit]
    known = audits if len(audits) >= AUDITS else judged
    judge = sum(c.right for c in known) / len(known) if known else None
    behind = [float(c.right) if c.outcome.asked else judge for c in cases]
    rest = np.concatenate([np.cumsum([x or 0.0 for x in behind[::-1]])[::-1], [0.0]])
    right = np.concatenate([[0], np.cumsum([c.first_right for c in cases])]).astype(int)
    confidence = [c.outcome.first_confidence or 0.0 for c in cases]
    cuts = [  # behind texts of the same confidence, all of them or none go out
        n
        for n in range(len(cases) + 1)
        if n in (0, len(cases)) or confidence[n] < confidence[n - 1]
    ]
    cuts = [cuts[i] for i in np.unique(np.linspace(0, len(cuts) - 1, CURVE).round().astype(int))]
    curve = [
        f.Threshold(
            threshold=round(confidence[n - 1], 6) if n else 1.0,
            judged=round(1 - n / len(cases), 4),
            unasked=f.Rate.of(Counted(int(right[n]), n)),
            right=None if judge is None else round(float(right[n] + rest[n]) / len(cases), 4),
        )
        for n in cuts
        if cases
    ]
    counts = _accuracy(found.cases)
    now = f.Threshold(
        threshold=found.manifest.threshold,
        judged=counts.judged_share.value or 0.0,
        unasked=counts.unasked,
        right=counts.all.value,
    )
    return f.Thresholds(
        judged_right=None if judge is None else round(judge, 4), now=now, curve=curve
    )


def _taught(found: Read) -> f.Taught:
    known = [(found.gold[i], label) for i, label in found.lessons if i in found.gold]
    wrong = Counter((gold, label) for gold, label in known if gold != label)
    return f.Taught(
        texts=found.standing.total(),
        labels=len(found.standing),
        right=_rate(gold == label for gold, label in known),
        taken_back=dict(found.taken_back),
        taken_back_wrong=_rate(
            found.gold[i] != label for i, label in found.taken_back_lessons if i in found.gold
        ),
        wrong=[
            f.WrongLesson(gold=gold, taught=label, texts=n)
            for (gold, label), n in sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
        ][:PAIRS],
    )


def _cost(found: Read) -> f.Cost:
    counts, decided = found.counts, found.counts.decided
    money = found.judge.money_in_all if found.judge else 0.0
    return f.Cost(
        calls=counts.calls,
        tokens=counts.tokens,
        estimated=found.estimated,
        money=round(money, 6) if money else None,
        judged_texts=counts.judged,
        audits=counts.audited,
        calls_per_100_texts=round(100 * counts.calls / decided, 2) if decided else None,
        no_verdicts=found.no_verdicts,
    )


def _dead_letters(found: Read, texts: bool) -> f.DeadLetters:
    return f.DeadLetters(
        count=len(found.dead),
        by_error=dict(Counter(letter.error for letter in found.dead).most_common()),
        newest=[
            f.DeadLetter(
                position=letter.position,
                stage=letter.stage,
                error=letter.error,
                message=letter.message if texts else None,
            )
            for letter in found.dead[: -SOME - 1 : -1]
        ],
    )
