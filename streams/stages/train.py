"""train: what was accepted teaches the classifier, and what was judged sets the threshold.

Each batch with a lesson, a label command, or a new finding about what goes out unasked, ends in one
new version. The state is the newest version of the feed and the offsets in `retrain` and `labels`
that its manifest says are applied, so that a lesson delivered twice is learnt once and a command
carried out once; and what `verdicts` say (`streams.audits`, `streams.answers`). Lessons of the
judge that make the model worse are refused (`streams.gate`), and after a change of meaning what
labels were taught before it goes (`streams.ageing`). A version of another encoder, which a command
publishes (`streams.program.encoder_change`), may lack what was taught meanwhile: it is read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from streams.ageing import calls_for_it, named, outlived, taught_since
from streams.answers import Answers
from streams.audits import Audits
from streams.derived import catch_up
from streams.encoding import Encodings
from streams.errors import NotYet
from streams.feed import Feed, Version
from streams.following import Following
from streams.forgotten import Gone, GoneNow, in_batch
from streams.gate import compare
from streams.intake import Intake
from streams.labelset import LabelSet
from streams.outputs import Outputs
from streams.records import (
    Drift,
    LabelCommand,
    Layered,
    Manifest,
    Refusal,
    Retrain,
    Verdict,
)
from streams.stage import Delivered, Outgoing, Reader, dead_letter, outgoing, sort_out
from streams.teaching import (
    Read,
    Taught,
    accepted_by_judge,
    is_of_judge,
    teach,
    unlearnt,
)
from streams.terms import Change, Shares, Terms
from streams.topology import DRIFT, LABELED, LABELS, RETRAIN, TRAIN, VERDICTS

log = structlog.get_logger()


class Train:
    """Owns the model: everybody else follows it."""

    spec = TRAIN

    def __init__(
        self,
        feed: Feed,
        audits: Audits | None = None,
        outputs: Outputs | None = None,
        answers: Answers | None = None,
        following: Following | None = None,
        *,
        keep_terms: bool = False,
        encodings: Encodings | None = None,
    ) -> None:
        """Without `outputs` label shares stay as they are, and without `following` the weights;
        without `answers` nothing is said of what the judge's are worth. Without `audits` the
        threshold is the one cross-validated on the examples. Where `keep_terms` (for who teaches
        between two runs) all stays as it is. Without `encodings` vectors of another encoder than
        the model's cannot be used.
        """
        self._feed = feed
        self._audits = audits
        self._keep_terms = keep_terms
        self._outputs = outputs
        self._answers = answers
        self._following = following
        self._intake = Intake(encodings)
        self._reader: Reader | None = None
        self._gone = GoneNow()

    async def start(self, reader: Reader) -> None:
        """The feed is the state of the model; what was judged is read again if it was lost."""
        self._reader = reader
        self._gone.news(reader)
        self._intake.start(reader)
        if self._outputs is not None:
            self._outputs.start(reader, reader.position(self.spec.name, LABELED.name))
        if self._answers is not None:
            self._answers.start(reader, reader.position(self.spec.name, VERDICTS.name))
        if self._audits is not None:
            self._begin(self._feed.newest().manifest)
            await catch_up(reader, self.spec, (VERDICTS,), self._audits.position, self._again)
        if self._following is not None:
            await catch_up(reader, self.spec, (VERDICTS,), self._following.position, self._refollow)

    def _begin(self, manifest: Manifest) -> None:
        """Count answers from where the version says, which is news after a change of encoder."""
        if self._audits is not None:
            moved = manifest.encoded is not None
            at = manifest.encoded.verdicts if manifest.encoded else 0
            meaning = not moved or manifest.judged_from != at
            self._audits.begin(manifest.judged_from, meaning=meaning)

    async def _again(self, batch: Sequence[Delivered]) -> None:
        since = _since(self._feed.newest().manifest)
        for delivered, verdict in self._verdicts(batch):
            if self._audits is not None:
                self._audits.observe(delivered, verdict, since)

    async def _refollow(self, batch: Sequence[Delivered]) -> None:
        self._follow(self._verdicts(batch))

    async def close(self) -> None:
        """Save what would otherwise be read again."""
        for derived in (self._audits, self._following):
            if derived is not None:
                derived.save()

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Learn the batch in its order and return the next version, if anything changed."""
        version = self._feed.newest()
        self._begin(version.manifest)
        if self._reader is not None:
            self._gone.news(self._reader)
        if gone := in_batch(batch):
            self._forget(gone)
        self._observe([d for d in batch if d.topic == VERDICTS.name])
        news = self._intake.news(batch, version.manifest)
        news = [one for one in news if not self._gone.about(one)]
        read, dead = sort_out(news, self.spec.name, lambda d: self._intake.read(d, version))
        drifts, unread = sort_out(
            [d for d in batch if d.topic == DRIFT.name],
            self.spec.name,
            lambda d: Drift.decode(d.value),
        )
        dead += unread
        read = await asyncio.to_thread(self._intake.encoded, read, version)
        change = self._changed(batch, [drift for _, drift in drifts], version.manifest)
        terms = self._terms(version)
        taught, refused = await asyncio.to_thread(self._gated, version, read)
        dead += [dead_letter(one, self.spec.name, error) for one, error in taught.unusable]
        ends = {one.topic: one.offset + 1 for one in news}
        holding = set[int]()
        if gone:
            holding = await asyncio.to_thread(unlearnt, self._feed, taught, gone)
        old, waiting = outlived(taught.classifier, change.ageing)
        dead += [_revoked(id_, label, "drift") for id_, label in old.items()]
        change = replace(change, ageing=waiting)
        changed = taught.lessons or refused or holding or LABELS.name in ends
        changed = changed or terms != version.terms or change != Change.of(version.manifest)
        shares = self._shares(batch, version, taught.labels, due=bool(changed))
        if not changed and shares == Shares.of(version.manifest):
            return dead
        if self._feed.newest() is not version:
            # Published beside us: what is learnt here would be that version undone.
            raise NotYet("the model was moved or rolled back meanwhile", delay=0.0)
        if refused is not None:
            dead += [
                _revoked(lesson.id, lesson.label, "gate")
                for lesson in accepted_by_judge(read, refused.lessons)
            ]
        return dead + self._feed.publish(
            taught.classifier,
            applied=ends.get(RETRAIN.name, version.manifest.applied),
            learnt=version.manifest.learnt + taught.learnt,
            touched=sorted(taught.touched),
            terms=terms,
            refused=refused,
            change=change,
            shares=shares,
            layer=self._layered(version),
            without=holding,
            labels=replace(
                taught.labels, applied=ends.get(LABELS.name, version.manifest.applied_labels)
            ),
        )

    def _forget(self, gone: Gone) -> None:
        for derived in (self._audits, self._answers, self._following):
            if derived is not None:
                derived.forget(gone)

    def _gated(self, version: Version, read: Read) -> tuple[Taught, Refusal | None]:
        """Learn; where that makes the model worse, without what the judge accepted.

        A person's lessons, revocations and commands are no opinion that texts could overrule.
        """
        taught = teach(version, read)
        by_judge = [lesson for lesson in taught.lessons if is_of_judge(lesson)]
        if self._audits is None or not by_judge:
            return taught, None
        kept = [item for item in read if not is_of_judge(item[1])]
        before, without = version.classifier, None
        if any(isinstance(record, LabelCommand) for _, record in read):
            # What a command changes is not held against the lessons beside it.
            without = teach(version, kept)
            before = without.classifier
        now = taught.labels.now
        apart = [replace(one, label=now(one.label)) for one in self._audits.apart]
        found = compare(taught.classifier, before, apart)
        if not found.worse:
            return taught, None
        refusal = Refusal(
            lessons=[lesson.id for lesson in by_judge],
            texts=found.texts,
            lost=found.lost,
            won=found.won,
            p=found.p,
        )
        log.warning(
            "lessons that make the model worse were refused",
            lessons=len(by_judge),
            **refusal.model_dump(exclude={"lessons"}),
        )
        without = without or teach(version, kept)
        without.unusable = taught.unusable
        return without, refusal

    def _observe(self, batch: Sequence[Delivered]) -> None:
        verdicts, since = self._verdicts(batch), _since(self._feed.newest().manifest)
        for delivered, verdict in verdicts:
            if self._audits is not None:
                self._audits.observe(delivered, verdict, since)
            if self._answers is not None:
                self._answers.observe(delivered, verdict)
        self._follow(verdicts)

    def _follow(self, verdicts: Sequence[tuple[Delivered, Verdict]]) -> None:
        if self._following is None or not verdicts:
            return
        version = self._feed.newest()
        labels, fitted = LabelSet.of(version.manifest), version.classifier.reference.combination
        for delivered, verdict in verdicts:
            if verdict.model >= _since(version.manifest):
                self._following.observe(delivered, verdict, labels, fitted)

    def _verdicts(self, batch: Sequence[Delivered]) -> list[tuple[Delivered, Verdict]]:
        # What cannot be read is put to the dead letters by the ledger, which reads it as well.
        told = [one for one in batch if not self._gone.about(one)]
        return sort_out(told, self.spec.name, lambda d: Verdict.decode(d.value))[0]

    def _changed(
        self, batch: Sequence[Delivered], drifts: Sequence[Drift], manifest: Manifest
    ) -> Change:
        """Return which labels changed their meaning, by alarms and by what was judged since.

        An alarm makes everything that the judge said before count no more.
        """
        change = Change.of(manifest)
        if self._audits is None or self._reader is None:
            return change
        for drift in drifts:
            if calls_for_it(drift):
                offset = taught_since(self._reader, drift.since)
                change = Change(offset, named(change.ageing, drift.labels, offset))
                self._audits.begin(_behind(batch, VERDICTS.name, self._reader))
        news = [label for label in self._audits.changed() if label not in change.ageing]
        return replace(change, ageing=named(change.ageing, news, change.taught_from))

    def _shares(
        self, batch: Sequence[Delivered], version: Version, labels: LabelSet, *, due: bool
    ) -> Shares:
        before = Shares.of(version.manifest)
        if self._outputs is None:
            return before
        self._outputs.observe([one for one in batch if one.topic == LABELED.name])
        fitted = version.classifier.reference.counts
        return self._outputs.shares(labels, fitted, before, due=due)

    def _layered(self, version: Version) -> Layered | None:
        if self._following is None:
            return None
        return self._following.layered(version.classifier.reference.combination)

    def _terms(self, version: Version) -> Terms:
        before, terms = version.terms, Terms(version.classifier.threshold)
        if self._keep_terms:
            return before
        if self._audits is not None:
            terms = self._audits.terms(terms.threshold, before)
        if self._answers is None:
            return replace(terms, trust=None)
        settling = self._audits is not None and self._audits.settling
        return replace(terms, trust=self._answers.reliability(before.trust, believed=settling))


def _behind(batch: Sequence[Delivered], topic: str, reader: Reader) -> int:
    """Return the offset in a topic that the batch leads to."""
    ends = [one.offset + 1 for one in batch if one.topic == topic]
    return max(ends, default=reader.position(TRAIN.name, topic))


def _revoked(text_id: str, label: str, signed: str) -> Outgoing:
    """Take a lesson back for everyone who reads `retrain`: it must not testify either."""
    record = Retrain(kind="revoked", id=text_id, label=label, signed=signed, at=time.time())
    return outgoing(RETRAIN, text_id, record)


def _since(manifest: Manifest) -> int:
    """Return the first version that reads vectors of this one's encoder, as far as that matters."""
    return manifest.encoded.number if manifest.encoded else 0
