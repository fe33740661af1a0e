"""What is watched for drift: from the records of a stream to `drift` events.

Every detector follows one topic alone, so that what it finds depends on that topic's order and not
on how topics were interleaved; the texts shown as examples may come from another one.

- *disagreement*, from `verdicts`: audits are a random sample of the confident texts, so their rate
  is unbiased; doubtful texts are all judged and are a series of their own.
- *embeddings*, from `uncertain`: audits stand for the confident texts, and of the doubtful ones as
  small a share is kept: together a random sample of all texts.
- *shares*, from `labeled`: the first label of every text, by classifier or judge.

A person's word is in none of them: which texts a person looks at, and when, says nothing of the
stream.

What was more likely to be judged than other texts is thinned out to their rate, drawn by id.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from pydantic import JsonValue

from models.drift import Change, Disagreement, Judged
from models.two_sample import Sample, Windows, embeddings, shares
from streams.records import Authority, Drift, Labeled, Uncertain, Verdict
from streams.stage import Delivered
from streams.wire import Record, derived_id

EMBEDDINGS = {"reference": 500, "window": 250}
SHARES = {"reference": 1_000, "window": 500}
"""How many texts are held against how many."""

RECENT = 10_000
"""Ids that are remembered, to count nothing twice, and texts, for examples."""

EXCERPT = 300
"""The longest example, in characters."""

Kind = Literal["disagreement", "embeddings", "shares"]
Series = Literal["audits", "doubtful"]


class _Recent(dict[str, str]):
    """The latest keys, with a value each."""

    def add(self, key: str, value: str = "") -> bool:
        """Remember a key; False if it is there already."""
        if key in self:
            return False
        self[key] = value
        if len(self) > RECENT:
            del self[next(iter(self))]
        return True


class Watch:
    """All detectors of one stream. Its state is a function of the records it was given."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._disagreement: dict[Series, Disagreement] = {}
        self._judge: dict[Series, str] = {}
        self._encoder = ""
        self._embeddings = Windows(embeddings, **EMBEDDINGS, seed=seed)
        self._shares = Windows(shares, **SHARES, seed=seed)
        self._cases, self._verdicts, self._labeled = _Recent(), _Recent(), _Recent()

    def to_json(self) -> dict[str, Any]:
        """Return all that it knows, exactly."""
        return {
            "disagreement": {name: one.to_json() for name, one in self._disagreement.items()},
            "judge": dict(self._judge),
            "encoder": self._encoder,
            "embeddings": self._embeddings.to_json(),
            "shares": self._shares.to_json(),
            "recent": [dict(self._cases), list(self._verdicts), dict(self._labeled)],
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], *, seed: int) -> Watch:
        """Go on from there. Raises `KeyError`, `TypeError` or `ValueError`: it is no such state."""
        made = cls(seed=seed)
        for name, one in state["disagreement"].items():
            made._disagreement[name] = Disagreement.from_json(one)
        made._judge |= state["judge"]
        made._encoder = str(state["encoder"])
        made._embeddings.restore(state["embeddings"])
        made._shares.restore(state["shares"])
        cases, verdicts, labeled = state["recent"]
        made._cases.update(cases)
        made._verdicts.update(dict.fromkeys(verdicts, ""))
        made._labeled.update(labeled)
        return made

    def forget(self, gone: Container[str]) -> bool:
        """Know nothing any more of the texts of these ids; tell whether any was known."""
        found = [one.forget(gone) for one in self._disagreement.values()]
        found += [self._embeddings.forget(gone), self._shares.forget(gone)]
        for recent in (self._cases, self._labeled):
            known = [text_id for text_id in recent if text_id in gone]
            for text_id in known:
                del recent[text_id]
            found.append(bool(known))
        return any(found)

    def observe(self, record: Record, source: Delivered) -> Drift | None:
        """Take in one record of any of the three topics; tell what it brings to light."""
        match record:
            case Uncertain():
                return self._uncertain(record, source)
            case Verdict():
                return self._verdict(record, source)
            case Labeled():
                return self._label(record, source)
        return None

    def _uncertain(self, case: Uncertain, source: Delivered) -> Drift | None:
        first = case.round == 1 and case.attempt == 0
        if not first or not self._cases.add(case.text.id, case.text.text[:EXCERPT]):
            return None
        if not self._drawn(case.text.id, case.rate / case.inclusion):
            return None
        vector = case.embedding.array()
        encoder = f"{case.embedding.encoder}/{len(vector)}"
        if encoder != self._encoder:  # vectors of two encoders cannot be compared
            self._encoder = encoder
            self._embeddings = Windows(embeddings, **EMBEDDINGS, seed=self._seed)
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
        sample = Sample(case.text.id, case.contenders[0].label, source.at, vector)
        found = self._embeddings.observe(sample)
        return _event("embeddings", None, found, source, self._cases)

    def _verdict(self, verdict: Verdict, source: Delivered) -> Drift | None:
        counted = verdict.final and verdict.round == 1 and verdict.authority is Authority.JUDGE
        # No verdict says nothing about the label, nor does one who sees what the classifier sees.
        if not counted or verdict.outcome == "no_verdict" or not verdict.independent:
            return None
        # What nobody is asked about but at random is neither as sure as audits nor as doubtful.
        if verdict.spared or not self._verdicts.add(verdict.event):
            return None
        series: Series = "audits" if verdict.audit else "doubtful"
        if series == "audits" and not self._drawn(verdict.id, verdict.rate / verdict.inclusion):
            return None
        if self._judge.get(series) != verdict.signed:  # another judge disagrees in its own way
            self._judge[series] = verdict.signed
            self._disagreement[series] = Disagreement()
        judged = Judged(
            id=verdict.id,
            label=verdict.proposed,
            said=verdict.label if verdict.decision == "accepted" else None,
            expected=1 - verdict.confidence,
            at=source.at,
        )
        found = self._disagreement[series].observe(judged)
        return _event("disagreement", series, found, source, self._cases)

    def _label(self, event: Labeled, source: Delivered) -> Drift | None:
        if event.authority is Authority.PERSON:
            return None
        if not self._labeled.add(event.id, event.text[:EXCERPT]):
            return None
        found = self._shares.observe(Sample(event.id, event.label, source.at))
        return _event("shares", None, found, source, self._labeled)

    def _drawn(self, text_id: str, share: float) -> bool:
        digest = blake2b(f"drift\x1f{self._seed}\x1f{text_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < share * 2**64


def _event(
    kind: Kind,
    series: Series | None,
    found: Change | None,
    source: Delivered,
    texts: Mapping[str, str],
) -> Drift | None:
    if found is None:
        return None
    evidence: dict[str, JsonValue] = {
        "statistic": round(found.statistic, 6),
        "bound": round(found.bound, 6),
    }
    for name, value in found.evidence.items():
        evidence[name] = round(value, 6) if isinstance(value, float) else value  # type: ignore[assignment]
    return Drift(
        kind=kind,
        event=derived_id("drift", kind, series or "", source.position),
        series=series,
        labels=list(found.labels),
        since=found.since,
        evidence=evidence,
        texts=[text_id for text_id in found.ids if text_id],
        examples=[texts[text_id] for text_id in found.ids if text_id in texts],
        at=source.at,
    )
