"""A look at single versions of the model: of `models`, only what they name is read.

All that is kept are some thousand parts of twenty versions; one of them names five hundred, and
who only wants to know what changed needs none.
"""

from __future__ import annotations

from streams.feed import Feed, Version
from streams.records import Manifest
from streams.stage import Log
from streams.topology import MANIFEST, MODELS, PART, TREE


class Glance(Feed):
    """Holds every manifest that is kept; trees and parts are fetched when a version is asked for.

    It sees the feed as it stood when it was made.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self._there = {key.decode() for key in log.keys(MODELS.name, PART)}
        for key in log.keys(MODELS.name, MANIFEST):
            self._take(key.decode())

    def _take(self, key: str) -> Manifest | None:
        found = self._reader.newest(MODELS.name, key.encode())
        return None if found is None else self.repository.take(key.encode(), found.value)

    def latest(self) -> Manifest:
        """Return the manifest of the newest version of which nothing is missing.

        Raises:
            NoModel: nothing was fitted yet.
            NoVersion: there are versions, and none of them is whole.
        """
        repository = self.repository
        for _, manifest in sorted(repository.manifests.items(), reverse=True):
            if manifest.epoch != repository.epoch:
                continue
            self._planted(manifest)
            trees = all(sha in repository.trees for sha in manifest.trees)
            parts = repository.named(manifest).values()
            if trees and all(PART + sha in self._there for sha in parts):
                return manifest
        return super().newest().manifest  # which says what is wrong

    def newest(self) -> Version:
        """Return the newest whole version."""
        if self._version is None:
            latest = self.latest()
            self._fetch(latest)
            if self.repository.missing(latest) or not self._serve(latest):
                return super().newest()
        assert self._version is not None
        return self._version

    def load(self, number: int) -> Version:
        """Return a version that is kept.

        Raises:
            NoVersion: there is none of that number, or it is not whole.
        """
        self._fetch(self.manifest(number))
        return super().load(number)

    def whole(self, number: int) -> bool:
        """Tell whether all of a version that is kept can be read."""
        manifest = self.manifest(number)
        self._fetch(manifest)
        return not self.repository.missing(manifest)

    def _planted(self, manifest: Manifest) -> None:
        for sha in manifest.trees:
            if sha not in self.repository.trees:
                self._take(TREE + sha)

    def _fetch(self, manifest: Manifest) -> None:
        self._planted(manifest)
        for sha in self.repository.named(manifest).values():
            if sha not in self.repository.parts:
                self._take(PART + sha)
