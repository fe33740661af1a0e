"""What the log lets go of, and that nothing is missing afterwards: snapshots, what is rebuilt."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from models.online import OUTPUTS
from streams.derived import readable
from streams.drift import Watch
from streams.embedded.log import SqliteLog
from streams.ledger import Ledger
from streams.records import Authority, Labeled, Round
from streams.retention import floors
from streams.snapshot import EVERY, Snapshot, in_snapshot, snapshot_of
from streams.stage import Delivered, outgoing
from streams.stages import drift
from streams.stages.drift import Notice
from streams.stages.ledger import LedgerStage
from streams.topology import (
    CLASSIFY,
    JUDGE,
    LABELED,
    LABELED_LATEST,
    LEDGER,
    NOTICE,
    RECHECK,
    ROUNDS,
    STAGES,
    TEXTS,
    TRAIN,
    UNCERTAIN,
    VERDICTS,
)
from streams.wire import Vector
from tests.unit.streams import make


def done(at: int, **but: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Every stage is that far in all it reads, but for those named."""
    found = {stage.name: {topic.name: at for topic in stage.reads} for stage in STAGES}
    for name, positions in but.items():
        found[name] |= positions
    return found


def test_what_a_stage_has_still_to_read_stays(log: SqliteLog) -> None:
    assert floors(log, done(5_000))[RECHECK.name] == 5_000
    assert floors(log, done(5_000, classify={RECHECK.name: 7}))[RECHECK.name] == 7
    positions = done(5_000)
    del positions[CLASSIFY.name]  # not known yet how far it is
    assert floors(log, positions)[RECHECK.name] == 0


def test_what_is_kept_for_ever_has_no_floor(log: SqliteLog) -> None:
    kept = {TEXTS.name, VERDICTS.name, LABELED_LATEST.name, "retrain", "labels"}
    assert not kept & floors(log, {}).keys()


def test_what_the_detectors_have_in_no_snapshot_stays(log: SqliteLog) -> None:
    found = floors(log, done(5_000))
    assert (found[UNCERTAIN.name], found[LABELED.name]) == (0, 0)
    snapshot(log, {f"{UNCERTAIN.name}/0": 4_000, f"{LABELED.name}/0": 4_500})
    found = floors(log, done(5_000))
    assert (found[UNCERTAIN.name], found[LABELED.name]) == (4_000, 5_000 - OUTPUTS)


def test_the_newest_labels_and_those_since_a_round_began_stay(log: SqliteLog) -> None:
    snapshot(log, {f"{LABELED.name}/0": 9_000})
    assert floors(log, done(9_000, train={LABELED.name: 3_000}))[LABELED.name] == 3_000 - OUTPUTS
    began = Round(
        number=1, version=1, before=9, texts=9, rechecks=0, verdicts=0, labeled=1_234, at=1.0
    )
    log.append([outgoing(ROUNDS, "1", began)])
    assert floors(log, done(9_000))[LABELED.name] == 1_234


def snapshot(log: SqliteLog, positions: dict[str, int]) -> None:
    watch = Watch(seed=0).to_json()
    log.append([Snapshot(next=positions, watch=watch).outgoing()])
    assert in_snapshot(log) == positions


def stream(texts: int) -> list[tuple[Delivered, object]]:
    """Cases, verdicts and labels of a stream that changes in its midst."""
    rng = np.random.default_rng(0)
    records: list[tuple[Delivered, object]] = []
    for n in range(texts):
        label = f"label {rng.integers(3) + (n > texts // 2)}"
        vector = rng.normal(size=8).astype(np.float32) + (n > texts // 2)
        case = make.uncertain(f"t{n}", (label,), embedding=Vector.of(vector, "e"))
        said = label if rng.random() < (0.9 if n < texts // 2 else 0.5) else "other"
        answer = make.verdict(f"t{n}", "chosen", label=said).model_copy(
            update={"final": True, "decision": "accepted", "audit": True, "proposed": label}
        )
        event = make.labeled(f"t{n}", label)
        for topic, record in ((UNCERTAIN, case), (VERDICTS, answer), (LABELED, event)):
            records.append((Delivered(topic.name, 0, n, b"k", b"", at=float(n)), record))
    return records


@pytest.mark.parametrize("cut", [700, 2_500])
def test_detectors_go_on_from_a_snapshot_as_if_they_had_never_stopped(cut: int) -> None:
    records = stream(1_100)
    whole = Watch(seed=1)
    found = [event for d, r in records if (event := whole.observe(r, d))]  # type: ignore[arg-type]
    first = Watch(seed=1)
    halves = [event for d, r in records[:cut] if (event := first.observe(r, d))]  # type: ignore[arg-type]
    second = Watch.from_json(json.loads(json.dumps(first.to_json())), seed=1)
    halves += [event for d, r in records[cut:] if (event := second.observe(r, d))]  # type: ignore[arg-type]
    assert found
    assert halves == found
    assert second.to_json() == whole.to_json()


async def test_the_stage_goes_on_from_its_snapshot_when_what_came_before_is_gone(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "EVERY", 150)
    events = [make.labeled(f"t{n}", f"label {n % 3}") for n in range(400)]
    log.append([outgoing(LABELED, event.id, event) for event in events])
    stage = Notice(seed=0)
    await stage.start(log)
    for _ in range(3):
        batch = log.read(NOTICE.name, [LABELED.name], 100)
        log.commit(NOTICE.name, batch, await stage.handle(batch))
    assert in_snapshot(log) == {f"{LABELED.name}/0": 200}
    log.trim({LABELED.name: 200})
    again = Notice(seed=0)
    await again.start(log)
    assert again._watch.to_json() == stage._watch.to_json()
    assert EVERY > 1_000  # not the one of this test


async def test_a_snapshot_of_a_later_redstream_is_no_reason_to_stop(log: SqliteLog) -> None:
    log.append([Snapshot(next={}, watch={"detectors": 2}).outgoing()])
    assert snapshot_of(log) is not None
    await Notice(seed=0).start(log)


async def test_a_lost_ledger_has_its_truths_back_though_their_events_are_trimmed(
    log: SqliteLog, tmp_path: Path
) -> None:
    mine = make.labeled("t1", "printer")
    judged = make.labeled("t1", "travel", Authority.JUDGE)
    later = make.labeled("t2", "printer")
    log.append([outgoing(LABELED, one.id, one) for one in (mine, judged, later)])
    log.append([outgoing(LABELED_LATEST, one.id, one) for one in (mine, judged, later)])
    log.commit(LEDGER.name, log.read(LEDGER.name, [LABELED.name], 9), ())
    log.trim({LABELED.name: 2})
    ledger = Ledger(tmp_path / "ledger.sqlite")
    stage = LedgerStage(ledger)
    await stage.start(log)
    rows = ledger._db.execute("SELECT id, label FROM truths ORDER BY id").fetchall()
    assert rows == [("t1", "travel"), ("t2", "printer")]
    assert ledger.position(LABELED.name) == 3
    await stage.close()


def test_readers_pass_over_what_is_trimmed(log: SqliteLog) -> None:
    log.append([outgoing(LABELED, f"t{n}", make.labeled(f"t{n}")) for n in range(4)])
    log.trim({LABELED.name: 2})
    assert [event.id for _, event in readable(log, LABELED, Labeled)] == ["t2", "t3"]
    assert log.waiting(TRAIN.name, [LABELED.name]) == 2
    assert [log.end(t.name) for t in (LABELED, RECHECK)] == [4, 0]
    assert JUDGE.reads == (UNCERTAIN,)
