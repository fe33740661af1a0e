"""Texts that are forgotten: what each stage, the log and the ledger make of it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from judge.memory_store import MemoryExampleStore
from streams.answers import Answers
from streams.audits import Audits
from streams.database import scoured
from streams.drift import Watch
from streams.embedded.erasing import erase
from streams.embedded.log import SqliteLog
from streams.erased import forgotten_at
from streams.forgotten import Gone, GoneNow, followed
from streams.incoming import ROW_HEADER
from streams.ledger import Ledger, open_ledger
from streams.mentions import drift_without, verdict_without
from streams.records import Drift, Forgotten, Retrain
from streams.snapshot import Snapshot, snapshot_of
from streams.stage import ERASED, Outgoing, outgoing, own_part, text_of
from streams.stages.drift import Notice
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.stages.write import Write
from streams.tallies import recounted, tallies
from streams.topology import (
    DEADLETTERS,
    DRIFT,
    FORGOTTEN,
    LABELED,
    LABELED_LATEST,
    RETRAIN,
    TEXTS,
    UNCERTAIN,
    VERDICTS,
)
from tests.searched import everywhere
from tests.unit.streams import make
from tests.unit.streams.test_ledger import TOPIC_OF, apply

TOPIC_OF["Forgotten"] = FORGOTTEN


def forgotten(*ids: str, at: float = 5.0) -> list[Forgotten]:
    return [Forgotten.of(text_id, at) for text_id in ids]


def forget(log: SqliteLog, *ids: str) -> None:
    log.append([outgoing(FORGOTTEN, one.digest, one) for one in forgotten(*ids)])


def values(log: SqliteLog, topic: str) -> list[bytes | None]:
    return [one.value for one in log.read_from(topic, 0, 1_000)]


# who follows


def test_the_record_does_not_tell_who_it_was() -> None:
    (record,) = forgotten("alice@example.org")
    assert b"alice" not in record.encode()
    assert "alice@example.org" in Gone([record])
    assert "bob" not in Gone([record])


def test_everybody_sees_what_is_forgotten_meanwhile(log: SqliteLog) -> None:
    gone = GoneNow()
    assert not gone.news(log)
    forget(log, "t1", "t2")
    assert gone.news(log)
    assert (gone.of(["t1", "t3"]), gone.at("t2"), gone.at("t3")) == ({"t1"}, 5.0, None)
    assert not gone.news(log)


def test_a_record_that_cannot_be_read_forgets_nothing(log: SqliteLog) -> None:
    log.append([Outgoing(FORGOTTEN.name, b"x", b"no record"), Outgoing(FORGOTTEN.name, b"y", b"")])
    assert len(followed(log)) == 0


def test_lessons_and_verdicts_have_keys_of_their_own_that_name_the_text() -> None:
    one, other = (outgoing(RETRAIN, "t1", make.lesson("t1", label)) for label in ("fire", "smoke"))
    assert one.key != other.key
    assert text_of(one.key) == text_of(other.key) == text_of(b"t1") == "t1"
    assert own_part(outgoing(LABELED, "t1", make.labeled()).key) == b"t1"


# the log


def test_nothing_about_it_comes_into_the_log_any_more(log: SqliteLog) -> None:
    forget(log, "t1")
    letter = make.letter(value="eyJpZCI6ICJ0MSIsICJ0ZXh0IjogIiJ9")  # {"id": "t1", "text": ""}
    log.append(
        [
            outgoing(LABELED, "t1", make.labeled("t1")),
            outgoing(RETRAIN, "t1", make.lesson("t1")),
            outgoing(VERDICTS, "t1", make.verdict("t1")),
            Outgoing(TEXTS.name, None, b'{"id": "t1", "text": "again"}'),
            Outgoing(TEXTS.name, None, b'{"text": "a row"}', {ROW_HEADER: "t1"}),
            Outgoing(DEADLETTERS.name, b"k", letter.encode()),
            outgoing(LABELED, "t2", make.labeled("t2")),
        ]
    )
    assert [log.end(one.name) for one in (RETRAIN, VERDICTS, TEXTS)] == [0, 0, 0]
    assert b'"id":"t2"' in (values(log, LABELED.name)[0] or b"")
    assert log.end(LABELED.name) == 1


def test_a_text_that_cannot_be_read_still_becomes_a_dead_letter(log: SqliteLog) -> None:
    forget(log, "t1")
    log.append([Outgoing(TEXTS.name, None, b"no json"), outgoing(DEADLETTERS, "k", make.letter())])
    assert (log.end(TEXTS.name), log.end(DEADLETTERS.name)) == (1, 1)


def test_what_is_erased_keeps_its_place_and_nothing_else(log: SqliteLog) -> None:
    log.append(
        [
            outgoing(RETRAIN, "t1", make.lesson("t1", text="zebra")),
            outgoing(RETRAIN, "t2", make.lesson("t2")),
            outgoing(LABELED_LATEST, "t1", make.labeled("t1")),
            outgoing(LABELED_LATEST, "t2", make.labeled("t2", neighbours=["t1", "t3"])),
            outgoing(VERDICTS, "t2", make.verdict("t2", neighbours=["t1"], reason="as zebra")),
            outgoing(VERDICTS, "t3", make.verdict("t3", neighbours=["t4"], reason="clear")),
        ]
    )
    forget(log, "t1")
    assert erase(log, followed(log)) == {RETRAIN.name: 1, LABELED_LATEST.name: 1}
    gone, kept = log.read_from(RETRAIN.name, 0, 9)
    assert (gone.offset, gone.key, gone.value, gone.headers) == (0, None, None, {ERASED: ""})
    assert (kept.offset, Retrain.decode(kept.value).id) == (1, "t2")
    (latest,) = make.of(
        LABELED_LATEST, [Outgoing(LABELED_LATEST.name, b"", values(log, LABELED_LATEST.name)[0])]
    )
    assert (latest.id, latest.neighbours) == ("t2", ["t3"])
    told = [Outgoing(VERDICTS.name, b"", value) for value in values(log, VERDICTS.name)]
    assert [(v.id, v.neighbours, v.reason) for v in make.of(VERDICTS, told)] == [
        ("t2", [], ""),
        ("t3", ["t4"], "clear"),
    ]
    assert erase(log, followed(log)) == {}
    assert log.waiting("somebody", [RETRAIN.name]) == 2


def test_no_byte_of_it_is_left_in_the_file(log: SqliteLog, tmp_var: Path) -> None:
    for n in range(300):
        text = "zebrafish" if n % 2 else "other"
        log.append([outgoing(RETRAIN, f"t{n}", make.lesson(f"t{n}", text=f"{text} {n} " * 9))])
    forget(log, *(f"t{n}" for n in range(1, 300, 2)))
    erase(log, followed(log))
    assert scoured(log_file := tmp_var / "log.sqlite")
    assert log_file.exists()
    assert everywhere(tmp_var, [b"zebrafish", b"t151"]) == {}
    assert everywhere(tmp_var, [b"other 150"])["log.sqlite:records"] == 1


def test_an_event_of_drift_and_the_detectors_show_it_no_more(log: SqliteLog) -> None:
    drift = Drift(
        kind="embeddings", labels=["a"], since=1, at=2, texts=["t1", "t2"], examples=["one", "two"]
    )
    watch = Watch(seed=0)
    for text_id in ("t1", "t2"):
        watch.observe(make.uncertain(text_id), make.delivered(UNCERTAIN, b"", 0))
    snapshot = Snapshot(next={"uncertain/0": 2}, watch=watch.to_json())
    log.append([outgoing(DRIFT, "embeddings", drift), snapshot.outgoing()])
    forget(log, "t1")
    erase(log, followed(log))
    (told,) = make.of(DRIFT, [Outgoing(DRIFT.name, b"", values(log, DRIFT.name)[0])])
    assert (told.texts, told.examples) == (["t2"], ["two"])
    left = snapshot_of(log)
    assert left is not None
    assert left.next == {"uncertain/0": 2}
    assert "t1" not in json.dumps(left.watch)
    assert "t2" in json.dumps(left.watch)


def test_where_nobody_knows_whose_an_example_is_none_is_left() -> None:
    drift = Drift(kind="shares", labels=[], since=1, at=2, texts=["t1", "t2"], examples=["one"])
    left = drift_without(drift, Gone(forgotten("t1")))
    assert (left.texts, left.examples) == (["t2"], [])
    assert drift_without(drift, Gone(forgotten("t3"))) is drift


def test_a_verdict_that_named_none_stays_the_very_same() -> None:
    verdict = make.verdict(neighbours=["t2"], reason="why")
    assert verdict_without(verdict, Gone(forgotten("t3"))) is verdict


# the ledger


def test_the_ledger_keeps_a_digest_and_counts_what_is_left(tmp_var: Path) -> None:
    path = tmp_var / "ledger.sqlite"
    case = make.uncertain("t1", text=make.text("t1", "zebra"))
    letter = make.letter(value="eyJpZCI6ICJ0MSIsICJ0ZXh0IjogIiJ9")
    with closing(Ledger(path)) as ledger:
        apply(ledger, make.labeled("t2", neighbours=["t1"]), make.labeled("t4"))
        apply(
            ledger,
            make.undecided(case),
            make.verdict("t2", neighbours=["t1"], reason="zebra", tokens=7, calls=1),
            make.verdict("t3", tokens=3, calls=1),
        )
        apply(ledger, make.lesson("t1"), make.lesson("t3"))
        apply(ledger, letter, make.letter(1))
        effects = apply(ledger, *forgotten("t1", "t3", at=7.0))
        assert effects.gone == {"t1", "t3"}
        apply(ledger, make.lesson("t1"), first=9)
        apply(ledger, make.labeled("t3"), make.labeled("t5", neighbours=["t1", "t4"]), first=9)
        apply(ledger, letter, first=9)
        assert apply(ledger, *forgotten("t1")).gone == set()
    with closing(open_ledger(path, read_only=True)) as db:
        assert tallies(db) == recounted(db)
        assert (tallies(db)["tokens"], tallies(db)["truths/0"]) == (7, 3)
        assert forgotten_at(db, "t1") == 7.0
        assert forgotten_at(db, "t2") is None
        (json_,) = db.execute("SELECT plain(json) FROM events WHERE id = 't5'").fetchone()
        assert json.loads(json_)["neighbours"] == ["t4"]
    assert scoured(path)
    assert everywhere(tmp_var, [b'"t1"', b"zebra"]) == {}
    with closing(open_ledger(path, read_only=True)) as db:
        for table in ("events", "verdicts", "held", "held_contenders", "lessons", "truths"):
            found = db.execute(f"SELECT 1 FROM {table} WHERE id IN ('t1', 't3')").fetchall()
            assert found == [], table


async def test_the_newest_truth_of_it_is_taken_back(tmp_var: Path) -> None:
    stage = LedgerStage(Ledger(tmp_var / "ledger.sqlite"))
    await stage.handle(make.batch(LABELED, make.labeled("t1"), make.labeled("t2")))
    out = await stage.handle(make.batch(FORGOTTEN, *forgotten("t1")))
    assert out == [Outgoing(LABELED_LATEST.name, b"t1", None)]
    assert await stage.handle(make.batch(LABELED, make.labeled("t1"), first=2)) == []
    await stage.close()


# stages


async def test_the_store_lets_go_of_it_and_takes_it_in_no_more(log: SqliteLog) -> None:
    purged: list[set[str]] = []

    class Store(MemoryExampleStore):
        async def purge(self) -> None:
            purged.append(await self.ids())

    store = Store(2)
    stage = Remember(store, make.feed())
    await stage.start(log)
    await stage.handle(make.batch(RETRAIN, make.lesson("t1"), make.lesson("t2")))
    forget(log, "t1")
    await stage.handle(make.batch(FORGOTTEN, *forgotten("t1")))
    await stage.handle(make.batch(RETRAIN, make.lesson("t1"), first=2))
    assert await store.ids() == {"t2"}
    assert purged == [{"t2"}]


async def test_the_detectors_forget_it_and_say_so_in_a_snapshot(log: SqliteLog) -> None:
    stage = Notice(seed=0)
    await stage.start(log)
    await stage.handle(make.batch(UNCERTAIN, make.uncertain("t1"), make.uncertain("t2")))
    forget(log, "t1")
    (snapshot,) = await stage.handle(make.batch(FORGOTTEN, *forgotten("t1")))
    log.append([snapshot])
    found = snapshot_of(log)
    assert found is not None
    assert '"t1"' not in json.dumps(found.watch)
    assert await stage.handle(make.batch(FORGOTTEN, *forgotten("t1"), first=1)) == []


async def test_an_output_file_gets_no_line_where_nothing_is_left(
    log: SqliteLog, tmp_path: Path
) -> None:
    stage = Write(tmp_path / "out.jsonl")
    await stage.start(log)
    batch = [
        make.delivered(LABELED_LATEST, b"{}", 0),
        make.delivered(LABELED_LATEST, None, 1, b"t1"),
    ]
    await stage.handle(batch)
    assert (tmp_path / "out.jsonl").read_bytes() == b"{}\n"


# what the trainer keeps beside the model


def test_answers_and_texts_kept_apart_are_counted_no_more(tmp_path: Path) -> None:
    answers = Answers()
    weighed = {"rightly": 0.5, "wrongly": 0.5, "label": "printer", "probability": 0.9}
    verdict = make.verdict("t1", final=True, label="printer", weighed=weighed)
    answers.observe(make.delivered(VERDICTS, verdict), verdict)
    answers.forget(Gone(forgotten("t1")))
    assert answers.reliability(None, believed=False) is None

    path = tmp_path / "audits.json"
    audits = Audits(path, 0.95, 0.05)
    apart = make.verdict(
        "t1",
        final=True,
        label="printer",
        decision="accepted",
        apart=make.VECTOR,
        confidence=0.99,
    )
    audits.observe(make.delivered(VERDICTS, apart), apart)
    audits.save()
    assert len(audits.apart) == 1
    assert "t1" in path.read_text()
    audits.forget(Gone(forgotten("t1")))
    assert audits.apart == []
    assert '"t1"' not in path.read_text()
    assert make.VECTOR.f16 not in path.read_text()
    assert audits.finding().judged == 1
