"""What the hostile inputs found: each of these once brought something down, or went unanswered."""

from __future__ import annotations

import json
import logging
import os
import socket
import sqlite3
import sys
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from pyarrow import parquet

from judge.llm.answer import Malformed, json_object
from judge.memory_store import MemoryExampleStore
from judge.policy import decide
from judge.question import Case
from models.errors import Fatal
from streams.delivery import deliver
from streams.derived import catch_up
from streams.embedded.log import SqliteLog
from streams.errors import Unreadable
from streams.incoming import read_text
from streams.kafka.connection import headers_of
from streams.kafka.unpacking import Unpacked
from streams.packing import SQUEEZED, unpacked
from streams.program import configuration
from streams.program.cli import main
from streams.program.deadletters import requeue
from streams.program.reading import Columns, open_table
from streams.program.source import FileSource
from streams.program.trouble import told
from streams.records import DeadLetter, Labeled, Uncertain, Verdict
from streams.repository import Repository
from streams.rounds import newest_round
from streams.stage import Delivered, Outgoing, dead_letter
from streams.stages.drift import Notice
from streams.stages.train import Train
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.telemetry.server import serving
from streams.textindex import REQUEUED_HEADER, Claim, TextIndex
from streams.topology import DEADLETTERS, DRIFT, LEDGER, ROUNDS, TEXTS, UNCERTAIN
from streams.wire import squeezed
from tests.hostile.bench import Agrees, Bench, Sent
from tests.hostile.endpoints import Page, asked, result, stored
from tests.hostile.files import NoMarks
from tests.unit.streams import make, tiny


def test_an_answer_of_line_ends_is_read_at_once() -> None:
    """An expression for the fence took hours over this, with the stage standing still."""
    with pytest.raises(Malformed):
        json_object("```" + "\n" * 19_000 + "x")
    assert json_object('```json\n\n{"answer": 1}\n \n```') == {"answer": 1}


def test_headers_that_are_no_utf8_come_back_as_they_were(tmp_path: Path) -> None:
    """Their dead letter could not be written, and every worker ended at this record."""
    with closing(Bench()) as bench:
        assert bench.put(TEXTS.name, [Sent(b"bad", b"\xff", {"x": "caf\udce9"})]) == "dead letter"
        assert requeue(bench.settings, None) == 1
        back = bench.log.read_from(TEXTS.name, 3, 1)[0]
        assert back.headers == {"x": "caf\udce9", REQUEUED_HEADER: "texts/0/0"}
        assert (back.key, back.value) == (b"\xff", b"bad")


class Raw(str):
    """A name that goes out as bytes that are no UTF-8: some clients can write it."""

    def encode(self, *how: str) -> bytes:
        return b"\xff\xfe"


def test_a_header_with_a_name_that_is_no_utf8_keeps_nobody_from_what_lies_behind() -> None:
    """aiokafka asked for the same batch for ever."""
    made = _DefaultRecordBatchBuilderPy(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=10_000,
    )  # fmt: skip
    for place, name in enumerate(["fine", Raw("odd"), "fine"]):
        made.append(place, 1_000, b"key", b"value", [(name, b"x")])
    data = bytes(made.build())
    unpacked_ = Unpacked(data * 2)
    found = []
    while unpacked_.has_next():
        found += [(one.offset, headers_of(one.headers)) for one in unpacked_.next_batch()]
    odd = {"\udcff\udcfe": "x"}
    assert found == [(0, {"fine": "x"}), (1, odd), (2, {"fine": "x"})] * 2
    letter = dead_letter(Delivered("texts", 0, 1, b"k", b"v", odd), "classify", Unreadable("so"))
    assert DeadLetter.decode(letter.value).headers == {"??": "x"}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("redstream-row", "a\udcff"),
        ("redstream-row", "two\nlines"),
        ("redstream-source", "\udcff"),
        ("redstream-source", "x" * 100_000),
        ("redstream-text", "\udcff"),
        ("redstream-reading", "two"),
        ("redstream-reading", "9" * 5_000),
    ],
)
def test_a_header_that_says_nothing_usable_makes_no_text(header: str, value: str) -> None:
    with pytest.raises(Unreadable):
        read_text(b'{"text": "a"}', "texts/0/1", {header: value}, max_text=100)


