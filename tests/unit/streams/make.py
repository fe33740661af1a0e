"""Records as the tests need them: every field has a usual value, a test names what it is about."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from judge.policy import Decision
from judge.question import Answer
from streams.records import (
    Authority,
    Contender,
    DeadLetter,
    Labeled,
    Manifest,
    Recheck,
    Retrain,
    Text,
    Uncertain,
    Verdict,
)
from streams.stage import Delivered, Outgoing
from streams.topology import Topic
from streams.wire import Record, Vector

VECTOR = Vector.of(np.array([0.6, 0.8], np.float32), "encoder-1")


def text(id: str = "t1", words: str = "my printer is on fire", **fields: Any) -> Text:
    return Text(id=id, text=words, **fields)


def contenders(*labels: str) -> list[Contender]:
    return [
        Contender(label=label, probability=round(0.5 / place, 3))
        for place, label in enumerate(labels, 1)
    ]


def uncertain(
    id: str = "t1",
    labels: Sequence[str] = ("printer", "fire"),
    *,
    round: int = 1,
    embedding: Vector = VECTOR,
    **fields: Any,
) -> Uncertain:
    return Uncertain(
        text=fields.pop("text", text(id)),
        embedding=embedding,
        contenders=contenders(*labels),
        model=fields.pop("model", 1),
        round=round,
        **fields,
    )


def decision(label: str | None, *answers: Answer) -> Decision:
    return Decision(label, answers, (), "undecided" if label is None else "accepted")


def recheck(id: str = "t1", lead: str = "printer", *, round: int = 1, **fields: Any) -> Recheck:
    return Recheck(
        text=fields.pop("text", text(id)),
        embedding=fields.pop("embedding", VECTOR),
        lead=lead,
        round=round,
        model=fields.pop("model", 2),
        **fields,
    )


def labeled(
    id: str = "t1",
    label: str = "printer",
    authority: Authority = Authority.CLASSIFIER,
    decision: int = 1,
    **fields: Any,
) -> Labeled:
    return Labeled.make(
        fields.pop("text", text(id)), label, authority, decision, signed="test", model=1, **fields
    )


def verdict(
    id: str = "t1",
    outcome: str = "valid",
    *,
    event: str | None = None,
    held: Uncertain | None = None,
    **fields: Any,
) -> Verdict:
    usual: dict[str, Any] = {
        "question": "verify",
        "options": ["printer"],
        "signed": "test",
        "proposed": "printer",
        "confidence": 0.5,
        "model": 1,
        "at": 10.0,
    }
    event = event or f"verdict of {id}, round {fields.get('round', 1)}"
    return Verdict(id=id, event=event, outcome=outcome, held=held, **{**usual, **fields})


def undecided(case: Uncertain, **fields: Any) -> Verdict:
    """The final verdict that leaves a text with the ledger."""
    return verdict(
        case.text.id,
        "none",
        question="choose",
        final=True,
        decision="undecided",
        held=case,
        round=case.round,
        **{"model": case.model, **fields},
    )


def manifest(number: int = 2, touched: Sequence[str] = (), **fields: Any) -> Manifest:
    usual: dict[str, Any] = {
        "epoch": 1,
        "hash": f"hash-{number}",
        "encoder": "encoder-1",
        "threshold": 0.9,
        "labels": ["fire", "printer"],
        "parts": {},
        "applied": 16,
        "learnt": number,
        "at": float(number),
    }
    return Manifest(number=number, touched=list(touched), **{**usual, **fields})


@dataclass
class Followed:
    """As a feed, for whoever looks at the newest manifest only; the test may set another."""

    manifest: Manifest

    def newest(self) -> "Followed":
        return self


def feed(**fields: Any) -> Any:
    """A feed that serves one manifest."""
    return Followed(manifest(**fields))


def letter(offset: int = 0, *, value: str = "bm8=", **fields: Any) -> DeadLetter:
    usual: dict[str, Any] = {
        "topic": "texts",
        "partition": 0,
        "stage": "classify",
        "error": "Unreadable",
        "message": "not JSON",
        "attempt": 1,
        "version": "0",
        "at": float(offset),
    }
    return DeadLetter(offset=offset, value=value, **{**usual, **fields})


def lesson(
    id: str = "t1",
    label: str = "printer",
    kind: str = "accepted",
    embedding: Vector | None = VECTOR,
    **fields: Any,
) -> Retrain:
    words = fields.pop("text", f"text of {id}")
    return Retrain(kind=kind, id=id, label=label, text=words, embedding=embedding, at=1.0, **fields)


def delivered(
    topic: Topic,
    value: Record | bytes | None,
    offset: int = 0,
    key: bytes | None = None,
    **headers: str,
) -> Delivered:
    raw = value.encode() if isinstance(value, Record) else value
    return Delivered(
        topic.name, 0, offset, key, raw, {k.replace("_", "-"): v for k, v in headers.items()}
    )


def batch(topic: Topic, *values: Record | bytes, first: int = 0) -> list[Delivered]:
    """Records as they lie one behind the other in a topic."""
    return [delivered(topic, value, first + place) for place, value in enumerate(values)]


def of(topic: Topic, records: Sequence[Outgoing]) -> list[Any]:
    """What was published to a topic, decoded."""
    assert topic.record is not None
    return [topic.record.decode(r.value) for r in records if r.topic == topic.name]


def dump(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}
