"""Gold examples, streams, and the texts on which rules are tuned."""

import numpy as np
import pytest

from benchmarks import loop_draw
from benchmarks.data import TextSet, Vectors
from benchmarks.loop_draw import drawn, tuning_rows


def made(labels: int, each: int) -> tuple[TextSet, Vectors]:
    y = np.repeat(np.arange(labels), each)
    names = tuple(f"l{i:03d}" for i in range(labels))
    x = np.arange(len(y), dtype=np.float32)[:, None]
    texts = TextSet(
        name="made",
        labels=names,
        names=names,
        train=tuple(str(i) for i in range(len(y))),
        train_y=y,
        test=(),
        test_y=y[:0],
        out_of_scope=(),
        repeated=0,
        unseen=0,
    )
    return texts, Vectors(x, x[:0], np.zeros((labels, 1), np.float32), x[:0])


@pytest.mark.parametrize("many", [False, True])
def test_gold_stream_and_tuning_rows_are_apart(many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if many:
        monkeypatch.setattr(loop_draw, "MANY_LABELS", 10)
    texts, vectors = made(12, 20)
    one = drawn(texts, vectors, 5, 60, 3)
    stream = one.x[:, 0].astype(int)
    assert len(stream) == 60
    assert not set(stream) & {int(v) for v in one.problem.x[:, 0]}
    assert not set(stream) & set(tuning_rows(texts).tolist())
    assert (texts.train_y[stream] == one.gold).all()
    assert (np.bincount(one.problem.y) == 5).all()
    again = drawn(texts, vectors, 5, 60, 3)
    assert (again.x == one.x).all()
    other = drawn(texts, vectors, 5, 60, 4)
    assert set(tuning_rows(texts)).isdisjoint(other.x[:, 0].astype(int))
    assert (other.x != one.x).any()
