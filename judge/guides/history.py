"""Every version that a guide has had, so that a verdict's can be shown: JSON Lines, only added to.

A file of lines, not a database: it is small, written seldom, and a person may read it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from judge.guides.guide import Guide, together

HAND: Final = "hand"
COMPOSED: Final = "composed"
FIT: Final = "fit"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kept:
    """A version, whose work it is, and when it was first seen, in seconds since the epoch.

    `origin` is "hand", "composed" (from examples, without a model), "fit" (given with the label),
    or the name of the model that wrote it.
    """

    guide: Guide
    origin: str
    at: float


class History:
    """The versions of all guides of one folder, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, guides: Iterable[Guide], origin: str) -> None:
        """Keep those that are not their label's newest version here already."""
        newest = {kept.guide.label: (kept.guide.version, kept.origin) for kept in self.all()}
        lines = [
            json.dumps(
                {
                    "label": guide.label,
                    "version": guide.version,
                    "origin": origin,
                    "at": time.time(),
                    "name": guide.name,
                    "text": guide.text,
                }
            )
            for guide in guides
            if newest.get(guide.label) != (guide.version, origin)
        ]
        if not lines:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                # What a power cut left of a line must not take the next one with it.
                file.write(("\n" + "\n".join(lines) + "\n").encode())
        except OSError as error:
            # Guides are for judging; that must not stop for want of their history.
            log.warning("a guide's version was not kept", error=str(error))

    def record_unknown(self, guides: Iterable[Guide], origin: str = HAND) -> None:
        """Keep those never met; what nobody else recorded, a person wrote."""
        known = origins(self.all())
        self.record([one for one in guides if (one.label, one.version) not in known], origin)

    def all(self) -> list[Kept]:
        """Every version; lines that are none are passed over."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        return [kept for line in lines if (kept := _read(line)) is not None]

    def of(self, label: str) -> list[Kept]:
        """The versions of one label."""
        return [kept for kept in self.all() if kept.guide.label == label]

    def origin(self, guide: Guide) -> str:
        """Whose work this guide is: what nobody recorded, a person wrote."""
        return origins(self.of(guide.label)).get((guide.label, guide.version), HAND)

    def find(self, label: str, version: str) -> Kept | None:
        """The version called so, or the one that a *verify* verdict signed for."""
        for kept in reversed(self.of(label)):
            if version in (kept.guide.version, together([kept.guide.version])):
                return kept
        return None


def origins(kept: Iterable[Kept]) -> dict[tuple[str, str], str]:
    """Whose work each version is, by label and version; recorded twice, the last word counts."""
    return {(one.guide.label, one.guide.version): one.origin for one in kept}


def _read(line: bytes) -> Kept | None:
    try:
        row = json.loads(line)
        guide = Guide.of(str(row["label"]), str(row["name"]), str(row["text"]))
        return Kept(guide, str(row["origin"]), float(row["at"]))
    except (ValueError, KeyError, TypeError):
        return None
