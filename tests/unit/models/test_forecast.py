"""A forecast plays a run through on a sample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecast import POINTS, forecast

SURE = np.full(50, 0.999)
DOUBTFUL = np.full(50, 0.2)
MIXED = np.concatenate([SURE, DOUBTFUL])


def play(confidence: np.ndarray, target: float = 0.9, texts: int = 1_000, **other: object):  # type: ignore[no-untyped-def, type-arg]
    given_ = {"audit": 0.0, "certify": False, "seed": 0} | other
    return forecast(confidence, target, texts, **given_)  # type: ignore[arg-type]


def test_without_a_certificate_the_doubtful_and_the_audits_are_judged() -> None:
    found = play(MIXED)
    assert found.judged == found.weight[50:].sum()
    assert not found.weight[:50].any()
    assert found.judged / found.texts == pytest.approx(0.5, abs=0.03)
    audited = play(MIXED, audit=0.2)
    assert audited.weight[:50].sum() / found.texts == pytest.approx(0.1, abs=0.03)
    assert found.state is None
    assert found.certified_after is None


def test_with_one_everything_is_judged_until_it_comes() -> None:
    found = play(MIXED, certify=True)
    assert found.state == "certified"
    assert found.certified_after is not None
    assert 20 < found.certified_after < 500
    assert found.course[1].tolist() == [20, 20]
    assert found.judged < 0.75 * found.texts


def test_where_the_classifier_is_never_sure_everything_is_judged() -> None:
    found = play(DOUBTFUL, target=0.98, certify=True)
    assert found.certified_after is None
    assert found.state == "too few"
    assert found.judged == found.texts


def test_beyond_what_is_played_the_last_share_goes_on() -> None:
    short, long = play(MIXED, texts=6_000), play(MIXED, texts=600_000)
    assert long.judged / long.texts == pytest.approx(short.judged / short.texts, abs=0.02)
    assert long.weight.sum() == pytest.approx(long.judged)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.floats(0.05, 0.99),
    st.integers(1, 400),
    st.floats(0, 1),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_sample_no_text_is_judged_twice(
    confidence: list[float], target: float, texts: int, audit: float, certify: bool
) -> None:
    found = play(np.asarray(confidence), target, texts, audit=max(audit, 0.01), certify=certify)
    assert 0 <= found.judged <= texts
    assert math.isclose(found.weight.sum(), found.judged, abs_tol=1e-6)
    assert len(found.course) <= POINTS + 1
    assert (np.diff(found.course, axis=0) >= 0).all()
    assert found.course[-1].tolist() == [texts, found.judged]


def test_nothing_to_go_by_is_said() -> None:
    with pytest.raises(ValueError, match="a sample"):
        play(np.zeros(0))
