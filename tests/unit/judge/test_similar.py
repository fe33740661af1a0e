"""The labels a simulated judge confuses are those that lie near each other."""

import numpy as np

from judge.similar import similar_labels

ROWS = np.array([[1, 0, 0], [0.9, 0.1, 0], [0.8, 0.3, 0], [0, 0, 1], [0, 0.4, 1]], np.float32)
LABELS = ["vpn", "vpn", "wifi", "badge", "desk"]


def test_the_nearest_label_comes_first_and_no_label_is_near_itself() -> None:
    near = similar_labels(LABELS, ROWS)
    assert near["vpn"] == ("wifi", "desk", "badge")
    assert near["badge"][0] == "desk"


def test_at_most_so_many_are_named() -> None:
    assert {len(names) for names in similar_labels(LABELS, ROWS, most=2).values()} == {2}


def test_one_label_alone_is_near_nothing() -> None:
    assert similar_labels(["vpn"], ROWS[:1]) == {"vpn": ()}
