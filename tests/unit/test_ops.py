"""Boards and rules: their metrics are ones of the program, and alerts come when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.telemetry.metrics import Metrics
from streams.topology import STAGES

ROOT = Path(__file__).parents[2]
RULES = ROOT / "ops" / "prometheus" / "rules.yml"
CASES = ROOT / "ops" / "prometheus" / "rules_test.yml"
BOARDS = sorted((ROOT / "ops" / "grafana").glob("*.json"))
DECLARED = {one.name: one for one in Metrics().declared}
NAME = re.compile(r"\b(redstream_\w+|process_\w+|up)\b(?:\{([^}]*)\})?")
OF_SERIES = {"instance", "job", "le"}


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {one["alert"]: one for group in groups for one in group["rules"]}


def panels(board: Path) -> list[dict[str, Any]]:
    return list(json.loads(board.read_text(encoding="utf-8"))["panels"])


def questions() -> dict[str, str]:
    """Every expression, by where it is."""
    asked = {name: one["expr"] for name, one in alerts().items()}
    for board in BOARDS:
        for panel in panels(board):
            for target in panel["targets"]:
                asked[f"{board.stem}: {panel['title']} {target['refId']}"] = target["expr"]
    return asked


def exported() -> set[str]:
    """Every name that a sample of ours can have."""
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    return {
        name + suffix for name, one in DECLARED.items() for suffix in suffixes.get(one.kind, ("",))
    }


def unknown(expression: str) -> set[str]:
    beside = {family.name for family in Metrics().registry.collect()} | {
        sample.name for family in Metrics().registry.collect() for sample in family.samples
    }
    # A matcher's label, or a grouping's, is a word as well: only names of metrics begin so.
    names = {found[0] for found in NAME.findall(expression)} - {"up"}
    return names - exported() - {one for one in beside if one.startswith("process_")}


def test_every_metric_in_boards_and_rules_exists() -> None:
    asked = questions()
    assert len(asked) > 60
    assert {where: unknown(one) for where, one in asked.items() if unknown(one)} == {}


def test_one_that_does_not_exist_would_be_noticed() -> None:
    assert unknown('rate(redstream_record_total{stage="judge"}[5m]) > 0') == {
        "redstream_record_total"
    }
    assert unknown("redstream_batch_seconds") == {"redstream_batch_seconds"}


def labels_of(metric: str) -> set[str]:
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    return {*DECLARED[base].labels} if base in DECLARED else set()


def test_every_label_that_is_asked_for_is_one_of_the_metric() -> None:
    for where, asked in questions().items():
        has: set[str] = set()
        for metric, matchers in NAME.findall(asked):
            known = labels_of(metric) | OF_SERIES
            has |= known
            assert set(re.findall(r"(\w+)\s*(?:=|!)", matchers)) <= known, where
        for grouped in re.findall(r"\bby \(([^)]*)\)", asked):
            assert set(re.findall(r"\w+", grouped)) <= has, where


def test_stages_that_are_named_are_stages() -> None:
    named = {
        stage
        for asked in questions().values()
        for found in re.findall(r'stage=~?"([^"]+)"', asked)
        for stage in found.split("|")
    }
    assert named <= {spec.name for spec in STAGES}


def test_every_metric_is_told_of_and_named_as_prometheus_has_it() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for one in DECLARED.values():
        assert len(one.help) > 10
        assert f"| `{one.name}` | {one.kind} |" in page
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert re.fullmatch(r"redstream_[a-z_]+", one.name)


def test_what_is_declared_is_what_is_registered() -> None:
    made = Metrics()
    found = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in made.registry.collect()
        if family.name.startswith("redstream_")
    }
    assert found == {one.name: one.kind for one in made.declared}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_board_can_be_shown(board: Path) -> None:
    shown = panels(board)
    assert len({panel["id"] for panel in shown}) == len(shown)
    for panel in shown:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"
    for one, other in combinations((panel["gridPos"] for panel in shown), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )


def test_the_boards_are_those_that_were_asked_for() -> None:
    assert [board.stem for board in BOARDS] == ["flow", "health", "quality"]
    uids = {json.loads(board.read_text(encoding="utf-8"))["uid"] for board in BOARDS}
    assert len(uids) == len(BOARDS)


def test_every_alert_says_what_to_do_and_has_a_case() -> None:
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    tested = {
        expected["alertname"]
        for case in cases
        for expected in case["alert_rule_test"]
        if expected.get("exp_alerts")
    }
    assert tested == alerts().keys()
    for one in alerts().values():
        assert one["labels"]["severity"] in ("page", "ticket")
        assert one["annotations"].keys() == {"summary", "todo"}


def test_the_runbook_has_a_section_for_every_alert_and_for_no_other() -> None:
    book = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", book, re.MULTILINE)[-len(alerts()) :] == list(alerts())


def test_promtool_finds_that_alerts_come_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool: go build github.com/prometheus/prometheus/cmd/promtool")
    for words in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(
            [promtool, *words], cwd=RULES.parent, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
