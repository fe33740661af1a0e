"""What the model is taught: lessons, and changes of the label set."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from streams.records.decided import Authority
from streams.wire import Number, Record, Vector


class Retrain(Record):
    """One line of the training set: a seed example, an accepted text, or a revocation."""

    kind: Literal["seed", "accepted", "revoked"]
    id: str
    label: str
    text: str = ""
    embedding: Vector | None = None
    authority: Authority | None = None
    signed: str | None = None
    at: Number

    @property
    def gold(self) -> bool:
        """Tell whether it is a person's word: a seed example, or one given or checked later."""
        return self.kind == "seed" or self.authority is Authority.PERSON

    @model_validator(mode="after")
    def _teaches_with_an_embedding(self) -> Self:
        if self.kind != "revoked" and self.embedding is None:
            raise ValueError("a lesson without an embedding")
        return self


class LabelCommand(Record):
    """A change of the label set; `into` is the new name (rename) or the label joined (merge).

    `embedding` is that of name and guide: who carries the command out has no encoder.
    """

    command: Literal["add", "retire", "rename", "merge", "guide"]
    label: str
    into: str | None = None
    name: str | None = None
    guide: str | None = None
    embedding: Vector | None = None
    at: Number
