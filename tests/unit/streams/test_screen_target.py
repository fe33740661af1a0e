"""What a person reads about the precision of what goes out unasked."""

import pytest

from streams.program.screen_target import promised
from streams.records import Claim
from tests.unit.streams import make


def claim(state: str, **fields: object) -> Claim:
    usual: dict[str, object] = {
        "target": 0.95,
        "bound": 0.955,
        "agreement": 0.981,
        "judged": 212,
        "reason": "because",
    }
    return Claim.model_validate({"state": state, **usual, **fields})


def test_a_certificate_names_threshold_bound_and_audits() -> None:
    said = promised(make.manifest(threshold=0.62, audit=0.05, claim=claim("certified")))
    assert said == (
        "The target of 0.95 is certified: texts with a confidence of 0.62 or more go out unasked;"
        " the judge agrees with at least 0.955 of them (found: 0.981 of 212); 5% of them are judged"
        " too."
    )


@pytest.mark.parametrize("state", ["too few", "open"])
def test_no_certificate_yet_says_what_is_missing(state: str) -> None:
    said = promised(make.manifest(audit=1.0, claim=claim(state, agreement=None)))
    assert (
        said == "The target of 0.95 is not certified yet: because. Until then everything is judged."
    )


@pytest.mark.parametrize("state", ["below", "too close", "too rare"])
def test_a_target_out_of_reach_says_why_and_what_holds_instead(state: str) -> None:
    said = promised(make.manifest(threshold=0.86, audit=0.05, claim=claim(state)))
    assert "cannot be certified: because. So texts with a confidence of 0.86 or more" in said
    assert "no more is spent towards the target" in said


def test_after_a_change_everything_is_judged_and_it_is_not_said_that_nothing_is_spent() -> None:
    said = promised(make.manifest(threshold=0.86, audit=1.0, claim=claim("below")))
    assert said.endswith("and after the change everything is judged for a while.")
    assert "no more is spent" not in said


def test_without_anything_judged_nobody_vouches() -> None:
    assert promised(make.manifest(threshold=0.86)) == (
        "Unasked: texts with a confidence of 0.86 or more go out unasked, as cross-validated on"
        " the examples; no audits vouch for it."
    )
    assert promised(make.manifest(threshold=1.01)).startswith("Unasked: no text goes out unasked")
