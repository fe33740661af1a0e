"""The records on the wire: what they are, byte for byte, and what order they have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.errors import Unreadable
from streams.records import Authority, Labeled, Retrain
from streams.wire import Record, Vector, content_of, derived_id
from tests.unit.streams import make
from tests.unit.streams.golden import RECORDS, older
from tools.goldens import folders, newest


def golden(kind: str) -> bytes:
    return newest(kind).read_bytes()


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_is_written_as_its_golden_file_says(kind: str) -> None:
    assert RECORDS[kind].encode() + b"\n" == golden(kind)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_golden_file_is_read_as_its_record(kind: str) -> None:
    assert type(RECORDS[kind]).decode(golden(kind)) == RECORDS[kind]


@pytest.mark.parametrize("path", older(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_an_older_version_wrote_is_read_and_what_it_lacks_has_its_default(path: Path) -> None:
    written = json.loads(path.read_bytes())
    read = type(RECORDS[path.stem]).decode(path.read_bytes())
    again = json.loads(read.encode())
    assert common(written, again) == written
    assert not read.__class__.model_fields.keys() - written.keys() & read.model_fields_set


def common(old: Any, new: Any) -> Any:
    """`new` without what `old` does not have."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: common(value, new.get(key)) for key, value in old.items()}
    return new


FREE = {"ageing", "attributes", "parts", "evidence", "headers", "renamed", "shares"}
"""Fields whose own keys are data."""


def of_a_later_version(value: Any) -> Any:
    match value:
        case dict():
            grown = {k: v if k in FREE else of_a_later_version(v) for k, v in value.items()}
            return {"a later field": {"x": [1]}, **grown}
        case list():
            return [of_a_later_version(one) for one in value]
    return value


@pytest.mark.parametrize("kind", RECORDS)
def test_fields_of_a_later_version_are_ignored_wherever_they_are(kind: str) -> None:
    newer = of_a_later_version(json.loads(golden(kind)))
    assert type(RECORDS[kind]).decode(json.dumps(newer).encode()) == RECORDS[kind]


def test_every_golden_file_belongs_to_a_record() -> None:
    files = [path for folder in folders() for path in folder.glob("*.json")]
    assert {path.stem for path in files} == set(RECORDS)


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{}", b"{", b'{"id": "\xff"}', b"NaN"])
def test_what_is_no_record_says_which_and_why(value: bytes | None) -> None:
    with pytest.raises(Unreadable, match=r"no Labeled: \w+: "):
        Labeled.decode(value)


def test_a_field_of_the_wrong_kind_is_named() -> None:
    wrong = json.loads(golden("Uncertain"))
    wrong["text"]["id"] = 5
    with pytest.raises(Unreadable, match=r"no Uncertain: text\.id: Input should be a valid string"):
        make.uncertain().decode(json.dumps(wrong).encode())


def test_a_lesson_teaches_with_an_embedding_and_a_revocation_needs_none() -> None:
    with pytest.raises(ValueError, match="a lesson without an embedding"):
        make.lesson(embedding=None)
    revoked = make.lesson(kind="revoked", embedding=None)
    assert Retrain.decode(revoked.encode()) == revoked


def test_a_person_overrules_the_judge_and_the_judge_the_classifier() -> None:
    assert sorted(Authority, key=lambda authority: authority.rank) == [
        Authority.CLASSIFIER,
        Authority.JUDGE,
        Authority.PERSON,
    ]


def test_events_order_by_authority_then_decision_then_event() -> None:
    rising = [
        make.labeled(authority=Authority.CLASSIFIER, decision=2),
        make.labeled(authority=Authority.CLASSIFIER, decision=10),
        make.labeled(authority=Authority.JUDGE, decision=1),
        make.labeled(authority=Authority.JUDGE, decision=2),
        make.labeled(authority=Authority.PERSON, decision=1),
    ]
    assert sorted(reversed(rising), key=lambda event: event.order) == rising
    same_decision = [make.labeled(label="a"), make.labeled(label="b")]
    assert same_decision[0].order != same_decision[1].order
    assert same_decision[0].order[:2] == same_decision[1].order[:2]


def test_an_event_made_twice_is_the_same_event() -> None:
    first, again = make.labeled(confidence=0.9), make.labeled(confidence=0.8)
    assert first.event == again.event == "e0b4eed7-2749-5b7b-b484-5a33702fef2f"


@pytest.mark.parametrize(
    "other",
    [
        make.labeled("t2"),
        make.labeled(label="fire"),
        make.labeled(decision=2),
        make.labeled(authority=Authority.JUDGE),
        make.labeled(text=make.text(words="other words")),
    ],
)
def test_an_event_of_anything_else_is_another_event(other: Labeled) -> None:
    assert other.event != make.labeled().event


def test_an_event_carries_the_text_and_all_that_came_with_it() -> None:
    text = make.text(attributes={"channel": "mail"}, source="file:3", received=5.0)
    event = make.labeled(text=text)
    assert (event.id, event.text, event.attributes) == (text.id, text.text, {"channel": "mail"})
    assert (event.source, event.received) == ("file:3", 5.0)


def test_derived_ids_never_change() -> None:
    """Stored in logs and in Qdrant: another value would make every old record another one."""
    assert derived_id("text", "/data/mail.jsonl:17") == "1f4bec47-d2f9-583a-b3b3-870fc9ddabd5"
    assert derived_id("text", "texts/0/5") == "ac6419ae-bd8a-5bd7-905a-a34b2a9b8e23"
    assert derived_id("a", "b") != derived_id("ab") != derived_id("a b")


def test_the_key_of_a_content_never_changes_and_ignores_outer_space() -> None:
    assert content_of("my printer is on fire") == "201be4c3b90a47c3"
    assert content_of(" my printer is on fire\n") == content_of("my printer is on fire")
    assert content_of("my  printer is on fire") != content_of("my printer is on fire")


def test_an_embedding_travels_as_float16() -> None:
    sent = np.random.default_rng(0).normal(size=384).astype(np.float32)
    arrived = Vector.decode(Vector.of(sent, "encoder-1").encode())
    assert arrived.encoder == "encoder-1"
    assert arrived.array().dtype == np.float32
    assert (arrived.array() == sent.astype(np.float16).astype(np.float32)).all()


def test_an_embedding_that_has_travelled_is_not_rounded_again() -> None:
    sent = np.linspace(-1, 1, 384, dtype=np.float32)
    once = Vector.of(sent, "e")
    assert Vector.of(once.array(), "e") == once


@pytest.mark.parametrize("damaged", ["not base64!", "AA==", "AAA", "ünï"])
def test_a_damaged_embedding_is_unreadable(damaged: str) -> None:
    with pytest.raises(Unreadable, match="no embedding"):
        Vector(encoder="e", f16=damaged).array()


def test_a_dead_letter_gives_back_the_very_bytes() -> None:
    letter = make.letter(3, value="//4AYQ==", key="/w==")
    assert (letter.original(), letter.original_key()) == (b"\xff\xfe\x00a", b"\xff")
    assert make.letter().original_key() is None
    assert letter.position == "texts/0/3"


def test_numbers_that_json_cannot_say_become_null() -> None:
    record: Record = make.labeled(confidence=float("nan"))
    assert json.loads(record.encode())["confidence"] is None
