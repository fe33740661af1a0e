"""write: the output file and the log agree, whenever the program dies."""

from pathlib import Path

import pytest

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.program.assembly import claim_output
from streams.stage import Delivered, Outgoing
from streams.stages.write import Write
from streams.topology import LABELED_LATEST


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "labeled.jsonl"


def written(path: Path) -> bytes:
    return path.read_bytes()


def change(path: Path, content: bytes | None) -> None:
    path.unlink() if content is None else path.write_bytes(content)


def publish(log: SqliteLog, *values: bytes) -> None:
    log.append([Outgoing(LABELED_LATEST.name, value, value) for value in values])


async def started(log: SqliteLog, out: Path) -> Write:
    claim_output(log, out)
    stage = Write(out)
    await stage.start(log)
    return stage


def waiting(log: SqliteLog, stage: Write, limit: int = 100) -> list[Delivered]:
    return log.read(stage.spec.name, [LABELED_LATEST.name], limit)


async def step(log: SqliteLog, stage: Write, limit: int = 100) -> None:
    batch = waiting(log, stage, limit)
    log.commit(stage.spec.name, batch, await stage.handle(batch))


async def test_every_truth_is_a_line(log: SqliteLog, out: Path) -> None:
    publish(log, b'{"a": 1}', b'{"b": 2}')
    await step(log, await started(log, out))
    assert written(out) == b'{"a": 1}\n{"b": 2}\n'


async def test_batch_follows_batch(log: SqliteLog, out: Path) -> None:
    publish(log, b"1", b"2", b"3")
    stage = await started(log, out)
    await step(log, stage, limit=2)
    await step(log, stage, limit=2)
    assert written(out) == b"1\n2\n3\n"


async def test_killed_between_writing_and_committing_no_line_is_there_twice(
    log: SqliteLog, out: Path
) -> None:
    publish(log, b"1", b"2", b"3")
    stage = await started(log, out)
    await step(log, stage, limit=1)
    await stage.handle(waiting(log, stage))
    assert written(out) == b"1\n2\n3\n"
    again = await started(log, out)
    assert written(out) == b"1\n"
    await step(log, again)
    assert written(out) == b"1\n2\n3\n"


async def test_killed_in_the_middle_of_a_line_it_is_written_whole(
    log: SqliteLog, out: Path
) -> None:
    publish(log, b"first", b"second")
    stage = await started(log, out)
    await step(log, stage, limit=1)
    with out.open("ab") as file:
        file.write(b"sec")
    await step(log, await started(log, out))
    assert written(out) == b"first\nsecond\n"


async def test_a_batch_handled_twice_is_written_once(log: SqliteLog, out: Path) -> None:
    publish(log, b"1", b"2")
    stage = await started(log, out)
    await stage.handle(waiting(log, stage))
    await step(log, stage)
    assert written(out) == b"1\n2\n"


async def test_another_file_gets_everything_from_the_start(log: SqliteLog, out: Path) -> None:
    publish(log, b"1", b"2")
    await step(log, await started(log, out))
    other = out.with_name("other.jsonl")
    await step(log, await started(log, other))
    assert written(other) == written(out) == b"1\n2\n"


async def test_a_file_that_was_shortened_by_somebody_is_told(log: SqliteLog, out: Path) -> None:
    publish(log, b"1", b"2")
    await step(log, await started(log, out))
    change(out, b"1\n")
    with pytest.raises(Fatal, match="is shorter than what was written to it"):
        await started(log, out)
    assert written(out) == b"1\n"


async def test_a_file_that_was_removed_is_told(log: SqliteLog, out: Path) -> None:
    publish(log, b"1", b"2")
    await step(log, await started(log, out))
    change(out, None)
    with pytest.raises(Fatal, match="name another --out"):
        await started(log, out)


def test_a_file_of_somebody_else_is_refused_and_left_alone(log: SqliteLog, tmp_path: Path) -> None:
    (path := tmp_path / "thesis.txt").write_text("chapter one")
    with pytest.raises(Fatal, match=r"thesis\.txt holds something already"):
        claim_output(log, path)
    assert path.read_text() == "chapter one"


@pytest.mark.parametrize("exists", [False, True])
def test_a_file_that_is_new_or_empty_is_claimed(
    log: SqliteLog, tmp_path: Path, exists: bool
) -> None:
    path = tmp_path / "labeled.jsonl"
    if exists:
        path.touch()
    claim_output(log, path)
    path.write_bytes(b"now it is ours\n")
    claim_output(log, path)
    assert path.read_bytes() == b"now it is ours\n"
