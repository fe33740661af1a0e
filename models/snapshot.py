"""A classifier as content-addressed parts: numpy arrays and JSON, with SHA-256, no pickle.

A *blob* is one JSON header and some arrays. It is cut into chunks of at most 64 KB, because that
is what a record of the model feed may hold; a chunk is what is called a *part*:

    magic "RSP1" | sha256 of the rest (32) | number of chunks (4, big-endian) | slice of the blob

A blob of one chunk has its own name ("head/003"), a longer one numbers its chunks ("metric/0",
"metric/1", ...). The blob itself is

    length of the header (4, big-endian) | header, JSON in UTF-8 | arrays, little-endian, C order
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DamagedPart

LIMIT = 64 * 1024
"""Bytes in a part, its own head included."""

MAGIC = b"RSP1"
_HEAD = len(MAGIC) + 32 + 4
_SLICE = LIMIT - _HEAD
_TYPES = frozenset({"<f2", "<f4", "<f8", "<i4", "<i8", "<u8", "|b1"})


@dataclass(frozen=True, eq=False)
class Blob:
    """A header of JSON values and named arrays, with the bytes they make."""

    meta: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    def packed(self) -> bytes:
        """The blob's bytes: the same content gives the same bytes."""
        shapes = []
        bodies = []
        for name, array in sorted(self.arrays.items()):
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            shapes.append([name, plain.dtype.str, list(array.shape)])
            bodies.append(plain.tobytes())
        header = json.dumps(
            {"meta": self.meta, "arrays": shapes}, sort_keys=True, separators=(",", ":")
        ).encode()
        return b"".join([len(header).to_bytes(4, "big"), header, *bodies])

    @cached_property
    def chunks(self) -> tuple[bytes, ...]:
        """The parts of this blob."""
        whole = self.packed()
        slices = [whole[i : i + _SLICE] for i in range(0, len(whole), _SLICE)]
        total = len(slices).to_bytes(4, "big")
        sealed = []
        for piece in slices:
            body = total + piece
            sealed.append(MAGIC + hashlib.sha256(body).digest() + body)
        return tuple(sealed)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of every part, in hexadecimal."""
        return tuple(hashlib.sha256(chunk).hexdigest() for chunk in self.chunks)

    def names(self, name: str) -> tuple[str, ...]:
        """What the parts are called when the blob is called `name`."""
        if len(self.chunks) == 1:
            return (name,)
        return tuple(f"{name}/{i}" for i in range(len(self.chunks)))


def _open(part: str, content: bytes) -> tuple[int, bytes]:
    """How many chunks the blob has, and the slice in this one."""
    if len(content) < _HEAD or content[: len(MAGIC)] != MAGIC:
        raise DamagedPart(part, "is not a part of a classifier")
    body = content[len(MAGIC) + 32 :]
    if hashlib.sha256(body).digest() != content[len(MAGIC) : len(MAGIC) + 32]:
        raise DamagedPart(part, "is damaged: its SHA-256 does not match")
    return int.from_bytes(body[:4], "big"), body[4:]


def gather(name: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The parts of the blob called `name`, by their names, unopened."""
    if name in parts:
        return {name: parts[name]}
    first = f"{name}/0"
    if first not in parts:
        raise DamagedPart(name, "is missing")
    total, _ = _open(first, parts[first])
    names = [f"{name}/{i}" for i in range(total)]
    for chunk in names:
        if chunk not in parts:
            raise DamagedPart(chunk, "is missing")
    return {chunk: parts[chunk] for chunk in names}


def unpack(name: str, chunks: Mapping[str, bytes]) -> Blob:
    """The blob called `name`, from its parts in order."""
    opened = [_open(part, content) for part, content in chunks.items()]
    if any(total != len(opened) for total, _ in opened):
        raise DamagedPart(name, "has chunks of different versions")
    whole = b"".join(piece for _, piece in opened)
    try:
        size = int.from_bytes(whole[:4], "big")
        header = json.loads(whole[4 : 4 + size])
        arrays: dict[str, NDArray[Any]] = {}
        offset = 4 + size
        for key, kind, shape in header["arrays"]:
            if kind not in _TYPES:
                raise ValueError(f"arrays of type {kind!r} are not stored here")
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(whole, dtype=np.dtype(kind), count=count, offset=offset)
            arrays[key] = array.reshape(shape)
            offset += array.nbytes
        if offset != len(whole):
            raise ValueError("the length is not what the header says")
        blob = Blob(header["meta"], arrays)
        # Not made anew from the arrays: it is these very bytes.
        vars(blob)["chunks"] = tuple(chunks.values())
        return blob
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedPart(name, f"cannot be read ({error})") from error
