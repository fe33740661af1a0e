"""The embedded log: what one transaction holds, what compaction keeps, who may read meanwhile."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.stage import Outgoing
from streams.topology import LABELED, LABELED_LATEST, MODELS, TEXTS, TOPICS
from tests.unit.streams import make

Open = Callable[..., SqliteLog]


def text(value: bytes, key: bytes | None = None) -> Outgoing:
    return Outgoing(TEXTS.name, key, value)


def latest(key: str, value: bytes | None) -> Outgoing:
    return Outgoing(LABELED_LATEST.name, key.encode(), value)


def values(log: SqliteLog, topic: str) -> list[bytes | None]:
    return [record.value for record in log.read_from(topic, 0, 1_000)]


def test_offsets_count_from_nought_in_every_topic(log: SqliteLog) -> None:
    log.append([text(b"a"), text(b"b"), Outgoing(LABELED.name, None, b"c")])
    assert [r.position for r in log.read_from(TEXTS.name, 0, 9)] == ["texts/0/0", "texts/0/1"]
    assert [r.position for r in log.read_from(LABELED.name, 0, 9)] == ["labeled/0/0"]
    assert (log.end(TEXTS.name), log.end(LABELED.name)) == (2, 1)


def test_every_topic_of_the_topology_is_there(log: SqliteLog) -> None:
    assert {topic.name: log.end(topic.name) for topic in TOPICS} == {t.name: 0 for t in TOPICS}


def test_a_topic_that_came_later_is_empty_to_who_only_reads(
    log: SqliteLog, tmp_var: Path, open_log: Open
) -> None:
    with closing(sqlite3.connect(tmp_var / "log.sqlite")) as db, db:
        db.execute("DELETE FROM topics WHERE name = 'rounds'")
    reader = open_log(read_only=True)
    assert (reader.end("rounds"), reader.waiting("ledger", ["rounds"])) == (0, 0)
    assert reader.read_from("rounds", 0, 9) == []


def test_a_record_comes_back_with_its_key_its_headers_and_its_time(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    log.append([Outgoing(TEXTS.name, b"\xff", None, {"source": "füle:1"})])
    (record,) = log.read_from(TEXTS.name, 0, 9)
    assert (record.key, record.value, record.headers) == (b"\xff", None, {"source": "füle:1"})
    assert record.at == 1_700_000_000.5


def test_a_group_reads_on_where_it_committed(log: SqliteLog) -> None:
    log.append([text(b"%d" % n) for n in range(5)])
    first = log.read("g", [TEXTS.name], 2)
    assert [r.value for r in first] == [b"0", b"1"]
    assert log.read("g", [TEXTS.name], 2) == first
    log.commit("g", first, ())
    assert [r.value for r in log.read("g", [TEXTS.name], 9)] == [b"2", b"3", b"4"]
    assert (log.position("g", TEXTS.name), log.position("other", TEXTS.name)) == (2, 0)
    assert (log.waiting("g", [TEXTS.name]), log.waiting("other", [TEXTS.name])) == (3, 5)


def test_several_topics_are_read_in_the_order_of_arrival(log: SqliteLog) -> None:
    for n in range(3):
        log.append([text(b"text %d" % n), Outgoing(LABELED.name, None, b"label %d" % n)])
    found = [r.value for r in log.read("g", [LABELED.name, TEXTS.name], 5)]
    assert found == [b"text 0", b"label 0", b"text 1", b"label 1", b"text 2"]


def test_outputs_and_position_are_committed_together(open_log: Open, log: SqliteLog) -> None:
    log.append([text(b"a"), text(b"b")])
    batch = log.read("g", [TEXTS.name], 1)
    log.commit("g", batch, [Outgoing(LABELED.name, b"k", b"labelled a")])
    log.close()
    again = open_log()
    assert values(again, LABELED.name) == [b"labelled a"]
    assert again.position("g", TEXTS.name) == 1


def test_a_commit_that_fails_half_way_leaves_neither(open_log: Open, log: SqliteLog) -> None:
    log.append([text(b"a")])
    log.append([latest("k", b"old")])
    batch = log.read("g", [TEXTS.name], 1)

    def outputs() -> Iterator[Outgoing]:
        yield Outgoing(LABELED.name, b"k", b"first")
        yield latest("k", b"new")
        raise RuntimeError("killed in the middle")

    with pytest.raises(RuntimeError, match="killed in the middle"):
        log.commit("g", batch, outputs())
    for seen in (log, open_log()):
        assert values(seen, LABELED.name) == []
        assert values(seen, LABELED_LATEST.name) == [b"old"]
        assert seen.position("g", TEXTS.name) == 0
        assert seen.end(LABELED.name) == 0
    log.commit("g", batch, [Outgoing(LABELED.name, b"k", b"again")])
    assert values(log, LABELED.name) == [b"again"]


def test_an_output_to_an_unknown_topic_leaves_nothing(log: SqliteLog) -> None:
    with pytest.raises(KeyError):
        log.append([text(b"a"), Outgoing("no such topic", None, b"b")])
    assert values(log, TEXTS.name) == []


def test_over_restarts_every_record_is_handled_exactly_once(open_log: Open) -> None:
    open_log().append([text(b"%d" % n) for n in range(10)])
    while batch := (log := open_log()).read("g", [TEXTS.name], 3):
        log.commit("g", batch, [Outgoing(LABELED.name, None, r.value) for r in batch])
        log.close()
    assert values(open_log(), LABELED.name) == [b"%d" % n for n in range(10)]


def test_a_compacted_topic_keeps_the_newest_under_each_key(log: SqliteLog) -> None:
    log.append([latest("a", b"1"), latest("b", b"2"), latest("a", b"3")])
    assert values(log, LABELED_LATEST.name) == [b"2", b"3"]
    newest = log.newest(LABELED_LATEST.name, b"a")
    assert newest is not None
    assert (newest.value, newest.offset) == (b"3", 2)


def test_a_tombstone_removes_its_key(log: SqliteLog) -> None:
    log.append([latest("a", b"1"), latest("b", b"2")])
    log.append([latest("a", None), latest("never there", None)])
    assert values(log, LABELED_LATEST.name) == [b"2"]
    assert log.newest(LABELED_LATEST.name, b"a") is None


def test_a_key_is_compacted_within_its_topic_only(log: SqliteLog) -> None:
    log.append([latest("a", b"1"), Outgoing(MODELS.name, b"a", b"part")])
    log.append([latest("a", None)])
    assert values(log, MODELS.name) == [b"part"]


def test_a_topic_that_is_not_compacted_keeps_everything(log: SqliteLog) -> None:
    log.append([text(b"1", b"k"), text(b"2", b"k"), text(b"1", b"k")])
    assert values(log, TEXTS.name) == [b"1", b"2", b"1"]


def test_offsets_are_never_used_again_after_compaction(open_log: Open, log: SqliteLog) -> None:
    log.append([latest("a", b"1"), latest("a", b"2"), latest("a", None)])
    log.close()
    again = open_log()
    again.append([latest("a", b"3")])
    (record,) = again.read_from(LABELED_LATEST.name, 0, 9)
    assert (record.offset, again.end(LABELED_LATEST.name)) == (2, 3)


def test_what_was_compacted_away_does_not_hold_a_group_up(log: SqliteLog) -> None:
    log.append([latest("a", b"1"), latest("b", b"2")])
    log.commit("g", log.read("g", [LABELED_LATEST.name], 1), ())
    log.append([latest("b", b"3")])
    assert [r.value for r in log.read("g", [LABELED_LATEST.name], 9)] == [b"3"]
    assert log.waiting("g", [LABELED_LATEST.name]) == 1


def test_another_connection_reads_while_one_writes(open_log: Open, log: SqliteLog) -> None:
    log.append([text(b"a")])
    reader = open_log(read_only=True)
    seen: list[int] = []

    def outputs() -> Iterator[Outgoing]:
        yield text(b"b")
        seen.append(len(reader.read_from(TEXTS.name, 0, 9)))

    log.append(outputs())
    assert seen == [1]
    assert values(reader, TEXTS.name) == [b"a", b"b"]


def test_a_reader_cannot_write(open_log: Open, log: SqliteLog) -> None:
    log.append([text(b"a")])
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        open_log(read_only=True).append([text(b"b")])


def test_a_log_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(Fatal, match=r"log\.sqlite has format 7; this redstream reads format 2"):
        SqliteLog(path)


def older(path: Path) -> None:
    """Make a log as the redstream before wrote it, with one text and one truth."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            "CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL,"
            " next INTEGER NOT NULL DEFAULT 0);"
            "CREATE TABLE records (seq INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL,"
            " offset INTEGER NOT NULL, key BLOB, value BLOB, headers TEXT, at REAL NOT NULL,"
            " compacted INTEGER NOT NULL);"
            "CREATE TABLE positions (consumer TEXT NOT NULL, topic INTEGER NOT NULL,"
            " next INTEGER NOT NULL, PRIMARY KEY (consumer, topic)) WITHOUT ROWID;"
            "INSERT INTO topics VALUES (1, 'texts', 1), (2, 'labeled-latest', 1);"
            "INSERT INTO records VALUES (1, 1, 0, NULL, CAST('old' AS BLOB), NULL, 1.0, 0),"
            " (2, 2, 0, CAST('k' AS BLOB), CAST('truth' AS BLOB), NULL, 2.0, 1);"
            "PRAGMA user_version = 1"
        )


