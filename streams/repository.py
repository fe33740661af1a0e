"""What lies in the topic `models`: parts, manifests and pins; what is kept, and what goes.

As in git, a part lies under the SHA-256 of its content (`part/SHA`), and so does a tree, which
names parts (`tree/SHA`). A manifest lies under the number of its version (`manifest/N`), and
`pin/N` keeps version N for as long as it is there. Keys of another kind belong to a later redstream
and are passed over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable

import structlog

from models.classifier import Classifier
from streams.errors import Unreadable
from streams.records import Manifest, Tree
from streams.stage import Outgoing
from streams.topology import MANIFEST, MODELS, PART, PIN, TREE
from streams.trees import joined, planted
from streams.wire import squeezed, unsqueezed

__all__ = ["KEPT", "MANIFEST", "PART", "PIN", "TREE", "Repository", "pin", "unpin"]

KEPT = 20
"""Versions that stay whether they are pinned or not."""

NUMBER = re.compile("[0-9]{1,18}")
"""Of a version, in a key."""

log = structlog.get_logger()


class Repository:
    """All versions of the model that the records taken in so far amount to.

    `parts` and `trees` (by SHA-256) hold only what is whole, `manifests` goes by number; `pinned`
    may name versions that are not here. `epoch` is the newest seen. A part whose content was let
    go of (None) lies in the log as before.
    """

    def __init__(self) -> None:
        self.parts: dict[str, bytes | None] = {}
        self.trees: dict[str, dict[str, str]] = {}
        self.manifests: dict[int, Manifest] = {}
        self.pinned: set[int] = set()
        self._unpinned: set[int] = set()
        self._coming: set[str] = set()
        self.epoch = 0

    def take(self, key: bytes, value: bytes | None) -> Manifest | None:
        """Take one record in; return the manifest that it is, unless it is refused."""
        name = key.decode(errors="replace")
        if name.startswith(PART):
            self._part(name.removeprefix(PART), value)
        elif name.startswith(TREE):
            self._tree(name.removeprefix(TREE), value)
        elif name.startswith(MANIFEST):
            return self._manifest(name.removeprefix(MANIFEST), value)
        elif name.startswith(PIN) and NUMBER.fullmatch(number := name.removeprefix(PIN)):
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
            self._coming.add(PART + sha)
            return
        # A whole one known from before is no longer what the log holds: to be published again.
        self.parts.pop(sha, None)
        if value is not None:
            log.error("a damaged part of the model was refused", part=sha)

    def _tree(self, sha: str, value: bytes | None) -> None:
        self.trees.pop(sha, None)
        if value is None:
            return
        try:
            if hashlib.sha256(value).hexdigest() != sha:
                raise Unreadable("its SHA-256 does not match")
            self.trees[sha] = unsqueezed(Tree, value).parts
            self._coming.add(TREE + sha)
        except Unreadable as error:
            log.error("a damaged tree of the model was refused", tree=sha, error=str(error))

    def _manifest(self, number: str, value: bytes | None) -> Manifest | None:
        if value is None:
            self.manifests = {n: m for n, m in self.manifests.items() if str(n) != number}
            return None
        self._coming.clear()
        try:
            manifest = unsqueezed(Manifest, value)
        except Unreadable as error:
            log.error("a version was refused", number=number, error=str(error))
            return None
        if str(manifest.number) != number:
            log.error("a version was refused", number=number, error="its key has another number")
            return None
        if manifest.epoch < self.epoch:
            log.warning("a version of an older epoch was refused", number=manifest.number)
            return None
        self.epoch = manifest.epoch
        self.manifests[manifest.number] = manifest
        return manifest

    def named(self, manifest: Manifest) -> dict[str, str]:
        """Return the SHA-256 of a version's parts by name, so far as its trees are here."""
        trees = [self.trees[sha] for sha in manifest.trees if sha in self.trees]
        return joined([manifest.parts, *trees])

    def missing(self, manifest: Manifest) -> list[str]:
        """Return the names of a version's trees and parts that are not here, or were refused."""
        trees = [f"{TREE}{sha[:12]}" for sha in manifest.trees if sha not in self.trees]
        parts = [name for name, sha in self.named(manifest).items() if sha not in self.parts]
        return sorted(trees) + sorted(parts)

    def contents(self, manifest: Manifest) -> dict[str, bytes]:
        """Return the parts of a whole version by name, but for those in `without`."""
        found = ((name, self.parts[sha]) for name, sha in self.named(manifest).items())
        return {name: part for name, part in found if part is not None}

    def without(self, manifest: Manifest) -> set[str]:
        """Return the SHA-256 of the parts of a version whose content was let go of."""
        named = self.named(manifest).values()
        return {sha for sha in named if self.parts.get(sha, b"") is None}

    def let_go(self, but: Manifest) -> None:
        """Let go of the content of all parts that neither one version names nor the next may.

        Twenty versions differ in most of what was taught: several times the size of one.
        """
        keys = {PART + sha for sha in self.named(but).values()} | self._coming
        self.parts = {sha: part if PART + sha in keys else None for sha, part in self.parts.items()}

    def _kept(self, manifests: Iterable[Manifest], serving: int | None) -> dict[int, Manifest]:
        """The newest, the pinned, and the one in service, which after a rollback may be older."""
        known = {manifest.number: manifest for manifest in manifests}
        stay = {*sorted(known)[-KEPT:], *self.pinned, serving}
        return {number: known[number] for number in sorted(known) if number in stay}

    def published(
        self,
        manifest: Manifest,
        classifier: Classifier,
        serving: int | None,
        without: Collection[int] = (),
    ) -> list[Outgoing]:
        """Return what publishes a version: parts and trees that are not here, the manifest, and
        what removes the versions that go then, with what only they name: those `without` that no
        more may be there, pinned or not.

        The manifest comes behind what it names: no reader sees half. What a damaged tree of a
        version that goes named stays: nobody knows what that was.
        """
        shas = classifier.digests()
        trees = planted(shas)
        parts = {shas[name]: part for name, part in classifier.to_parts().items()}
        keys = {PART + sha for sha in parts} | {TREE + sha for sha in trees}
        kept = self._kept([*self.manifests.values(), manifest], serving)
        kept = {number: one for number, one in kept.items() if number not in without}
        dropped = sorted(self.manifests.keys() - kept.keys())
        gone = self._keys(self.manifests[number] for number in dropped) - keys
        gone -= self._keys(one for one in kept.values() if one is not manifest)
        whole = manifest.model_copy(update={"parts": {}, "trees": sorted(trees)})
        return [
            *(_record(PART + sha, part) for sha, part in parts.items() if sha not in self.parts),
            *(_record(TREE + sha, tree) for sha, tree in trees.items() if sha not in self.trees),
            _record(f"{MANIFEST}{manifest.number}", squeezed(whole)),
            *(_record(f"{MANIFEST}{number}", None) for number in dropped),
            *(unpin(number) for number in dropped if number in self.pinned),
            *(_record(key, None) for key in sorted(gone)),
        ]

    def forget(self, serving: int | None) -> None:
        """Drop what the publisher of the newest version removed; `serving` is the one before it.

        What was unpinned meanwhile may still lie there, for the next publisher to remove; after a
        first reading, without a version before it, so may anything. What lies behind the last
        manifest may belong to one that is still to come.
        """
        if serving is not None:
            unpinned = {n: self.manifests[n] for n in self._unpinned & self.manifests.keys()}
            self.manifests = unpinned | self._kept(self.manifests.values(), serving)
            self._unpinned.clear()
        keys = self._keys(self.manifests.values()) | self._coming
        self.trees = {sha: tree for sha, tree in self.trees.items() if TREE + sha in keys}
        if all(sha in self.trees for one in self.manifests.values() for sha in one.trees):
            self.parts = {sha: part for sha, part in self.parts.items() if PART + sha in keys}
        # Else nobody knows what a damaged tree named; it may be published again.

    def _keys(self, manifests: Iterable[Manifest]) -> set[str]:
        """The keys of all that these manifests name, directly or by a tree."""
        known = list(manifests)
        trees = {sha for manifest in known for sha in manifest.trees}
        named = [*(m.parts for m in known), *(self.trees.get(sha, {}) for sha in trees)]
        return {PART + sha for parts in named for sha in parts.values()} | {TREE + t for t in trees}


def pin(number: int) -> Outgoing:
    """Return what pins a version."""
    return _record(f"{PIN}{number}", b"{}")


def unpin(number: int) -> Outgoing:
    """Return what takes the pin away; the version goes when the next is published, if it is old."""
    return _record(f"{PIN}{number}", None)


def _record(key: str, value: bytes | None) -> Outgoing:
    return Outgoing(MODELS.name, key.encode(), value)