def test_a_header_with_anothers_place_does_not_give_its_id(tmp_var: Path) -> None:
    """A producer could have changed what a known id stands for, and so its label."""
    with closing(TextIndex(tmp_var / "texts.sqlite")) as index:
        [first] = index.claim([(make.delivered(TEXTS, b"", 0), make.text("T1", "its own words"))])
        stolen = make.delivered(TEXTS, b"", 7, redstream_requeued="texts/0/0")
        [second] = index.claim([(stolen, make.text("T1", "other words"))])
        odd = make.delivered(TEXTS, b"", 8, redstream_requeued="nowhere")
        index.claim([(odd, make.text("T2", "words"))])
        assert (first, second) == (Claim.NEW, Claim.CONFLICT)
        assert index.ids() == ["T1", "T2"]


def test_the_reason_in_a_dead_letter_is_short() -> None:
    letter = dead_letter(
        make.delivered(TEXTS, b"x"), "classify", Unreadable("y" * 10**6 + "\udcff")
    )
    assert len(DeadLetter.decode(letter.value).message) == 500


@pytest.mark.parametrize("odd", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_has_not_is_no_record(odd: str) -> None:
    value = json.loads(make.labeled().encode()) | {"at": 0.0}
    with pytest.raises(Unreadable, match="at: "):
        Labeled.decode(json.dumps(value).replace('"at": 0.0', f'"at": {odd}').encode())


def test_a_number_of_more_than_64_bits_is_no_record() -> None:
    """SQLite cannot keep it: the ledger stopped at every start."""
    value = json.loads(make.undecided(make.uncertain()).encode()) | {"round": 2**63}
    with pytest.raises(Unreadable, match="64 bits"):
        Verdict.decode(json.dumps(value).encode())


async def test_what_fails_alone_is_passed_over_when_it_is_read_again(log: SqliteLog) -> None:
    """It is among the dead letters; a stage that lost its file could not start any more."""
    log.append(Outgoing(ROUNDS.name, None, value) for value in (b"1", b"bad", b"2"))
    log.commit(LEDGER.name, log.read_from(ROUNDS.name, 0, 9), [])
    seen: list[bytes | None] = []

    async def apply(batch: Sequence[Delivered]) -> None:
        if any(one.value == b"bad" for one in batch):
            raise KeyError("nobody thought of it")
        seen.extend(one.value for one in batch)

    await catch_up(log, LEDGER, (ROUNDS,), lambda topic, partition: 0, apply)
    assert seen == [b"1", b"2"]


def test_keys_of_models_are_read_as_what_they_are() -> None:
    repository = Repository()
    repository.take(b"pin/" + b"9" * 5_000, b"{}")
    repository.take("pin/²".encode(), b"{}")
    assert repository.take(b"manifest/7", squeezed(make.manifest(8, epoch=10**9))) is None
    assert not repository.pinned
    assert repository.epoch == 0


def test_a_round_that_cannot_be_read_is_passed_over(log: SqliteLog) -> None:
    log.append([Outgoing(ROUNDS.name, None, b"no round")])
    assert newest_round(log) is None


async def test_a_drift_event_that_cannot_be_read_is_a_dead_letter(log: SqliteLog) -> None:
    stage = Train(tiny.fitted(log))
    out = await deliver(stage, [make.delivered(DRIFT, b"no drift")])
    assert [one.topic for one in out] == [DEADLETTERS.name]


async def test_a_case_drawn_with_no_probability_stops_no_detector() -> None:
    """Divided by it, the batch failed, and each record passed alone: the stage ended itself."""
    case = json.loads(make.uncertain(embedding=tiny.vector("a")).encode()) | {"inclusion": 0.0}
    good = make.uncertain("t2", embedding=tiny.vector("b"))
    batch = make.batch(UNCERTAIN, json.dumps(case).encode(), good)
    out = await deliver(Notice(seed=0), batch)
    assert [one.key for one in out] == [b"uncertain/0/0"]
    with pytest.raises(Unreadable, match="inclusion"):
        Uncertain.decode(json.dumps(case).encode())


async def test_a_text_that_the_encoder_knows_no_word_of_is_judged_without_examples() -> None:
    case = Case("a", "ⓘⓖⓝ", np.zeros(4, np.float32), ("b", "c"))
    decision = await decide(Agrees(), MemoryExampleStore(4), case)
    assert decision.answers
    assert decision.neighbours == ()


def test_a_text_that_the_encoder_knows_no_word_of_gets_its_answer() -> None:
    with closing(Bench()) as bench:
        text = json.dumps({"text": "ⓘⓖⓝⓞⓡⓔ ⓐⓛⓛ"}).encode()
        bench.put(TEXTS.name, [Sent(text)])
        assert bench.letters() == {}


DEEP = b'{"status": {"error": ' + b"[" * 90_000


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("status", [200, 500])
def test_an_llm_that_nests_without_end_is_away(settled: bool, status: int) -> None:
    assert asked(settled, Page(status, (), DEEP)) == "error"


def test_a_store_that_nests_without_end_or_pages_without_end_is_away() -> None:
    assert stored(("count", Page(500, (), DEEP))) == "error"
    assert stored(("scroll", Page(200, (), result("scroll")))) == "error"


def test_a_value_that_python_has_not_costs_no_row_of_a_parquet_file(tmp_path: Path) -> None:
    texts = arrow.array([b"one", b"\xff", b"three"], arrow.binary()).view(arrow.string())
    moments = arrow.array([1, 2, 2**63 - 1], arrow.int64()).view(arrow.timestamp("ns"))
    path = tmp_path / "odd.parquet"
    parquet.write_table(arrow.Table.from_arrays([texts, moments], ["text", "at"]), path)
    with closing(open_table(path, Columns())) as table:
        rows = list(table.rows())
    assert [row.wrong for row in rows] == [None, "column 'text' is not UTF-8", None]
    assert rows[2].fields == {"text": "three", "at": None}


@pytest.mark.parametrize("content", ["a = " + "[" * 50_000, "a = " + "{a=" * 5_000])
def test_a_settings_file_that_nests_without_end_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "redstream.toml"
    path.write_text(content)
    with pytest.raises(Fatal, match="nests too deep"):
        configuration.load({}, path)


def test_a_setting_that_is_no_utf8_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "REDSTREAM_VAR", "v\udcff")
    with pytest.raises(Fatal, match="REDSTREAM_VAR is no UTF-8"):
        configuration.load({})


