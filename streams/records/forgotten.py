"""Texts that are to be forgotten: named so that nobody can read who they were."""

from __future__ import annotations

from hashlib import blake2b
from typing import Self

from streams.wire import Record


def digest_of(text_id: str) -> str:
    """Return what is kept of the id of a forgotten text (32 hex digits).

    It tells whether an id is the one, and not what the id was; who guesses an id can check it.
    """
    return blake2b(text_id.encode(errors="surrogatepass"), digest_size=16).hexdigest()


class Forgotten(Record):
    """A text that was erased: nothing of it is taken in any more, nor given out.

    `digest` is that of its id, and the key; `noise` its fingerprint among the texts that serve the
    model as noise, whose ids are not kept.
    """

    digest: str
    noise: int
    at: float

    @classmethod
    def of(cls, text_id: str, at: float) -> Self:
        """Return the record that has a text forgotten."""
        from models.exemplars import fingerprint  # here: with numpy, which who only looks lacks

        return cls(digest=digest_of(text_id), noise=fingerprint(text_id), at=at)
