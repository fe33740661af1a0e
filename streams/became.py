"""What became of one text, quickly: for files in which every row is looked up."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from streams.erased import forgotten_at
from streams.errors import IdConflict
from streams.held import MAX_ROUNDS
from streams.incoming import ROW_HEADER
from streams.ledger import open_ledger
from streams.records import Authority
from streams.revisions import revised_id
from streams.textindex import TextIndex


@dataclass(frozen=True, slots=True)
class Became:
    """`label` is None where there is none; `remark` then says why, and is empty otherwise."""

    text_id: str
    label: str | None = None
    confidence: float | None = None
    decided_by: str | None = None
    remark: str = ""


class RowLookup:
    """The reading side of a ledger and of the index of ids."""

    def __init__(self, ledger: Path, texts: Path) -> None:
        self._db = open_ledger(ledger, read_only=True)
        self._index = TextIndex(texts, read_only=True)
        self._dead_known = False

    def close(self) -> None:
        """Close both files."""
        self._db.close()
        self._index.close()

    def became(self, row_id: str, content: str | None) -> Became:
        """Tell what became of a row; `content` is the key of its words, None where it has none."""
        if forgotten_at(self._db, row_id) is not None:
            return Became(row_id, remark="forgotten")
        known = self._index.content(row_id)
        if content is None or known is None:
            reason = self._reason(row_id)
            return Became(row_id, remark=f"unusable: {reason}" if reason else "not read yet")
        if known != content:
            revised = revised_id(row_id, content)
            if self._index.content(revised) is None:
                return Became(
                    row_id, remark=f"unusable: id {row_id!r} already stands for another text"
                )
            row_id = revised
        return self._decided(row_id) or self._open(row_id)

    def _decided(self, text_id: str) -> Became | None:
        found = self._db.execute(
            "SELECT truths.label, rank, json_extract(plain(json), '$.confidence') FROM truths"
            " JOIN events USING (event) WHERE truths.id = ?",
            (text_id,),
        ).fetchone()
        if found is None:
            return None
        label, rank, confidence = found
        if not label:
            return Became(
                text_id, decided_by=str(list(Authority)[rank]), remark="none of the labels"
            )
        return Became(text_id, label, confidence, str(list(Authority)[rank]))

    def _open(self, text_id: str) -> Became:
        held = self._db.execute(
            "SELECT round, json_extract(plain(json), '$.contenders') FROM held WHERE id = ?",
            (text_id,),
        ).fetchone()
        if held is None:
            reason = self._reason(text_id, known=True)
            return Became(text_id, remark=f"failed: {reason}" if reason else "not decided yet")
        labels = " or ".join(one["label"] for one in json.loads(held[1])[:2])
        waits = ", waits for a person" if held[0] >= MAX_ROUNDS else ""
        return Became(text_id, remark=f"undecided: {labels}{waits}")

    def _reason(self, row_id: str, *, known: bool = False) -> str | None:
        """Return why a row lies in the dead letters; None if it does not. Of a `known` text not
        that another one wanted its id.
        """
        if not self._dead_known:
            self._gather()
        found = self._db.execute(
            "SELECT message FROM dead WHERE row = ? AND (error != ? OR NOT ?)",
            (row_id, IdConflict.__name__, known),
        ).fetchone()
        return found[0] if found else None

    def _gather(self) -> None:
        self._db.execute("CREATE TEMP TABLE dead (row TEXT, error TEXT, message TEXT)")
        letters = self._db.execute(
            "SELECT error, json_extract(json, '$.message'), json_extract(json, '$.key'),"
            f""" json_extract(json, '$.headers."{ROW_HEADER}"')"""
            " FROM deadletters WHERE requeued IS NULL ORDER BY at"
        )
        self._db.executemany(
            "INSERT INTO dead VALUES (?, ?, ?)",
            (
                (row or base64.b64decode(key or "").decode("utf-8", "replace"), error, message)
                for error, message, key, row in letters
            ),
        )
        self._db.execute("CREATE INDEX dead_by_row ON dead (row)")
        self._dead_known = True
