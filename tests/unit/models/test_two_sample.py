"""Two-sample tests by window: what has moved is found and named, chance is not."""

from collections.abc import Sequence

import numpy as np
import pytest

from models import two_sample
from models.drift import Change
from models.two_sample import Sample, Windows, embeddings, permutation_p, shares

LABELS = tuple("abcdefgh")


def drawn(
    weights: Sequence[float], count: int, *, seed: int = 0, first: int = 0, strange: float = 0.0
) -> list[Sample]:
    """Texts with these shares of labels, around their label's direction; a `strange` share lies
    under the last label but elsewhere."""
    rng = np.random.default_rng([seed, first])
    directions = np.random.default_rng(9).normal(size=(len(LABELS) + 1, 16))
    p = np.asarray(weights, float) / np.sum(weights)
    samples = []
    for place in range(first, first + count):
        label = int(rng.choice(len(p), p=p))
        odd = rng.random() < strange
        row = directions[-1 if odd else label] + rng.normal(size=16)
        name = LABELS[-1] if odd else LABELS[label]
        vector = (row / np.linalg.norm(row)).astype(np.float32)
        samples.append(Sample(f"t{place}", name, float(place), vector))
    return samples


EVEN = [1.0] * len(LABELS)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("test", [embeddings, shares])
def test_chance_is_not_found(test: two_sample.Test) -> None:
    found = [
        test(drawn(EVEN, 200, seed=seed), drawn(EVEN, 100, seed=seed, first=200), rng())
        for seed in range(30)
    ]
    assert found == [None] * 30


def test_texts_from_elsewhere_are_found_and_shown() -> None:
    window = drawn(EVEN, 100, first=200, strange=0.25)
    found = embeddings(drawn(EVEN, 200), window, rng())
    assert found is not None
    assert found.labels[0] == LABELS[-1]
    assert found.since == 200.0
    shown = [sample.label for sample in window if sample.id in found.ids]
    assert shown == [LABELS[-1]] * len(found.ids)
    assert found.evidence["p"] <= found.bound == two_sample.LEVEL


def test_a_share_that_rose_and_one_that_fell_are_named_with_their_numbers() -> None:
    window = drawn([5, 1, 1, 1, 1, 1, 1, 0.01], 300, first=500)
    found = shares(drawn(EVEN, 500), window, rng())
    assert found is not None
    assert set(found.labels[:2]) == {"a", "h"}
    assert [line[:2] for line in found.evidence["shares"]] == [f"{one}:" for one in found.labels]
    shown = {sample.label for sample in window if sample.id in found.ids}
    assert shown == {"a"}


def test_a_label_that_was_never_seen_before_is_named() -> None:
    found = shares(drawn([*EVEN[:-1], 0], 500), drawn(EVEN, 200, first=500), rng())
    assert found is not None
    assert found.labels[0] == "h"


def test_p_values_are_those_of_chance() -> None:
    """A tenth of them is below .1, whatever the distribution."""
    draws = np.random.default_rng(1)
    values = [
        permutation_p(draws.exponential(), lambda n: draws.exponential(size=n)) for _ in range(300)
    ]
    assert 0.06 < np.mean(np.asarray(values) <= 0.1) < 0.14
    assert permutation_p(1e9, lambda n: draws.random(n)) == 1 / (two_sample.MOST + 1)


def test_permutations_end_early_where_there_is_nothing_to_find() -> None:
    asked = []

    def draw(count: int) -> np.ndarray:
        asked.append(count)
        return np.ones(count)

    assert permutation_p(0.5, draw) == 1.0
    assert asked == [two_sample.CHUNK]


def watched(windows: Windows, samples: Sequence[Sample]) -> list[Change]:
    return [found for one in samples if (found := windows.observe(one)) is not None]


def test_each_full_window_is_tested_once_and_what_was_found_becomes_the_reference() -> None:
    tested: list[tuple[str, str, int]] = []

    def test(reference, window, _):
        tested.append((reference[0].id, window[0].id, len(window)))
        return Change((), (), 0.0, 0.0, 0.0) if len(tested) == 2 else None

    windows = Windows(test, reference=20, window=10)
    assert len(watched(windows, drawn(EVEN, 70))) == 1
    # The window that was found (t30 to t39) is filled up to twenty before the next is tested.
    assert tested == [("t0", "t20", 10), ("t0", "t30", 10), ("t30", "t50", 10), ("t30", "t60", 10)]


def test_a_change_is_found_once() -> None:
    stream = [*drawn(EVEN, 600), *drawn([4, 4, 1, 1, 1, 1, 1, 1], 1_200, first=600)]
    found = watched(Windows(shares, reference=300, window=150), stream)
    assert [change.since >= 600 for change in found] == [True]


def test_the_same_stream_gives_the_same_answer() -> None:
    stream = [*drawn(EVEN, 300), *drawn(EVEN, 300, first=300, strange=0.3)]
    first, again = (watched(Windows(embeddings, reference=150, window=75), stream) for _ in "ab")
    assert first == again
    assert first


def test_embeddings_need_a_vector_with_every_text() -> None:
    bare = [Sample(f"t{i}", "a", 0.0) for i in range(10)]
    with pytest.raises(ValueError, match="without a vector"):
        embeddings(drawn(EVEN, 20), bare, rng())
