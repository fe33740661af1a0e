"""What lies in the topic `models`: parts, manifests and pins; what is kept, and what goes.

As in git, a part lies under the SHA-256 of its content (`part/SHA`), a manifest under the number
of its version (`manifest/N`), and `pin/N` keeps version N for as long as it is there. Keys of
another kind belong to a later redstream and are passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import structlog

from streams.errors import Unreadable
from streams.records import Manifest
from streams.stage import Outgoing, outgoing
from streams.topology import MODELS

PART, MANIFEST, PIN = "part/", "manifest/", "pin/"
KEPT = 20
"""Versions that stay whether they are pinned or not."""

log = structlog.get_logger()


class Repository:
    """All versions of the model that the records taken in so far amount to.

    `parts` (by SHA-256) holds only what is whole, `manifests` goes by number; `pinned` may name
    versions that are not here. `epoch` is the newest seen.
    """

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self.manifests: dict[int, Manifest] = {}
        self.pinned: set[int] = set()
        self._unpinned: set[int] = set()
        self.epoch = 0

    def take(self, key: bytes, value: bytes | None) -> Manifest | None:
        """Take one record in; return the manifest that it is, unless it is refused."""
        name = key.decode(errors="replace")
        if name.startswith(PART):
            self._part(name.removeprefix(PART), value)
        elif name.startswith(MANIFEST):
            return self._manifest(name.removeprefix(MANIFEST), value)
        elif name.startswith(PIN) and (number := name.removeprefix(PIN)).isdecimal():
            self._pin(int(number), value)
        return None

    def _pin(self, number: int, value: bytes | None) -> None:
        if value is not None:
            self.pinned.add(number)
        elif number in self.pinned:
            self.pinned.remove(number)
            self._unpinned.add(number)

    def _part(self, sha: str, value: bytes | None) -> None:
        if value is not None and hashlib.sha256(value).hexdigest() == sha:
            self.parts[sha] = value
            return
        # A whole one known from before is no longer what the log holds: to be published again.
        self.parts.pop(sha, None)
        if value is not None:
            log.error("a damaged part of the model was refused", part=sha)

    def _manifest(self, number: str, value: bytes | None) -> Manifest | None:
        if value is None:
            self.manifests = {n: m for n, m in self.manifests.items() if str(n) != number}
            return None
        try:
            manifest = Manifest.decode(value)
        except Unreadable as error:
            log.error("a version was refused", number=number, error=str(error))
            return None
        if manifest.epoch < self.epoch:
            log.warning("a version of an older epoch was refused", number=manifest.number)
            return None
        self.epoch = manifest.epoch
        self.manifests[manifest.number] = manifest
        return manifest

    def missing(self, manifest: Manifest) -> list[str]:
        """Return the names of a version's parts that are not here, or were refused."""
        return sorted(name for name, sha in manifest.parts.items() if sha not in self.parts)

    def contents(self, manifest: Manifest) -> dict[str, bytes]:
        """Return the parts of a whole version by name."""
        return {name: self.parts[sha] for name, sha in manifest.parts.items()}

    def _kept(self, manifests: Iterable[Manifest], serving: int | None) -> dict[int, Manifest]:
        """The newest, the pinned, and the one in service, which after a rollback may be older."""
        known = {manifest.number: manifest for manifest in manifests}
        stay = {*sorted(known)[-KEPT:], *self.pinned, serving}
        return {number: known[number] for number in sorted(known) if number in stay}

    def tombstones(self, new: Manifest, serving: int | None) -> list[Outgoing]:
        """Return what removes the versions that go when `new` comes, and what only they name."""
        kept = self._kept([*self.manifests.values(), new], serving)
        dropped = sorted(self.manifests.keys() - kept.keys())
        gone = _named(self.manifests[number] for number in dropped) - _named(kept.values())
        return [
            *(_tombstone(f"{MANIFEST}{number}") for number in dropped),
            *(_tombstone(PART + sha) for sha in sorted(gone)),
        ]

    def forget(self, serving: int | None) -> None:
        """Drop what the publisher of the newest version removed; `serving` is the one before it.

        What was unpinned meanwhile may still lie there, for the next publisher to remove; after a
        first reading, without a version before it, so may anything.
        """
        if serving is not None:
            unpinned = {n: self.manifests[n] for n in self._unpinned & self.manifests.keys()}
            self.manifests = unpinned | self._kept(self.manifests.values(), serving)
            self._unpinned.clear()
        named = _named(self.manifests.values())
        self.parts = {sha: value for sha, value in self.parts.items() if sha in named}


def records_of(manifest: Manifest, parts: Mapping[str, bytes]) -> list[Outgoing]:
    """Return what publishes a version; `parts`, by SHA-256, come first: no reader sees half."""
    return [
        *(Outgoing(MODELS.name, f"{PART}{sha}".encode(), part) for sha, part in parts.items()),
        outgoing(MODELS, f"{MANIFEST}{manifest.number}", manifest),
    ]


def pin(number: int) -> Outgoing:
    """Return what pins a version."""
    return Outgoing(MODELS.name, f"{PIN}{number}".encode(), b"{}")


def unpin(number: int) -> Outgoing:
    """Return what takes the pin away; the version goes when the next is published, if it is old."""
    return _tombstone(f"{PIN}{number}")


def _named(manifests: Iterable[Manifest]) -> set[str]:
    return {sha for manifest in manifests for sha in manifest.parts.values()}


def _tombstone(key: str) -> Outgoing:
    return Outgoing(MODELS.name, key.encode(), None)