def test_an_older_log_is_read_as_it_is(open_log: Open, tmp_var: Path) -> None:
    older(tmp_var / "log.sqlite")
    before = (tmp_var / "log.sqlite").read_bytes()
    reader = open_log(read_only=True)
    assert values(reader, TEXTS.name) == [b"old"]
    newest = reader.newest(LABELED_LATEST.name, b"k")
    assert newest is not None
    assert (newest.value, newest.at, reader.begin(TEXTS.name)) == (b"truth", 2.0, 0)
    assert (tmp_var / "log.sqlite").read_bytes() == before


def test_an_older_log_is_written_on(open_log: Open, tmp_var: Path) -> None:
    older(tmp_var / "log.sqlite")
    log = open_log()
    log.append([text(b"new " * 100)])
    assert values(log, TEXTS.name) == [b"old", b"new " * 100]
    log.trim({TEXTS.name: 1})
    assert values(open_log(), TEXTS.name) == [b"new " * 100]


def test_a_value_is_kept_squeezed_and_comes_back_as_it_was(log: SqliteLog, tmp_var: Path) -> None:
    event = make.labeled("t1", "travel").encode()
    log.append([Outgoing(LABELED.name, b"t1", event), text(b"\xff" * 63), text(b"")])
    assert values(log, LABELED.name) == [event]
    assert values(log, TEXTS.name) == [b"\xff" * 63, b""]
    with closing(sqlite3.connect(tmp_var / "log.sqlite")) as db:
        (kept,) = db.execute("SELECT value FROM records WHERE packed = 1").fetchone()
    assert len(kept) < len(event) / 2


