"""`redstream models` as a user meets it. Each start of the program takes seconds: few of them."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import program
from tests.e2e.program import redstream

LEARNT, APPLIED, HASH = 3, 4, 6


def listed(var: Path) -> dict[int, list[str]]:
    """The rows of the list by version: the words behind the number."""
    rows = redstream("models", "list", "--var", str(var)).splitlines()[1:]
    return {int(row.split()[0]): row.split()[1:] for row in rows}


def test_a_version_is_pinned_brought_back_and_learning_goes_on(var: Path, tmp_path: Path) -> None:
    at = ("--var", str(var))
    lines = program.TEXTS.read_bytes().splitlines(keepends=True)
    texts = tmp_path / "texts.jsonl"

    def run(count: int) -> None:
        texts.write_bytes(b"".join(lines[:count]))
        redstream("run", str(texts), *program.SIMULATED, *at, "--lockstep")

    run(40)
    newest, hash_ = program.model(var)
    assert newest > 1
    assert "is pinned" in redstream("models", "pin", "1", *at)
    told = redstream("models", "rollback", "1", *at)
    assert f"Version {newest + 1} is in service: back to 1, from {newest}." in told

    rows = listed(var)
    first, before, now = rows[1], rows[newest], rows[newest + 1]
    assert list(rows) == list(range(1, newest + 2))
    assert first[-1] == "pinned"
    assert now[-5:] == ["in", "service,", "back", "to", "1"]
    assert program.model(var)[0] == newest + 1
    assert now[HASH] == first[HASH] != before[HASH] == hash_[:8]
    assert (now[LEARNT], now[APPLIED]) == ("0", before[APPLIED])
    assert f"{before[LEARNT]} lessons taught since are LEFT OUT" in told

    run(80)
    latest = program.latest(var)
    ids = {str(row["id"]) for row in program.lines(texts)}
    assert latest.keys() | program.held(var) == ids
    rows = listed(var)
    last = rows[max(rows)]
    assert int(last[APPLIED]) > int(now[APPLIED])
    assert 0 < int(last[LEARNT]) <= int(last[APPLIED]) - int(now[APPLIED])
    shown = " ".join(redstream("models", "show", str(max(rows)), *at).split())
    assert f"Left out by rollbacks: {before[LEARNT]} lessons" in shown


def test_an_error_is_one_line_and_a_run_is_not_disturbed(var: Path) -> None:
    at = ("--var", str(var))
    error = redstream("models", "rollback", "7", *at, fails=True)
    assert error == "redstream: there is no version 7; there are 1\n"
    first = program.start("run", "-", *at)
    try:
        while not (var / "lock").exists() or str(first.pid) not in (var / "lock").read_text():
            assert first.poll() is None
        assert f"held by process {first.pid}" in redstream("models", "pin", "1", *at, fails=True)
        assert "in service" in redstream("models", "list", *at)
    finally:
        first.communicate(b"")
