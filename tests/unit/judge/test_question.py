"""Cases and answers refuse what means nothing."""

import numpy as np
import pytest

from judge.question import Answer, Case, no_verdict, picked, verified
from models.errors import Permanent

VECTOR = np.ones(3, np.float32)


def test_a_case_compares_without_its_embedding() -> None:
    assert Case("t", "text", VECTOR, ("a",)) == Case("t", "text", 2 * VECTOR, ("a",))


@pytest.mark.parametrize(
    "case",
    [
        ("", "text", VECTOR, ("a",)),
        ("t", "text", VECTOR, ()),
        ("t", "text", VECTOR, ("a", "b", "a")),
        ("t", "text", np.ones((1, 3), np.float32), ("a",)),
        ("t", "text", np.array([1, np.nan], np.float32), ("a",)),
    ],
)
def test_a_case_that_nobody_could_decide_is_permanent(
    case: tuple[str, str, np.ndarray, tuple[str, ...]],
) -> None:
    with pytest.raises(Permanent):
        Case(*case)


def test_only_a_label_held_to_be_right_is_the_label_of_an_answer() -> None:
    assert verified("a", True, "").label == "a"
    assert verified("a", False, "").label is None
    assert picked("b", ("a", "b"), "").label == "b"
    assert picked(None, ("a", "b"), "").outcome == "none"
    assert no_verdict("verify", ("a",), "away", "").label is None


@pytest.mark.parametrize(
    "answer",
    [
        {"outcome": "chosen", "label": "x", "question": "choose"},  # not offered
        {"outcome": "chosen", "label": None, "question": "choose"},
        {"outcome": "chosen", "label": "a", "question": "verify"},
        {"outcome": "valid", "label": "a", "question": "choose"},
        {"outcome": "invalid", "label": "a", "question": "verify"},
        {"outcome": "none", "label": "a", "question": "choose"},
        {"outcome": "none", "label": None, "question": "choose", "kind": "unsure"},
        {"outcome": "no_verdict", "label": None, "question": "choose"},  # no kind
        {"outcome": "none", "label": None, "question": "choose", "tokens": -1},
        {"outcome": "none", "label": None, "question": "choose", "options": ()},
        {"outcome": "valid", "label": "a", "question": "verify", "options": ("a", "b")},
    ],
)
def test_an_answer_that_means_nothing_is_refused(answer: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Answer(**{"options": ("a",), **answer})  # type: ignore[arg-type]
