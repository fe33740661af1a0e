"""A text that is forgotten: the model is as if it had never been learnt, and holds no vector."""

from __future__ import annotations

import numpy as np
import pytest

from models.classifier import Classifier, Example
from models.exemplars import fingerprint
from models.parts import holding
from tests.unit.models.make import examples, fitted, name, queries, texts


def lesson(text_id: str, label: int, seed: int, arrival: int) -> Example:
    return Example(text_id, name(label), texts(label, 1, seed)[0], False, arrival=arrival)


A, B, C = (lesson(text_id, n, 50 + n, 100 + n) for n, text_id in enumerate("abc"))


@pytest.mark.parametrize("label", range(6))
def test_who_forgot_a_lesson_equals_who_never_had_it(label: int) -> None:
    base = fitted()
    gone = lesson("gone", label, 77, 101)
    forgot = base.learn([A, gone, C]).forget(["gone"])
    assert forgot.hash() == base.learn([A, C]).hash()
    assert forgot.to_parts() == base.learn([A, C]).to_parts()


def test_forgetting_and_learning_go_in_any_order() -> None:
    base = fitted()
    assert base.learn([A, B]).forget(["b"]).learn([C]).hash() == base.learn([A, C]).hash()


def test_what_is_not_here_is_no_work() -> None:
    base = fitted()
    assert base.forget(["nobody"], [123]) is base


def test_no_vector_of_an_example_of_the_fit_is_left() -> None:
    base = fitted(labels=12)
    first = examples(12)[0]
    vector = np.asarray(first.embedding, np.float16).tobytes()
    assert any(vector in part for part in base.to_parts().values())
    forgot = base.forget([first.id])
    left = forgot.to_parts()
    assert not any(vector in part for part in left.values())
    assert not any(f'"{first.id}"'.encode() in part for part in left.values())
    assert Classifier.from_parts(left).hash() == forgot.hash()
    # As far as heads go it is what revoking comes to: they do not have it as noise either.
    revoked = base.unlearn([first.id])
    for mine, theirs in zip(forgot.live.heads, revoked.live.heads, strict=True):
        assert np.array_equal(mine.weights, theirs.weights)


def test_noise_whose_id_nobody_knows_any_more_is_found_by_its_fingerprint() -> None:
    base = fitted(labels=12)
    first = examples(12)[0]
    unshelved = base.unlearn([first.id])
    vector = np.asarray(first.embedding, np.float16).tobytes()
    assert any(vector in part for part in unshelved.to_parts().values())
    forgot = unshelved.forget([], [fingerprint(first.id)])
    assert not any(vector in part for part in forgot.to_parts().values())


def test_an_example_of_the_fit_leaves_what_it_was_fitted_with() -> None:
    base = fitted(labels=12)
    first = examples(12)[0]
    forgot = base.forget([first.id])
    assert forgot.reference.metric is base.reference.metric
    assert forgot.threshold == base.threshold
    assert [p.label for p in forgot.predict(queries(12))] == [
        p.label for p in base.predict(queries(12))
    ]


def test_parts_tell_whether_they_have_a_text() -> None:
    base = fitted(labels=12)
    first = examples(12)[0]
    has = holding({first.id}, [fingerprint(first.id)])
    assert has(base.to_parts())
    assert has(base.unlearn([first.id]).to_parts())  # among the noise
    assert not has(base.forget([first.id]).to_parts())
    assert holding({"a"}, [])(base.learn([A]).to_parts())
    assert not holding({"a"}, [])(base.to_parts())