def test_a_damaged_value_is_told_with_its_place(log: SqliteLog, tmp_var: Path) -> None:
    log.append([text(b"abc" * 100)])
    with closing(sqlite3.connect(tmp_var / "log.sqlite")) as db, db:
        db.execute("UPDATE records SET value = X'FFFF' WHERE packed = 1")
    with pytest.raises(Fatal, match="cannot read texts/0/0 in the log: a damaged value"):
        log.read_from(TEXTS.name, 0, 9)


def test_what_is_trimmed_is_gone_and_offsets_go_on(open_log: Open, log: SqliteLog) -> None:
    log.append([text(b"%d" % n) for n in range(4)])
    log.trim({TEXTS.name: 3, LABELED.name: 0})
    log.trim({TEXTS.name: 2})
    assert [(r.offset, r.value) for r in log.read_from(TEXTS.name, 0, 9)] == [(3, b"3")]
    assert (log.begin(TEXTS.name), log.end(TEXTS.name)) == (3, 4)
    log.trim({TEXTS.name: 4})
    log.close()
    again = open_log()
    again.append([text(b"4")])
    (record,) = again.read_from(TEXTS.name, 0, 9)
    assert (record.offset, again.begin(TEXTS.name)) == (4, 4)


def test_what_was_trimmed_goes_back_to_the_file_system(log: SqliteLog, tmp_var: Path) -> None:
    log.append([text(os.urandom(1_000)) for _ in range(500)])
    log.trim({TEXTS.name: 500})
    log.close()
    assert (tmp_var / "log.sqlite").stat().st_size < 100_000


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_text("a letter to my mother\n" * 200)
    with pytest.raises(Fatal, match="right --var folder"):
        SqliteLog(path)
    assert path.read_text() == "a letter to my mother\n" * 200


def test_a_reader_of_a_missing_log_is_told_so_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="there is no"):
        SqliteLog(tmp_path / "log.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_of_a_log_that_was_only_just_created_is_told_so(tmp_path: Path) -> None:
    """Killed between the creation of the file and that of its tables."""
    path = tmp_path / "log.sqlite"
    path.touch()
    with pytest.raises(Fatal):
        SqliteLog(path, read_only=True)
