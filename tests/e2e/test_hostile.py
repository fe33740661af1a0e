"""Hostile records among good ones: every one is answered, nothing is lost, workers go on.

The long form of these is `python -m tests.hostile.long` (docs/hostile.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.long import embedded, on_kafka
from tests.kafka.provided import AnyBroker

SHORT = 500
GOOD = 50


@pytest.mark.slow
def test_a_run_answers_every_hostile_record_and_labels_the_good_ones(tmp_path: Path) -> None:
    report = embedded(tmp_path, SHORT, GOOD, batches=1)
    assert report.missing == []
    assert report.wrong == []
    assert report.hostile + report.good == report.labelled_or_held + report.dead + report.repeats
    assert report.dead > 100


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_answer_every_hostile_record_and_label_the_good_ones(
    kafka: AnyBroker, tmp_var: Path
) -> None:
    report = on_kafka(kafka.bootstrap, tmp_var, SHORT, GOOD, batches=1, others=10)
    assert report.missing == []
    assert report.wrong == []
    assert report.hostile + report.good == report.labelled_or_held + report.dead + report.repeats
    assert report.dead > 100
