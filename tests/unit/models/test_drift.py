"""Disagreement that rises is found soon; one that is steady, falls or was announced is not."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from models import drift
from models.drift import Change, Disagreement, Judged


def series(
    *parts: tuple[int, float], seed: int = 0, expected: float = 0.05, moved: str = "b"
) -> Iterator[Judged]:
    """So many texts with such a share of disagreement, part after part; a fifth are under `moved`,
    which has all disagreement from the second part on."""
    rng, place = np.random.default_rng(seed), 0
    for number, (count, rate) in enumerate(parts):
        for _ in range(count):
            wrong = bool(rng.random() < rate)
            label = moved if (wrong and number) or rng.random() < 0.2 else "a"
            said = "z" if wrong else label
            yield Judged(f"t{place}", label, said, expected, float(place))
            place += 1


def watched(texts: Iterable[Judged], detector: Disagreement | None = None) -> list[Change]:
    detector = detector or Disagreement()
    return [change for text in texts if (change := detector.observe(text)) is not None]


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_alarms_are_rare_at_a_steady_rate(rate: float) -> None:
    """Each run is what 50,000 texts give at 5% audits: at most one alarm in it."""
    alarms = [len(watched(series((2_500, rate), seed=seed))) for seed in range(16)]
    assert max(alarms) <= 1
    assert sum(alarms) <= 3


def test_a_rise_is_found_and_told_with_its_label_its_beginning_and_its_texts() -> None:
    texts = list(series((1_000, 0.03), (400, 0.13)))
    (found,) = watched(texts)
    assert found.labels == ("b",)
    assert abs(found.since - 1_000) < 60
    assert found.statistic >= found.bound == math.log(drift.ALARM)
    shown = [text for text in texts if text.id in found.ids]
    assert len(shown) == drift.SHOWN
    assert all(text.disagreed and text.label == "b" for text in shown)
    assert min(text.at for text in shown) > 1_000
    evidence = found.evidence
    assert evidence["rate_before"] == pytest.approx(0.03, abs=0.015)
    assert evidence["rate_since"] == pytest.approx(0.13, abs=0.06)
    assert evidence["pairs"][0].startswith("b → z: ")


def test_five_points_are_found_within_twice_the_texts_of_the_optimal_test() -> None:
    """CUSUM that knows both rates needs 195 in the mean at this false-alarm rate (ADR 9)."""
    delays = []
    for seed in range(12):
        (found, *_) = watched(series((1_500, 0.03), (1_500, 0.08), seed=seed))
        delays.append(found.evidence["texts_since"])
    assert np.mean(delays) < 390


def test_after_an_alarm_the_new_rate_is_the_reference() -> None:
    assert len(watched(series((1_000, 0.03), (2_500, 0.13)))) == 1
    assert len(watched(series((1_000, 0.03), (1_000, 0.13), (400, 0.4)))) == 2


def test_a_rise_after_an_improvement_is_measured_against_the_better_rate() -> None:
    found = watched(series((1_000, 0.2), (1_000, 0.02), (400, 0.12)))
    late = [change for change in found if change.since > 1_900]
    assert len(late) == 1
    assert late[0].evidence["rate_before"] < 0.05


def test_an_improvement_alone_is_no_alarm() -> None:
    assert watched(series((1_000, 0.2), (1_000, 0.02))) == []


def test_a_rise_that_falling_confidence_announced_is_no_alarm_and_becomes_the_reference() -> None:
    detector = Disagreement()
    assert watched(series((1_000, 0.03), expected=0.03), detector) == []
    assert watched(series((1_000, 0.13), expected=0.13, seed=1), detector) == []
    (found,) = watched(series((400, 0.3), expected=0.13, seed=2), detector)
    assert found.evidence["rate_before"] == pytest.approx(0.13, abs=0.05)


def test_no_label_given_is_a_disagreement() -> None:
    assert Judged("t", "a", None, 0.1, 0.0).disagreed
    assert not Judged("t", "a", "a", 0.1, 0.0).disagreed


def test_what_speaks_for_a_rise_is_a_finite_number_however_long_it_lasts() -> None:
    detector = Disagreement()
    for place in range(2_000):
        wrong = place > 50  # before there is a reference
        detector.observe(Judged(str(place), "a", "z" if wrong else "a", 1.0, float(place)))
        assert all(math.isfinite(statistic) for statistic in detector.statistics())


def test_memory_is_bounded() -> None:
    detector = Disagreement()
    watched(series((drift.WINDOW + 500, 0.01)), detector)
    assert len(detector._window) == drift.WINDOW
    assert detector._earlier[0] == 500
