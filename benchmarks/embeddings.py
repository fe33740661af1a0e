"""The vectors of a set, computed once and kept in a folder that is not part of the project.

Every method reads the same vectors, rounded to float16 as redstream rounds them at its door.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import TextSet, Vectors
from models.encoder import Encoder

STEP = 2048
"""Texts encoded between two lines of progress."""

PARTS = ("train", "test", "names", "out_of_scope")


def key_of(identity: str, texts: TextSet) -> str:
    """A hash over the encoder and every text, in order."""
    digest = hashlib.sha256(identity.encode())
    for part in PARTS:
        digest.update(f"\0{part}".encode())
        for text in getattr(texts, part):
            digest.update(b"\0" + text.encode())
    return digest.hexdigest()[:20]


def vectors_of(
    encoder: Encoder, texts: TextSet, cache: Path, say: Callable[[str], None]
) -> Vectors:
    """From the cache, or computed and put there."""
    path = cache / f"{texts.name}-{key_of(encoder.identity, texts)}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return _vectors({part: kept[part] for part in PARTS})
    except (OSError, KeyError, ValueError, BadZipFile):
        pass  # not there, or cut off by an earlier interruption: computed anew
    found = {p: _encode(encoder, getattr(texts, p), f"{texts.name}, {p}", say) for p in PARTS}
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp.npz")
    np.savez(unfinished, allow_pickle=False, **found)
    unfinished.replace(path)
    return _vectors(found)


def _encode(
    encoder: Encoder, texts: Sequence[str], what: str, say: Callable[[str], None]
) -> NDArray[np.float16]:
    started = time.perf_counter()
    blocks = [np.zeros((0, encoder.dimension), np.float16)]
    for start in range(0, len(texts), STEP):
        blocks.append(encoder.encode(list(texts[start : start + STEP])).astype(np.float16))
        done = min(start + STEP, len(texts))
        spent = time.perf_counter() - started
        left = spent * (len(texts) - done) / done
        say(f"encoding {what}: {done:,} of {len(texts):,}, {spent:.0f} s, {left:.0f} s left")
    return np.concatenate(blocks)


def _vectors(parts: dict[str, NDArray[np.float16]]) -> Vectors:
    return Vectors(**{part: parts[part].astype(np.float32) for part in PARTS})
