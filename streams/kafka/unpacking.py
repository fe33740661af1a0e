"""Records whose headers have names that are no UTF-8: read as all others are.

A producer can write any bytes there. aiokafka takes them for UTF-8, fails, and asks for the same
batch again: one record would keep everybody from all that lies behind it. Such a batch is read once
more, by aiokafka's own reader in Python, with bytes that are no UTF-8 as surrogates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

HEAD = 12
"""Bytes before a batch that are not in its length: its first offset, and the length."""


class _Bytes(bytearray):
    """As what it holds, but any of it can be decoded."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Bytes(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc] # it is final for type checkers only
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        held: Any = self._buffer  # type: ignore[has-type]
        self._buffer = _Bytes(held)


class _Batch:
    """A batch of aiokafka's, which is read again where a name in it is no UTF-8."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(list(_AnyNames(bytearray(self._raw))))


class Unpacked:
    """What a fetch brought, batch by batch; stands in for aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._records, self._data, self._at = MemoryRecords(data), data, 0

    def size_in_bytes(self) -> int:
        """Return how many bytes it is."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Tell whether there is another batch."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """Return it; None where there is none."""
        batch = self._records.next_batch()
        start, length = self._at, self._data[self._at + 8 : self._at + HEAD]
        self._at += HEAD + int.from_bytes(length, "big")
        return None if batch is None else _Batch(batch, self._data[start : self._at])


fetcher.MemoryRecords = Unpacked
