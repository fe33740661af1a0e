"""A stated target, on a pool of texts that is made up."""

import numpy as np

from benchmarks import target
from benchmarks.pool import Pool
from benchmarks.target import _streamed, _summed, shown

LABELS = ("a", "b", "c", "d")


def pool(right_below: float, size: int = 1500) -> Pool:
    """Texts of confidence .9 are all right, those of .4 only in `right_below` of the cases."""
    rng = np.random.default_rng(1)
    sure = rng.random(size) < 0.8
    right = sure | (rng.random(size) < right_below)
    gold = tuple(LABELS[i % 4] for i in range(size))
    return Pool(
        confidence=np.where(sure, 0.99, 0.4),
        label=tuple(LABELS[(i + (not ok)) % 4] for i, ok in enumerate(right)),
        gold=gold,
        right=right,
        seed_thresholds={0.9: 0.5},
        labels=LABELS,
        similar={},
    )


def test_texts_that_are_right_go_out_and_those_that_are_not_do_not():
    found = _streamed(pool(right_below=0.2), 0.9, 0.0, "all first", 0)
    assert found["state"] == "certified"
    assert not found["missed"]
    assert abs(found["share"] - 0.8) < 0.05
    assert found["right"] == 1.0
    assert found["first_texts"] >= found["first_audits"] > 20


def test_audits_from_the_start_ask_less_and_certify_later():
    few, all_first = (
        _streamed(pool(right_below=0.2), 0.9, 0.0, way, 0) for way in ("5% only", "all first")
    )
    assert few["judged"] < all_first["judged"]
    assert (few["first_texts"] or 1500) > all_first["first_texts"]


def test_a_judge_that_errs_too_often_is_named_and_asked_no_more():
    found = _streamed(pool(right_below=0.2), 0.9, 0.3, "all first", 0)
    assert found["state"] == "below"
    assert found["said_after"] == found["judged"] < 1500
    assert found["first_texts"] is None
    assert "below the target of 0.9" in found["reason"]


def test_the_tables_say_what_was_missed_and_what_was_asked():
    sound = [_streamed(pool(0.2), 0.9, 0.0, "all first", seed) for seed in range(2)]
    erring = [_streamed(pool(0.2), 0.9, 0.3, "all first", seed) for seed in range(2)]
    sound[1]["missed"] = True
    common = {"set": target.SETS[0], "schedule": "all first"}
    cells = [
        {**common, "target": 0.97, "error": 0.0, **_summed(sound)},
        {**common, "target": 0.95, "error": 0.3, **_summed(erring)},
    ]
    record = {"settings": {"orders": 2, "texts_streamed": 1500}, "cells": cells}
    said = shown(record)
    assert said.tables[0].rows[0][1:3] == ["2 of 2", ".5000"]
    assert said.tables[1].rows[0][1] == "2 of 2"
    assert [check.reached for check in said.checks] == [False, False, True]
    assert said.checks[0].asked == f"{target.SETS[0]}, 0.97: missed in at most {target.MISSED:.0%}"
