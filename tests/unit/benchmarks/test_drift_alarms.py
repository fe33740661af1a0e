"""The detectors of drift side by side, and streams that change."""

import numpy as np
import pytest

from benchmarks import drift_stream, drift_tests
from benchmarks.drift_stream import CHANGES, Streamed
from benchmarks.pool import Pool

LABELS = tuple(f"l{i:02}" for i in range(20))


def streamed(size: int = 2_000) -> Streamed:
    """Texts around their label's direction, one in fifty wrong, a tenth doubtful."""
    rng = np.random.default_rng(1)
    gold = rng.integers(len(LABELS), size=size)
    right = rng.random(size) >= 0.02
    rows = rng.normal(size=(len(LABELS), 8))[gold] + 0.3 * rng.normal(size=(size, 8))
    pool = Pool(
        confidence=np.where(rng.random(size) < 0.9, 0.99, 0.4),
        label=tuple(
            LABELS[(y + (not ok)) % len(LABELS)] for y, ok in zip(gold, right, strict=True)
        ),
        gold=tuple(LABELS[y] for y in gold),
        right=right,
        seed_thresholds={0.95: 0.5},
        labels=LABELS,
        similar={},
    )
    vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return Streamed(pool, vectors.astype(np.float32), 0.5)


def found(change: str) -> dict[str, list[int]]:
    one = drift_stream.run(streamed(), change, at=8_000, length=16_000, audits=0.1, seed=0)
    return {name: places for name, places in one["alarms"].items() if places}


def test_a_steady_stream_is_quiet() -> None:
    assert found("none") == {}


def test_labels_that_swap_are_seen_by_those_who_know_the_judge_alone_and_named() -> None:
    one = drift_stream.run(
        streamed(), "labels swap, 10 points", at=8_000, length=16_000, audits=0.1, seed=0
    )
    (place,) = one["alarms"]["audits"]
    assert 8_000 < place < 12_000
    assert one["alarms"]["embeddings"] == one["alarms"]["shares"] == []
    assert one["named_right"] == one["named"] > 0
    assert 0 < one["audits_to_alarm"] < 0.12 * 4_000


@pytest.mark.parametrize("change", ["labels appear", "shares"])
def test_what_changes_the_texts_is_seen_in_the_shares_and_not_by_the_audits(change: str) -> None:
    alarms = found(change)
    assert alarms["shares"][0] >= 8_000
    assert "audits" not in alarms
    assert set(CHANGES) > {change}


def test_the_optimal_test_is_that_of_page() -> None:
    rows = np.array([[0.0, 1.0, 1.0, 0.0]])
    up, down = np.log(0.2 / 0.1), np.log(0.8 / 0.9)
    expected = [down, up, 2 * up, 2 * up + down]
    assert drift_tests.cusum(rows, 0.1, 0.2)[0] == pytest.approx(expected)


def test_a_bound_lets_the_share_asked_for_pass() -> None:
    values = np.arange(100.0)[:, None] * np.ones(3)
    bound = drift_tests.bound_for(values, 0.05)
    assert (drift_tests.passing(values, bound) < 3).sum() == 5
    assert drift_tests.passing(np.array([[0.0, 9.0, 9.0], [0, 0, 0]]), 5.0).tolist() == [1, 3]


def test_adwin_finds_a_rise_and_no_fall() -> None:
    risen = drift_tests.series(0.02, 400, 0.5, 200, 3, 0)
    fallen = 1 - drift_tests.series(0.5, 400, 0.98, 200, 3, 0)
    first = drift_tests.adwin(risen, 0.002)
    assert ((first > 400) & (first < 450)).all()
    assert (drift_tests.adwin(fallen, 0.002) == 600).all()


def test_alarms_are_counted_up_to_the_one_that_is_waited_for() -> None:
    rows = np.concatenate([np.zeros((1, 300)), np.ones((1, 60)), np.zeros((1, 40))], axis=1)
    first, count = drift_tests.first_alarms(rows)
    assert 300 < first[0] < 330
    assert count.tolist() == [1]
    assert drift_tests.first_alarms(rows, after=380)[1].tolist() == [1]
    assert drift_tests.first_alarms(rows[:, :300])[0].tolist() == [300]
