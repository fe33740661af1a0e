"""What `make chaos` makes of the alerts, and of what workers say."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tools.chaos import alerts, away, soak
from tools.chaos.alerts import Sample
from tools.chaos.told import Told

ROOT = Path(__file__).parents[2]


def sample(name: str, value: float, **labels: str) -> Sample:
    return Sample(f"redstream_{name}", labels, value)


def working() -> list[Sample]:
    """A house in which nothing is wrong."""
    stages = ("classify", "judge", "later", "remember", "drift", "train", "ledger")
    return [
        *(sample("active", 1, stage=stage, instance="a") for stage in stages),
        *(sample("failing_seconds", 0, stage=stage, instance="a") for stage in stages),
        *(sample("ready", 1, instance=one) for one in "ab"),
        *(sample("kafka_up", 1, instance=one) for one in "ab"),
        sample("store_up", 1, stage="judge", instance="a"),
        sample("llm_circuit_open", 0, instance="a"),
        sample("llm_budget_full", 0, instance="a"),
        sample("model_version", 3, instance="a"),
    ]


def test_the_alerts_of_every_outage_can_be_asked() -> None:
    assert {one.alert for one in away.KINDS.values()} <= alerts.rules().keys()
    assert "RedstreamNotReady" in alerts.rules()
    assert "RedstreamLagGrows" not in alerts.rules()  # it needs a history


def test_where_nothing_is_wrong_no_alert_holds() -> None:
    assert alerts.holding(working()) == set()


@pytest.mark.parametrize(
    ("changed", "alert"),
    [
        (sample("kafka_up", 0, instance="c"), "RedstreamBrokersAway"),
        (sample("ready", 0, instance="c"), "RedstreamNotReady"),
        (sample("store_up", 0, stage="judge", instance="c"), "RedstreamStoreAway"),
        (sample("llm_circuit_open", 1, instance="c"), "RedstreamJudgeAway"),
        (sample("llm_budget_full", 1, instance="c"), "RedstreamBudgetFull"),
        (sample("failing_seconds", 6, stage="ledger", instance="c"), "RedstreamFailing"),
        (sample("model_version", 0, instance="c"), "RedstreamNoModel"),
    ],
)
def test_an_alert_holds_where_one_worker_is_in_trouble(changed: Sample, alert: str) -> None:
    assert alerts.holding([*working(), changed]) == {alert}


def test_a_full_budget_is_no_absent_judge() -> None:
    both = [sample("llm_circuit_open", 1), sample("llm_budget_full", 1)]
    assert alerts.holding([*working(), *both]) == {"RedstreamBudgetFull"}


def test_a_stage_on_which_nobody_works_is_one_that_all_stand_by_for_or_nobody_knows() -> None:
    house = [one for one in working() if one.labels.get("stage") != "judge"]
    assert alerts.holding(house) == {"RedstreamNobodyWorks"}
    for value, found in ((0.0, {"RedstreamNobodyWorks"}), (1.0, set())):
        stands_by = sample("active", 0, stage="judge", instance="a")
        other = sample("active", value, stage="judge", instance="b")
        assert alerts.holding([*house, stands_by, other]) == found


def test_a_worker_that_keeps_quiet_and_one_that_complains_for_nothing_are_found() -> None:
    told = Told(not_ready=defaultdict(set), alerts=defaultdict(float))
    told.ready |= dict.fromkeys(("classify", "judge+remember", "ledger"), 3)
    told.not_ready["ledger"] = {"ledger tries again: disk I/O error"}
    told.alerts["RedstreamFailing"] = 3.0
    assert away.untrue("disk", told) == []
    told.not_ready["classify"] = {"no model is loaded"}
    assert away.untrue("disk", told) == ["classify was not ready: ['no model is loaded']"]
    assert "RedstreamStoreAway would not come" in away.untrue("qdrant", told)
    assert any("judge+remember did not say" in one for one in away.untrue("qdrant", told))


def test_memory_that_grows_is_told_from_memory_that_has_grown() -> None:
    at = list(range(2_000, 102_000, 2_000))
    report = soak.Soaked(100_000, at=at)
    soak.grown(report, "flat", [min(one, 20_000) / 200 for one in at])
    soak.grown(report, "grows", [100 + one / 1_000 for one in at])
    assert report.not_flat.keys() == {"grows"}
    assert report.growth["flat"] == pytest.approx(0, abs=0.01)
    assert report.growth["grows"] == pytest.approx(100, abs=0.01)


def test_a_clock_that_is_set_jumps_and_the_other_does_not(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("3600")
    code = (
        "import time; real = time.time(); ran = time.monotonic(); import tools.chaos.clock;"
        "from time import time as taken; print(taken() - real, time.monotonic() - ran)"
    )
    environment = {**os.environ, "CHAOS_CLOCK": str(clock)}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    wall, steady = map(float, said.stdout.split())
    assert 3_600 <= wall < 3_660
    assert steady < 60
