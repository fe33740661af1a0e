"""What all records share: JSON, derived ids, embeddings as they travel."""

from __future__ import annotations

import base64
import math
import uuid
import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo

from streams.errors import Unreadable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMESPACE = uuid.UUID("6f1d3a52-8f0e-5c7b-9d55-5d0f1c0b7a11")


def derived_id(*parts: object) -> str:
    """Return the UUIDv5 of a position or an event: the same parts always give the same id."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts)))


def content_of(text: str) -> str:
    """Return the key of a text's content (16 hex digits): for caches and id conflicts, no id."""
    return blake2b(text.strip().encode(), digest_size=8).hexdigest()


def _fits(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise ValueError("a number of more than 64 bits")
    return number


def _finite(number: float, info: ValidationInfo) -> float:
    if info.mode == "json" and not math.isfinite(number):
        raise ValueError("a number that JSON has not")
    return number


Integer = Annotated[int, AfterValidator(_fits)]
"""A whole number that a database can keep; JSON has greater ones."""

Number = Annotated[float, AfterValidator(_finite)]
"""A number that can be written again as it was read: `NaN` and 1e999 are read as numbers, too."""


class Record(BaseModel):
    """Base of all records: frozen, unknown fields ignored."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        ser_json_inf_nan="null",
        defer_build=True,  # of some thirty kinds, a command like `status` meets a few
    )

    def encode(self) -> bytes:
        """Return the record's JSON."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """Read a record of this kind.

        Raises:
            Unreadable: the bytes are not JSON or not a record of this kind.
        """
        try:
            return cls.model_validate_json(value or b"")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "record"
            raise Unreadable(f"no {cls.__name__}: {where}: {first['msg']}") from None


R = TypeVar("R", bound=Record)

MOST_BYTES = 64 * 2**20
"""What a squeezed record may come to: no few bytes take all memory."""


def squeezed(record: Record) -> bytes:
    """Return the record's JSON as a zlib stream: for what is long and full of names."""
    return zlib.compress(record.encode(), 6)


def unsqueezed(kind: type[R], value: bytes | None) -> R:
    """Read a record of this kind, squeezed or plain.

    Raises:
        Unreadable: it is neither, or not a record of this kind.
    """
    if value is None or value[:1] == b"{":
        return kind.decode(value)
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(value, MOST_BYTES)
    except zlib.error as error:
        raise Unreadable(f"no {kind.__name__}: {error}") from None
    if not stream.eof:
        raise Unreadable(f"no {kind.__name__}: cut off, or more than {MOST_BYTES >> 20} MiB")
    return kind.decode(plain)


class Vector(Record):
    """An embedding on its way: float16, with the identity of the encoder that made it."""

    encoder: str
    f16: str

    @classmethod
    def of(cls, embedding: NDArray[np.float32], encoder: str) -> Vector:
        """Pack an embedding of shape (d,)."""
        import numpy as np  # here: what only looks at records starts without it

        data = np.ascontiguousarray(embedding, dtype="<f2").tobytes()
        return cls(encoder=encoder, f16=base64.b64encode(data).decode())

    def array(self) -> NDArray[np.float32]:
        """Return the embedding, shape (d,), float32."""
        import numpy as np

        try:
            data = base64.b64decode(self.f16, validate=True)
            return np.frombuffer(data, dtype="<f2").astype(np.float32)
        except ValueError as error:
            raise Unreadable(f"no embedding: {error}") from None