@pytest.mark.parametrize("odd", ["a\udcff", "x" * 50_000, "\n\nredstream: all is well\n"])
def test_an_argument_that_is_odd_is_one_short_line(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["labels", "add", "a", "--guide-file", odd] if "\n" in odd else ["explain", odd]
    monkeypatch.setattr(sys, "argv", ["redstream", *words, "--var", str(tmp_path / "var")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("redstream: ")
    assert len(line) < 1_600


def test_a_file_with_a_name_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a\udcff.jsonl"
    path.write_bytes(b'{"text": "a"}\n')
    with pytest.raises(Fatal, match="no UTF-8"):
        FileSource(path, NoMarks())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET headers = '[1]'",
        "UPDATE records SET value = 'text'",
        "UPDATE records SET at = 'now'",
        "UPDATE topics SET next = 'x'",
    ],
)
def test_a_log_that_somebody_changed_says_so(tmp_var: Path, change: str) -> None:
    with closing(SqliteLog(tmp_var / "log.sqlite")) as log:
        log.append([Outgoing(TEXTS.name, b"k", b"v")])
    with closing(sqlite3.connect(tmp_var / "log.sqlite")) as db:
        db.execute(change)
        db.commit()
    with closing(SqliteLog(tmp_var / "log.sqlite")) as log, pytest.raises(Fatal, match="copy"):
        log.read_from(TEXTS.name, 0, log.end(TEXTS.name))


def test_a_ledger_that_somebody_changed_is_told_in_a_line() -> None:
    with pytest.raises(ValueError, match="validation") as found:
        Labeled.model_validate_json("{}")
    assert "damaged (no Labeled)" in (told(found.value) or "")
    error = sqlite3.OperationalError("unsupported file format")  # a byte of the head is another
    assert "damaged (unsupported file format)" in (told(error) or "")


def test_a_value_of_the_log_cannot_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.packing.MOST_BYTES", 1_000)
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    with pytest.raises(ValueError, match="more than"):
        unpacked(SQUEEZED, squeezer.compress(bytes(10**6)) + squeezer.flush())


def test_requests_that_are_none_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        serving(Metrics(), Health(), "127.0.0.1", 0) as port,
        socket.create_connection(("127.0.0.1", port), 5) as wire,
    ):
        wire.sendall(b"\x1b[2J no request\r\n\r\n")
        assert wire.recv(1_000)
    assert "no request" not in caplog.text
