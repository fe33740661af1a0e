"""The bound holds however often it is looked at, and says why where there is none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from models.risk import ALPHA, PATIENCE, Certificate, candidates

quick = settings(max_examples=40, deadline=None, database=None)
ONE = np.asarray([0.5])

texts = st.lists(
    st.tuples(
        st.floats(0, 1), st.booleans(), st.sampled_from([0.05, 0.3, 1.0]), st.sampled_from([1, 4])
    ),
    max_size=60,
)


def after(certificate: Certificate, seen: list[tuple[float, bool, float, int]]) -> Certificate:
    for confidence, agreed, rate, times in seen:
        certificate = certificate.observe(confidence, agreed, min(1.0, rate * times), rate)
    return certificate


def agreeing(certificate: Certificate, answers: list[bool], confidence: float = 1.0) -> Certificate:
    for agreed in answers:
        certificate = certificate.observe(confidence, agreed)
    return certificate


@quick
@given(texts, st.integers(0, 60))
def test_stored_and_read_again_it_goes_on_to_the_bit(seen, cut: int):
    whole = after(Certificate.new(0.9), seen)
    half = Certificate.from_json(after(Certificate.new(0.9), seen[:cut]).to_json())
    assert after(half, seen[cut:]).to_json() == whole.to_json()


@quick
@given(texts)
def test_what_is_certified_stays_and_bounds_only_rise(seen):
    certificate = Certificate.new(0.6)
    for one in seen:
        following = after(certificate, [one])
        assert following.certified >= certificate.certified
        assert (following.refused >= certificate.refused).all()
        certificate = following


@quick
@given(texts)
def test_a_candidate_is_certified_only_with_all_above_it(seen):
    certificate = after(Certificate.new(0.6), [(c, True, r, t) for c, _, r, t in seen] * 3)
    held = certificate.refused > np.searchsorted(certificate.means, 0.6)
    assert held[: certificate.certified].all()
    assert certificate.certified == len(held) or not held[certificate.certified]


@quick
@given(texts)
def test_capital_stays_a_number_and_counts_are_exact(seen):
    certificate = after(Certificate.new(0.95), seen)
    assert np.isfinite(certificate.capital).all()
    assert np.isfinite(certificate.doubt).all()
    for threshold, judged in zip(certificate.thresholds, certificate.judged, strict=True):
        assert judged == sum(confidence >= threshold for confidence, *_ in seen)


@quick
@given(st.lists(st.booleans(), min_size=1, max_size=80), st.sampled_from([0.05, 0.5]))
def test_texts_all_drawn_at_one_rate_count_as_if_all_were_judged(answers, rate: float):
    plain = agreeing(Certificate.new(0.9), answers)
    drawn = after(Certificate.new(0.9), [(1.0, agreed, rate, 1) for agreed in answers])
    assert drawn.to_json() == plain.to_json()


@pytest.mark.parametrize("target", [0.8, 0.95, 0.98])
def test_a_judge_that_always_agrees_certifies_with_the_least_number_there_is(target: float):
    certificate = Certificate.new(target)
    count = 0
    while not certificate.certified:
        assert certificate.finding().threshold is None
        certificate = agreeing(certificate, [True])
        count += 1
    # Bets begin a little below the greatest stake.
    assert certificate.needed <= count <= 1.3 * certificate.needed + 5
    finding = certificate.finding()
    assert finding.state == "certified"
    assert finding.threshold == pytest.approx(candidates(target)[-1])
    assert finding.bound >= target
    assert finding.rate(0.05) == 0.05


def test_too_few_texts_say_how_many_are_needed():
    finding = agreeing(Certificate.new(0.95), [True] * 20).finding()
    assert (finding.state, finding.threshold, finding.judged) == ("too few", None, 20)
    assert "needs at least 78" in finding.reason
    assert not finding.hopeless
    assert finding.rate(0.05) == 1.0
    assert math.isnan(Certificate.new(0.95).finding().agreement)


def test_a_judge_that_errs_in_ten_of_a_hundred_is_said_not_to_reach_95():
    draws = np.random.default_rng(4).random(1500) > 0.1
    certificate = agreeing(Certificate.new(0.95), draws.tolist())
    finding = certificate.finding()
    assert finding.state == "below"
    assert finding.hopeless
    assert finding.rate(0.05) == 0.05
    assert finding.threshold is None
    assert finding.bound < 0.9
    assert "below the target of 0.95" in finding.reason


def test_where_sure_texts_are_too_rare_nobody_waits_for_them():
    certificate = agreeing(Certificate.new(0.95), [True] * 20)
    certificate = agreeing(certificate, [True] * (PATIENCE - 21), confidence=0.9)
    assert certificate.finding().state == "too few"
    certificate = agreeing(certificate, [True], confidence=0.9)
    finding = certificate.finding()
    assert (finding.state, finding.hopeless, finding.rate(0.05)) == ("too rare", True, 0.05)
    assert f"of {PATIENCE} judged texts 20 have a confidence of 0.975 or more" in finding.reason
    # The audits go on, and so does the certificate.
    assert agreeing(certificate, [True] * 100).finding().state == "certified"


def test_a_certificate_stored_before_texts_were_counted_goes_on():
    stored = json.loads(agreeing(Certificate.new(0.95), [True] * 20).to_json())
    del stored["heard"]
    certificate = Certificate.from_json(json.dumps(stored))
    assert (certificate.heard, certificate.finding().judged) == (0, 20)


def test_what_cannot_be_told_from_the_target_is_given_up_after_patience():
    # Nineteen right, one wrong, for ever: exactly the target.
    certificate = agreeing(Certificate.new(0.95), ([True] * 19 + [False]) * 20)
    assert certificate.finding().state == "open"
    certificate = agreeing(certificate, ([True] * 19 + [False]) * (PATIENCE // 20))
    assert certificate.finding().state == "too close"
    assert certificate.finding().hopeless


def test_no_candidate_below_doubtful_texts_that_err_is_certified():
    rng = np.random.default_rng(2)
    certificate = Certificate.new(0.9, np.asarray([0.8, 0.4]))
    for _ in range(2000):
        sure = rng.random() < 0.5
        if sure and rng.random() >= 0.1:
            continue  # not audited
        right = rng.random() < (0.99 if sure else 0.6)
        certificate = certificate.observe(0.9 if sure else 0.5, right, 0.1 if sure else 1.0, 0.1)
    assert certificate.certified == 1
    # Of all from .4 on .795 are right: the audits weigh for what they stand for.
    assert certificate.sums[1, 1] / certificate.sums[1, 0] == pytest.approx(0.795, abs=0.06)


def runs(right: float, sequences: int, length: int) -> np.ndarray:
    return np.random.default_rng(0).random((sequences, length)) < right


def test_looked_at_after_every_text_it_claims_too_much_in_at_most_alpha():
    target, length = 0.9, 300
    missed = 0
    for answers in runs(target, 200, length):
        # The mean *is* the target: every claim of more is wrong, and this is the hardest case.
        missed += agreeing(Certificate.new(target, ONE), answers.tolist()).certified > 0
    # .05, and two standard deviations of 200 runs.
    assert missed / 200 <= ALPHA + 0.03


def test_clopper_pearson_looked_at_as_often_does_not_hold():
    target, length = 0.9, 300
    seen = np.arange(1, length + 1)
    right = runs(target, 200, length).cumsum(axis=1)
    bound = beta.ppf(ALPHA, np.maximum(right, 1), seen - right + 1)
    assert ((bound >= target) & (right > 0)).any(axis=1).mean() > 2 * ALPHA


def test_with_many_candidates_and_audits_none_that_does_not_hold_is_certified_too_often():
    """Right with a probability of the confidence: from .8 on, exactly the target of .9."""
    target, missed = 0.9, 0
    tried = np.asarray([0.95, 0.9, 0.85, 0.799, 0.75, 0.7])
    for seed in range(120):
        rng = np.random.default_rng([seed, 3])
        certificate, in_force = Certificate.new(target, tried), 2.0
        for confidence, luck, drawn in zip(rng.random(600), *rng.random((2, 600)), strict=True):
            rate = 0.1 if certificate.certified else 1.0
            inclusion = rate if confidence >= in_force else 1.0
            if drawn < inclusion:
                certificate = certificate.observe(confidence, luck < confidence, inclusion, rate)
            if certificate.certified:
                in_force = float(tried[certificate.certified - 1])
        missed += in_force < 0.8
    assert missed / 120 <= ALPHA + 0.04


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Certificate.new(1.0),
        lambda: Certificate.new(0.9, alpha=0.0),
        lambda: Certificate.new(0.9, np.asarray([0.5, 0.6])),
        lambda: Certificate.new(0.9, np.asarray([])),
        lambda: Certificate.new(0.9).observe(0.9, True, 0.05, 0.1),
        lambda: Certificate.new(0.9).observe(0.9, True, 1.0, 0.0),
        lambda: Certificate.new(0.9).observe(math.nan, True),
        lambda: Certificate.from_json("{}"),
        lambda: Certificate.from_json("[1]"),
        lambda: Certificate.from_json('{"target": '),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        wrong()
