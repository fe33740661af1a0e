"""Every topic of Kafka (or of the embedded log), with anything in it that a producer can write."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from functools import cache, partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from streams.errors import NoModel, NoVersion
from streams.records import Authority, Weighed
from streams.scores import Scores
from streams.topology import (
    DEADLETTERS,
    DRIFT,
    LABELED,
    LABELED_LATEST,
    LABELS,
    MANIFEST,
    MARKS,
    MODELS,
    PART,
    PIN,
    RECHECK,
    RETRAIN,
    ROUNDS,
    TEXTS,
    TREE,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
    Topic,
)
from streams.wire import Record
from tests.hostile.bench import Bench, Sent
from tests.hostile.boundary import Boundary
from tests.hostile.given import almost, damaged, headers, ids, keys, odd_texts
from tests.unit.streams import golden, make, tiny

AT_A_TIME = 24
"""Hostile records beside one good text."""


@cache
def whole(kind: str) -> bytes:
    """A record of a kind that fits the model at hand: what is wrong with it is what is changed."""
    vector = tiny.vector("a printer on a trip")
    case = make.uncertain("h1", tiny.LABELS[:2], embedding=vector, scores=_scores(), apart=True)
    made: dict[str, Record] = {
        "Uncertain": case,
        "Recheck": make.recheck("h1", "printer", embedding=vector, round=1, model=1),
        "Labeled": make.labeled("h1", "printer", Authority.JUDGE),
        "Verdict": make.undecided(
            case,
            apart=vector,
            scores=_scores(),
            weighed=Weighed(rightly=0.5, wrongly=0.5, label="printer", probability=0.9),
        ),
        "Review": make.undecided(case, authority=Authority.PERSON),
        "Retrain": make.lesson("h1", "printer", embedding=vector),
        "LabelCommand": golden.RECORDS["LabelCommand"].model_copy(
            update={"label": "printer", "into": "room", "embedding": vector}
        ),
        "Drift": golden.RECORDS["Drift"],
        "Round": golden.RECORDS["Round"].model_copy(update={"version": 1, "end": None}),
        "DeadLetter": golden.RECORDS["DeadLetter"],
        "FileMark": golden.RECORDS["FileMark"],
    }
    return made[kind].encode()


@cache
def _scores() -> Scores:
    return Scores.of(tiny.classifier().scored(tiny.embed("a printer on a trip")[None])[1][0])


@st.composite
def text_values(draw: st.DrawFn) -> bytes:
    """A text from outside, or something like it."""
    base = {"id": draw(ids), "text": draw(odd_texts), "more": {"a": [1, None]}}
    return draw(almost(json.dumps(base).encode()))


def sent(values: SearchStrategy[bytes]) -> SearchStrategy[Sent]:
    return st.builds(Sent, st.one_of(st.none(), values, values, values), keys, headers)


@st.composite
def model_records(draw: st.DrawFn) -> Sent:
    """Parts, trees, manifests and pins: damaged, or whole and saying something odd."""
    name = draw(st.sampled_from([PART, TREE, MANIFEST, PIN, ""]))
    if name == MANIFEST:
        manifest = draw(almost(_manifest()))
        value = draw(st.sampled_from([manifest, squeezed_bytes(manifest)]))
        number = draw(st.sampled_from(["2", "2", "3", "9" * 5_000, "-1", "x", "٣"]))
        return Sent(draw(st.one_of(st.just(value), damaged(value))), (MANIFEST + number).encode())
    if name in (PART, TREE):
        whole = draw(st.sampled_from(_parts()))
        content = draw(damaged(whole).filter(lambda bad: bad != whole))
        if name == TREE:
            content = squeezed_bytes(draw(almost(b'{"parts": {"head/000": "aa", "state": "bb"}}')))
        sha = draw(st.sampled_from([hashlib.sha256(content).hexdigest(), "00" * 32, "", "\x00"]))
        return Sent(draw(st.one_of(st.none(), st.just(content))), (name + sha).encode())
    number = draw(st.sampled_from(["1", "9" * 5_000, "9" * 30, "٣", "²", "-1", ""]))
    return Sent(draw(st.one_of(st.none(), st.binary(max_size=9))), (name + number).encode())


def squeezed_bytes(value: bytes) -> bytes:
    import zlib

    return zlib.compress(value, 6)


@cache
def _newest() -> tuple[bytes, tuple[bytes, ...]]:
    """The manifest of a fitted folder, and the parts that it names."""
    with closing(Bench()) as bench:
        from streams.feed import Feed

        feed = Feed(bench.log)
        manifest = feed.newest().manifest.model_copy(update={"number": 2})
        return manifest.encode(), tuple(p for p in feed.repository.parts.values() if p)


def _manifest() -> bytes:
    return _newest()[0]


def _parts() -> tuple[bytes, ...]:
    return _newest()[1]


def put(topic: Topic, records: list[Sent]) -> str:
    with closing(Bench()) as bench:
        try:
            return bench.put(topic.name, records)
        except (NoModel, NoVersion):
            if topic is not MODELS:  # who may write there can take the model away
                raise
            return "error"


def of(topic: Topic, *kinds: str) -> Boundary:
    values = st.sampled_from(kinds).flatmap(_almost)
    return _topic(topic, sent(values))


def _almost(kind: str) -> SearchStrategy[bytes]:
    return almost(whole(kind))


def _topic(topic: Topic, one: SearchStrategy[Sent], share: int = 1) -> Boundary:
    many: SearchStrategy[Any] = st.lists(one, min_size=1, max_size=AT_A_TIME)
    return Boundary(f"topic {topic.name}", many, partial(put, topic), share)


TOPICS = (
    _topic(TEXTS, sent(text_values()), share=3),
    of(UNCERTAIN, "Uncertain"),
    of(UNCERTAIN_LATER, "Uncertain"),
    of(VERDICTS, "Verdict", "Review"),
    of(RETRAIN, "Retrain"),
    _topic(MODELS, model_records()),
    of(LABELED, "Labeled"),
    of(RECHECK, "Recheck"),
    of(ROUNDS, "Round"),
    of(LABELED_LATEST, "Labeled"),
    of(LABELS, "LabelCommand"),
    of(DRIFT, "Drift"),
    of(DEADLETTERS, "DeadLetter"),
    of(MARKS, "FileMark"),
)
