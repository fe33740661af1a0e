"""A person's own file through the program: rows back, whatever happens to the program meanwhile."""

from __future__ import annotations

import csv
import json
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.e2e import program
from tests.e2e.program import redstream

KILLS = 8


def as_a_spreadsheet(path: Path, count: int) -> list[list[str]]:
    """The help desk's texts without their ids, as a semicolon CSV with a byte-order mark."""
    texts = [json.loads(line)["text"] for line in program.TEXTS.read_bytes().splitlines()[:count]]
    rows = [["Nr", "Beschreibung", "Preis"]]
    rows += [[f"{n:03}", text, f"{n},50"] for n, text in enumerate(texts)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    return rows


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


@pytest.mark.slow
def test_killed_at_any_moment_the_rows_come_back_the_same(fitted: Path, tmp_path: Path) -> None:
    texts = tmp_path / "tickets.csv"
    rows = as_a_spreadsheet(texts, 150)
    outs = {}
    for name in ("calm", "stormy"):
        shutil.copytree(fitted, tmp_path / name)
        outs[name] = tmp_path / f"{name}.csv"
    rng = random.Random(7)

    def command(name: str) -> tuple[str, ...]:
        return (
            *("run", str(texts), "--out", str(outs[name]), "--lockstep"),
            *("--var", str(tmp_path / name)),
        )

    began = time.monotonic()
    told = redstream(*command("calm"), REDSTREAM_BATCH="8")
    whole = time.monotonic() - began
    assert "semicolons, UTF-8 with a byte-order mark, text column 'Beschreibung', no id" in told
    for _ in range(KILLS):
        process = program.start(*command("stormy"), REDSTREAM_BATCH="8")
        time.sleep(rng.uniform(0.3, 1.0) * whole)
        process.kill()
        process.communicate()
    redstream(*command("stormy"), REDSTREAM_BATCH="8")
    assert outs["stormy"].read_bytes() == outs["calm"].read_bytes()
    assert [row[:3] for row in read(outs["calm"])] == rows
    assert not [row for row in read(outs["calm"])[1:] if not row[3] and not row[6]]
