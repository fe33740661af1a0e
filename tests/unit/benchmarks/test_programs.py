"""The programs, on a tiny set, with vectors that need no weights."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation, judge_measure, recursion, registry
from benchmarks.__main__ import main
from benchmarks.data import read_rows
from benchmarks.page import write_page
from benchmarks.report import load, points, save, share
from tests.unit.benchmarks.make import WORDS, write_rows


@pytest.fixture
def run(write_set: Callable[..., Path], tmp_path: Path) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        fixed = ["--data", str(write_set()), "--out", str(tmp_path / "out")]
        fixed += ["--cache", str(tmp_path / "cache"), "--encoder", "hashing"]
        return main([*arguments, *fixed])

    return run


def test_accuracy_prints_a_table_and_writes_record_plot_and_page(run, tmp_path: Path, capsys):
    assert run("accuracy", "--sets", "tiny", "--per-label", "4", "--draws", "2") == 0
    out = capsys.readouterr().out
    assert "tiny, 4" in out
    assert "left" in out
    record = load(tmp_path / "out", "accuracy")
    assert record["complete"]
    [cell] = record["cells"]
    assert len(cell["methods"]["recipe"]["accuracy"]) == 2
    assert set(cell["methods"]) == {"recipe", "flat", "neighbours", "centroid", "published"}
    assert record["sets"]["tiny"]["labels"] == 6
    assert (tmp_path / "out" / "plots" / "accuracy.svg").is_file()
    page = (tmp_path / "out" / "benchmarks.md").read_text()
    assert "tiny, 4" in page
    assert "Not run yet" in page


def test_a_record_holds_no_path_and_no_name_of_the_machine(run, tmp_path: Path):
    run("accuracy", "--sets", "tiny", "--per-label", "3", "--draws", "1")
    text = (tmp_path / "out" / "accuracy.json").read_text()
    assert str(tmp_path) not in text
    assert set(json.loads(text)["machine"]) == {"cores", "cpu", "system"}


def test_the_page_says_what_the_record_says_and_nothing_else(run, tmp_path: Path):
    run("accuracy", "--sets", "tiny", "--per-label", "3", "--draws", "1")
    out = tmp_path / "out"
    record = load(out, "accuracy")
    record["cells"][0]["methods"]["recipe"]["accuracy"] = [0.1234]
    save(out, record)
    first = write_page(out, out).read_text()
    assert ".1234" in first
    assert first == write_page(out, out).read_text()
    for benchmark in registry.BENCHMARKS:
        (out / f"{benchmark.NAME}.json").unlink(missing_ok=True)
    # With no record there is no measured number on the page at all.
    assert not re.search(r"\d\.\d|\.\d\d", write_page(out, out).read_text().replace(".md", ""))


def test_no_folder_of_sets_is_a_clear_error(tmp_path: Path, capsys):
    assert main(["accuracy", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
    assert "is no folder" in capsys.readouterr().out


def test_an_unknown_set_is_an_error_that_names_those_that_are_there(run, capsys):
    assert run("accuracy", "--sets", "other") == 2
    assert "no set other" in (out := capsys.readouterr().out)
    assert "tiny" in out


def test_a_set_without_out_of_scope_texts_is_refused_where_they_are_needed(run, capsys):
    assert run("unknown", "--sets", "tiny") == 2
    assert "oos_test.jsonl.gz" in capsys.readouterr().out


def test_a_damaged_record_is_named(tmp_path: Path, capsys):
    (tmp_path / "accuracy.json").write_text("{")
    assert main(["page", "--out", str(tmp_path)]) == 2
    assert "accuracy.json is damaged" in capsys.readouterr().out


def test_a_benchmark_that_breaks_is_an_exit_status(run, monkeypatch, capsys):
    def broken(context: object) -> None:
        raise ArithmeticError("a defect")

    monkeypatch.setattr(registry.BENCHMARKS[0], "run", broken)
    assert run("accuracy", "--sets", "tiny") == 1
    assert "a defect" in capsys.readouterr().out


def test_records_are_plain_json_with_numbers_on_one_line(tmp_path: Path):
    save(tmp_path, {"benchmark": "x", "cells": [{"values": [0.5, np.float32(0.25), -1e-05]}]})
    assert '"values": [0.5, 0.25, -1e-05]' in (tmp_path / "x.json").read_text()


def test_numbers_are_written_as_in_this_project():
    assert share(0.94321) == ".9432"
    assert points({"mean": 0.0031, "low": -0.0005, "high": 0.0057}) == "+0.31 (-0.05 to +0.57)"


def test_a_record_of_another_version_is_named(tmp_path: Path, capsys):
    save(tmp_path, {"benchmark": "speed", "cells": [{"set": "x"}], "complete": True})
    assert main(["page", "--out", str(tmp_path)]) == 2
    assert "speed.json is of another version" in capsys.readouterr().out


def test_a_judge_is_measured_from_recorded_answers(run, write_set, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("benchmarks.judge_measure.TEXTS", 20)
    monkeypatch.setattr("benchmarks.judge_measure.PER_LABEL", 4)
    monkeypatch.setattr("benchmarks.judge_measure.FURTHER", 10)
    rows = read_rows(write_set() / "tiny" / "test.jsonl.gz")
    for number, row in enumerate(rows):
        # Right on three of four, "none" on the fourth; "fee" was never offered.
        said = "oos" if number % 4 == 3 else row["label"]
        row["judges"] = {judge_measure.JUDGE: [said, 0.9]}
    folder = write_set() / judge_measure.ANSWERS
    write_rows(folder / "trustlens_all.jsonl.gz", rows)
    offered = {judge_measure.JUDGE: [label for label in WORDS if label != "fee"]}
    (folder / "trustlens_offered_labels.json").write_text(json.dumps(offered))
    assert run("judge_measure", "--sets", "tiny") == 0
    record = load(tmp_path / "out", "judge_measure")
    [cell] = record["cells"]
    assert cell["texts"] == 40
    assert cell["left_out"]["label not offered"] == 8
    assert (cell["tpr"]["all"], cell["tnr"]["all"]) == (0.75, 1.0)
    assert len(cell["tpr"]["found"]) == judge_measure.DRAWS
    assert cell["tnr"]["inside"] == judge_measure.DRAWS
    assert (tmp_path / "out" / "plots" / "judge_measure.svg").is_file()


def test_recorded_answers_that_are_not_there_are_a_clear_error(run, capsys):
    assert run("judge_measure", "--sets", "tiny") == 2
    assert "trustlens_all.jsonl.gz cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        *("thousand", "ablation", "labels_added", "unknown", "target"),
        *("offered", "prompts", "neighbours_speed", "judge_stage", "drift_alarms"),
    ],
)
def test_every_benchmark_runs_on_a_set_it_has_never_seen(
    run, write_set, name: str, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("benchmarks.labels_added.ADDED", 2)
    monkeypatch.setattr("benchmarks.target.PER_LABEL", 6)
    monkeypatch.setattr("benchmarks.target.ORDERS", 2)
    small_drift = {"PER_LABEL": 6, "RUNS": 2, "TEXTS": 1_500, "AT": 1_000, "RATES": (0.05,)}
    small_drift |= {"STEADY": 3, "CALIBRATION": 20, "DELAYS": 2, "AFTER": 150}
    for name_of, value in (small_drift | {"REFERENCES": (100, 200)}).items():
        monkeypatch.setattr(f"benchmarks.drift_alarms.{name_of}", value)
    monkeypatch.setattr("benchmarks.measures.RESAMPLES", 20)
    for small in ("neighbours_speed.ASKS", "prompts.TEXTS", "judge_stage.TEXTS"):
        monkeypatch.setattr(f"benchmarks.{small}", 12)
    monkeypatch.setattr("benchmarks.neighbours_speed.LABELS", 20)
    monkeypatch.setattr("benchmarks.neighbours_speed.PER_LABEL", 5)
    few = dict(list(ablation.VARIANTS.items())[:2])
    monkeypatch.setattr("benchmarks.ablation.VARIANTS", few)
    strange = [{"text": f"{word} is something else entirely", "label": "oos"} for word in WORDS]
    write_rows(write_set() / "tiny" / "oos_test.jsonl.gz", strange)
    assert run(name, "--sets", "tiny", "--draws", "1") == 0
    record = load(tmp_path / "out", name)
    assert record["complete"]
    assert "tiny" in (tmp_path / "out" / "benchmarks.md").read_text()


def test_recorded_answers_teach_while_a_stream_runs(run, write_set, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("benchmarks.loop.SHARES", (0.25, 0.5))
    monkeypatch.setattr("benchmarks.pupils.LEARN", 5)
    monkeypatch.setattr("benchmarks.pupils.REFIT", 10)
    rows = read_rows(write_set(each=24) / "tiny" / "train.jsonl.gz")
    stream = [row for i, row in enumerate(rows) if i % 24 >= 6]
    for number, row in enumerate(stream):
        row["gpt-label"] = "fee" if number % 5 == 0 else row["label"]
    write_rows(tmp_path / "data" / "banking77_llm" / "ocats_dev.jsonl.gz", stream)
    arguments = ["loop", "--sets", "tiny", "--draws", "1", "--per-label", "4"]
    fixed = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    fixed += ["--cache", str(tmp_path / "cache"), "--encoder", "hashing"]
    assert main([*arguments, *fixed]) == 0
    record = load(tmp_path / "out", "loop")
    [cell] = record["cells"]
    assert cell["texts"] == 108
    assert len(cell["runs"]) == 16
    for key, one in cell["runs"].items():
        # What is asked in the first texts is saved, and at most the burst is asked beyond.
        assert one["calls"][0] <= float(key.split()[-1]) + 6 / 108
    assert cell["runs"]["recipe trust 0.5"]["calls"][0] > 0.3
    assert (tmp_path / "out" / "plots" / "loop.svg").is_file()


def test_a_judge_that_errs_by_pair_teaches_while_a_stream_runs(
    run, write_set, tmp_path: Path, monkeypatch
):
    write_set(each=40)
    monkeypatch.setattr("benchmarks.loop_simulated.BUDGETS", (0.2, 0.6))
    monkeypatch.setattr("benchmarks.loop_simulated.PER_LABEL", 6)
    monkeypatch.setattr("benchmarks.loop_simulated.OFTEN", 5)
    monkeypatch.setattr("benchmarks.prices.TEXTS", 4)
    arguments = ["loop_simulated", "--sets", "tiny", "--draws", "2"]
    fixed = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    fixed += ["--cache", str(tmp_path / "cache"), "--encoder", "hashing"]
    assert main([*arguments, *fixed]) == 0
    [cell] = load(tmp_path / "out", "loop_simulated")["cells"]
    assert set(cell["pupils"]) == {"recipe", "fitted", "seldom", "never", "flat", "cache"}
    for curves in cell["pupils"].values():
        for curve in curves:
            assert curve["calls"][0] == 0
            # A text may take two calls, and a budget is caught up with: both are bounded.
            assert all(c <= b + 0.05 for c, b in zip(curve["calls"][1:], (0.2, 0.6), strict=True))
            assert curve["tokens"][2] >= curve["tokens"][1] > 0
            assert curve["taught"][2] > 0
    assert (tmp_path / "out" / "plots" / "loop_simulated.svg").is_file()


def test_rounds_go_on_until_nothing_moves(run, write_set, tmp_path: Path, monkeypatch):
    write_set(each=40)
    monkeypatch.setattr("benchmarks.recursion.PER_LABEL", 2)
    arguments = ["recursion", "--sets", "tiny", "--draws", "1"]
    fixed = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    fixed += ["--cache", str(tmp_path / "cache"), "--encoder", "hashing"]
    assert main([*arguments, *fixed]) == 0
    [cell] = load(tmp_path / "out", "recursion")["cells"]
    [curve] = cell["ways"]["learning"]
    assert curve["began"][0] == cell["texts"]
    for i in range(recursion.ROUNDS):
        settled = curve["unasked"][i] + curve["accepted"][i]
        assert curve["uncertain"][i] == curve["began"][i] - settled
    assert sum(curve["accepted"]) > 0
    # Each label is refused once at most, so in the end there is nothing left to ask.
    assert curve["rejected"][-1] == 0


def test_the_stopping_rule_stops_where_less_than_a_hundredth_is_settled():
    assert recursion.stops([1000, 500, 300, 298, 100]) == 4
    assert recursion.stops([1000, 500, 0, 0]) == 3
    assert recursion.stops([1000, 500, 250]) is None
