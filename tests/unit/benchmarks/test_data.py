"""Sets and draws: repeatable, paired, and apart from the test."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data import BadData, Vectors, draw, load_set
from benchmarks.embeddings import vectors_of
from benchmarks.synthetic import synthetic
from models.encoder import load_encoder


@pytest.fixture
def vectors(write_set: Callable[..., Path], tmp_path: Path) -> Callable[[], tuple]:
    def made() -> tuple:
        texts = load_set(write_set(), "tiny")
        found = vectors_of(load_encoder("hashing"), texts, tmp_path / "cache", lambda line: None)
        return texts, found

    return made


def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another(vectors):
    texts, found = vectors()
    assert draw(texts, found, 5, 3).texts == draw(texts, found, 5, 3).texts
    assert draw(texts, found, 5, 3).texts != draw(texts, found, 5, 4).texts


def test_a_small_draw_is_part_of_a_larger_one(vectors):
    texts, found = vectors()
    assert set(draw(texts, found, 3, 0).texts) < set(draw(texts, found, 6, 0).texts)


def test_a_draw_has_as_many_of_each_label_and_their_own_vectors(vectors):
    texts, found = vectors()
    problem = draw(texts, found, 5, 0)
    assert np.bincount(problem.y).tolist() == [5] * 6
    row = texts.train.index(problem.texts[7])
    assert np.array_equal(problem.x[7], found.train[row])
    assert problem.labels[problem.y[7]] == texts.labels[texts.train_y[row]]


def test_no_draw_holds_a_test_text(write_set, tmp_path: Path):
    data = write_set()
    path = data / "tiny" / "train.jsonl.gz"
    with gzip.open(data / "tiny" / "test.jsonl.gz", "rt") as rows:
        leaked = [next(rows) for _ in range(3)]
    with gzip.open(path, "at") as out:
        out.writelines(leaked)
    texts = load_set(data, "tiny")
    assert texts.repeated == 3
    assert not set(texts.train) & set(texts.test)


def test_labels_with_few_texts_are_left_out_with_their_tests(write_set):
    data = write_set()
    with gzip.open(data / "tiny" / "train.jsonl.gz", "at") as out:
        out.write(json.dumps({"text": "a rare thing", "label": "rare"}) + "\n")
    texts = load_set(data, "tiny")
    shape = (len(texts.train), 4), (len(texts.test), 4), (len(texts.labels), 4), (0, 4)
    found = Vectors(*(np.ones(s, np.float32) for s in shape))
    assert "rare" not in draw(texts, found, 5, 0, at_least=2).labels
    assert "rare" in draw(texts, found, 5, 0).labels


def test_names_come_from_the_file_the_rows_or_the_label(write_set):
    data = write_set()
    assert "card lost" in load_set(data, "tiny").names
    (data / "tiny" / "names.json").write_text(json.dumps({"card_lost": "the card is gone"}))
    assert "the card is gone" in load_set(data, "tiny").names


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"this is not gzip", "cannot be read"),
        (gzip.compress(b"not json\n"), "line 1 is not JSON"),
        (gzip.compress(b'{"text": "x"}\n'), "no `text` and `label`"),
        (gzip.compress(b""), "is empty"),
    ],
)
def test_a_damaged_set_is_a_clear_error(write_set, content: bytes, says: str):
    data = write_set()
    (data / "tiny" / "train.jsonl.gz").write_bytes(content)
    with pytest.raises(BadData, match=says):
        load_set(data, "tiny")


def test_vectors_are_computed_once_and_again_when_the_cache_is_damaged(write_set, tmp_path: Path):
    texts = load_set(write_set(), "tiny")
    said: list[str] = []
    first = vectors_of(load_encoder("hashing"), texts, tmp_path / "cache", said.append)
    assert said
    said.clear()
    again = vectors_of(load_encoder("hashing"), texts, tmp_path / "cache", said.append)
    assert not said
    assert np.array_equal(first.train, again.train)
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:500])
    anew = vectors_of(load_encoder("hashing"), texts, tmp_path / "cache", said.append)
    assert said
    assert np.array_equal(first.test, anew.test)


def test_made_up_labels_are_as_many_as_asked_and_can_be_told_apart(vectors):
    texts, found = vectors()
    problem = synthetic(texts, found, 90, 4, seed=0, tests=50)
    assert problem.x.shape == (360, found.train.shape[1])
    assert np.allclose(np.linalg.norm(problem.x, axis=1), 1, atol=1e-3)
    assert np.array_equal(problem.x, synthetic(texts, found, 90, 4, seed=0, tests=50).x)
