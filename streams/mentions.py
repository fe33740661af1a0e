"""Where a text is found in records: those that are about it, and what others say of it.

A judge's answer about one text names the examples it went by, which are other texts, and its reason
may quote them; an event of drift shows texts; a snapshot of the detectors holds their beginnings.
"""

from __future__ import annotations

from streams.errors import Unreadable
from streams.forgotten import Gone
from streams.records import DeadLetter, Drift, Labeled, Verdict
from streams.snapshot import KEY, Snapshot
from streams.stage import Delivered
from streams.topology import DEADLETTERS, DRIFT, LABELED, LABELED_LATEST, MARKS, VERDICTS
from streams.trace import text_id
from streams.wire import squeezed, unsqueezed


def subject(delivered: Delivered) -> str | None:
    """Return the id of the text that a record is about; None where it is about none.

    A dead letter is about the text that its original was about.
    """
    if delivered.value is None:
        return None
    if delivered.topic != DEADLETTERS.name:
        return text_id(delivered)
    try:
        return subject_of(DeadLetter.decode(delivered.value))
    except Unreadable:
        return None


def subject_of(letter: DeadLetter) -> str | None:
    """Return the id of the text that a dead letter is about."""
    original = Delivered(
        letter.topic,
        letter.partition,
        letter.offset,
        letter.original_key(),
        letter.original(),
        letter.headers,
    )
    return subject(original)


def without(delivered: Delivered, gone: Gone) -> bytes | None:
    """Return the value of a record about something else with nothing left of forgotten texts.

    The very same value where there was nothing; None where nothing would be left.
    """
    value = delivered.value
    try:
        if delivered.topic == VERDICTS.name:
            verdict = Verdict.decode(value)
            left = verdict_without(verdict, gone)
            return value if left is verdict else left.encode()
        if delivered.topic in (LABELED.name, LABELED_LATEST.name):
            event = unsqueezed(Labeled, value)
            after = event_without(event, gone)
            return value if after is event else after.encode()
        if delivered.topic == DRIFT.name:
            drift = Drift.decode(value)
            told = drift_without(drift, gone)
            return value if told is drift else told.encode()
        if delivered.topic == MARKS.name and delivered.key == KEY.encode():
            from streams.drift import Watch  # here: with numpy

            snapshot = unsqueezed(Snapshot, value)
            watch = Watch.from_json(dict(snapshot.watch), seed=0)
            if not watch.forget(gone):
                return value
            return squeezed(snapshot.model_copy(update={"watch": watch.to_json()}))
    except (Unreadable, KeyError, TypeError, ValueError):
        return value
    return value


def verdict_without(verdict: Verdict, gone: Gone) -> Verdict:
    """Return a verdict without forgotten examples, and then without its reason: it may quote them.

    The very same one where it names none.
    """
    left = [one for one in verdict.neighbours if one not in gone]
    if len(left) == len(verdict.neighbours):
        return verdict
    return verdict.model_copy(update={"neighbours": left, "reason": ""})


def event_without(event: Labeled, gone: Gone) -> Labeled:
    """Return a labelled event without forgotten examples; the very same one where it names none."""
    left = [one for one in event.neighbours if one not in gone]
    if len(left) == len(event.neighbours):
        return event
    return event.model_copy(update={"neighbours": left})


def drift_without(drift: Drift, gone: Gone) -> Drift:
    """Return an event of drift that shows no forgotten text; the very same one where it does not.

    Where it cannot be told which example is whose, none is left.
    """
    left = [one for one in drift.texts if one not in gone]
    if len(left) == len(drift.texts):
        return drift
    examples = []
    if len(drift.examples) == len(drift.texts):
        pairs = zip(drift.texts, drift.examples, strict=True)
        examples = [words for text_id, words in pairs if text_id not in gone]
    return drift.model_copy(update={"texts": left, "examples": examples})
