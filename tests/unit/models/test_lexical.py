"""Letters and words: counts, TF-IDF, the two cosines, and what they change in an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.classifier import Classifier, Example, LabelInfo
from models.errors import DamagedPart
from models.exemplars import Example as Exemplar
from models.lexical import (
    CUT,
    WIDTH,
    Frequencies,
    arrays_of,
    counted,
    middle,
    read_rows,
    to_centroids,
    to_nearest,
)
from models.snapshot import LIMIT
from tests.unit.models.make import PLAIN, examples, fitted, infos, name, queries, texts

WORDED = replace(PLAIN, lexical=True)
TITLES = ["bell founder", "bell ringer", "cheese maker", "", "Bell Founder"]


def alike(count: int = 2) -> Classifier:
    """Labels that only their words tell apart: all embeddings are around one centre."""
    rows = texts(0, 12 * count, labels=6)
    taught = [
        Example(f"t{i}", name(i % count), row, True, text=f"{TITLES[i % count]} {i}")
        for i, row in enumerate(rows)
    ]
    return Classifier.fit(taught, infos(count), encoder="test", options=WORDED)


def test_words_tell_apart_what_embeddings_do_not() -> None:
    classifier = alike()
    x = texts(0, 10, seed=9)
    for number in range(2):
        said = classifier.predict(x, texts=[TITLES[number]] * 10)
        assert {p.label for p in said} == {name(number)}
        assert min(p.confidence for p in said) > 0.6


def test_without_texts_words_say_nothing_and_with_another_number_of_them_it_is_refused() -> None:
    classifier = alike()
    assert len(classifier.predict(texts(0, 3))) == 3
    with pytest.raises(ValueError, match="3 embeddings"):
        classifier.predict(texts(0, 3), texts=["one"])


def test_switched_off_texts_change_no_bit() -> None:
    plain = fitted()
    spoken = [replace(e, text="some words") for e in examples()]
    assert Classifier.fit(spoken, infos(), encoder="test", options=PLAIN).hash() == plain.hash()
    assert plain.predict(queries(), texts=["words"] * 24) == plain.predict(queries())


def test_a_label_added_is_known_by_its_words() -> None:
    young = [
        Example(f"y{i}", name(2), row, True, text="cheese maker")
        for i, row in enumerate(texts(0, 3, seed=5))
    ]
    wider = alike().add_label(LabelInfo(name(2), name(2)), young)
    x = texts(0, 6, seed=9)
    assert {p.label for p in wider.predict(x, texts=["cheese maker"] * 6)} == {name(2)}
    back = Classifier.from_parts(wider.to_parts())
    assert back.predict(x, texts=TITLES[:1] * 6) == wider.predict(x, texts=TITLES[:1] * 6)


def test_counts_are_those_of_the_text_alone_and_are_read_back() -> None:
    rows = counted(TITLES)
    assert rows.shape == (5, WIDTH)
    assert (rows[1] != counted(TITLES[1:2])).nnz == 0
    assert rows[3].nnz == 0
    assert (rows[0] != rows[4]).nnz == 0
    back = read_rows(arrays_of(rows))
    assert back is not None
    assert (back != rows).nnz == 0
    assert (counted(["a" * CUT + "bcd"]) != counted(["a" * CUT])).nnz == 0
    assert counted([]).shape == (0, WIDTH)


def test_cosines_are_those_of_whole_rows() -> None:
    counts = counted(TITLES)
    rows = Frequencies.of(counts).weighed(counts)
    assert np.allclose(np.asarray(rows.multiply(rows).sum(axis=1)).ravel(), [1, 1, 1, 0, 1])
    known = [rows[:2], rows[2:4], rows[3:4]]
    near = to_nearest(rows, np.asarray([[0, 1, 2]] * 5), known)
    whole = (rows @ rows.T).toarray()
    assert np.allclose(near[:, 0], whole[:, :2].max(axis=1), atol=1e-6)
    assert np.allclose(near[:, 1], whole[:, 2:4].max(axis=1), atol=1e-6)
    assert not near[:, 2].any()
    centre = to_centroids(rows, middle(rows[:2]))
    mean = rows[:2].toarray().mean(axis=0)
    assert np.allclose(centre[:, 0], rows.toarray() @ (mean / np.linalg.norm(mean)), atol=1e-5)


def test_damaged_words_are_refused() -> None:
    arrays = arrays_of(counted(TITLES))
    with pytest.raises(ValueError, match="rows of words"):
        read_rows(arrays | {"words_at": arrays["words_at"][:-1]})
    with pytest.raises(ValueError, match="words do not fit"):
        read_rows(arrays | {"words": arrays["words"] + WIDTH})
    parts = alike().to_parts()
    assert max(len(part) for part in parts.values()) <= LIMIT
    lost = {key: part for key, part in parts.items() if key != "lexicon"}
    with pytest.raises(DamagedPart):
        Classifier.from_parts(lost)


def test_an_example_without_text_is_one_without_words() -> None:
    assert Exemplar("x", "a", texts(0, 1)[0], True).text == ""
    silent = Classifier.fit(examples(), infos(), encoder="test", options=WORDED)
    assert len(silent.predict(queries(), texts=["some words"] * 24)) == 24
