"""The model feed: whole versions of the classifier, as content-addressed records in `models`.

A part lies under `part/SHA-256`, a manifest under `manifest/NUMBER`. A version is published as
its new parts, then its manifest; readers follow and serve whole versions only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from models.classifier import Classifier
from streams.derived import chunks
from streams.errors import NoModel, Unreadable
from streams.records import Claim, Manifest, Refusal
from streams.stage import Outgoing, Reader, outgoing
from streams.topology import MODELS

PART, MANIFEST = "part/", "manifest/"
KEPT = 20
"""Versions whose parts stay, so that a rollback is the publishing of an older manifest."""

CHUNK = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class Terms:
    """On what terms texts go out unasked: see `streams.records.Manifest`."""

    threshold: float
    audit: float | None = None
    claim: Claim | None = None
    judged_from: int = 0


@dataclass(frozen=True)
class Version:
    """One whole version in service."""

    manifest: Manifest
    classifier: Classifier

    @property
    def number(self) -> int:
        """Return the version's number."""
        return self.manifest.number

    @property
    def terms(self) -> Terms:
        """Return the terms on which texts go out unasked."""
        m = self.manifest
        return Terms(m.threshold, m.audit, m.claim, m.judged_from)


class Feed:
    """Follows `models` without a group and holds the newest whole version."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._offset = 0
        self._parts: dict[str, bytes] = {}
        self._manifests: dict[int, Manifest] = {}
        self._version: Version | None = None
        self._epoch = 0

    def newest(self) -> Version:
        """Read the feed to its end and return the newest whole version.

        Raises:
            NoModel: nothing was fitted yet.
        """
        candidates: list[Manifest] = []
        for records in chunks(self._reader, MODELS, self._offset, CHUNK):
            for record in records:
                manifest = self._take(record.key or b"", record.value)
                candidates += [manifest] if manifest else []
            self._offset = records[-1].offset + 1
        for manifest in reversed(candidates):
            if manifest.epoch == self._epoch and self._serve(manifest):
                break
        if self._version is None:
            raise NoModel("there is no model yet: run `redstream fit EXAMPLES` first")
        return self._version

    def _take(self, key: bytes, value: bytes | None) -> Manifest | None:
        name = key.decode()
        if name.startswith(PART) and value is not None:
            sha = name.removeprefix(PART)
            if hashlib.sha256(value).hexdigest() == sha:
                self._parts[sha] = value
            else:
                log.error("a damaged part of the model was refused", part=sha)
        elif name.startswith(MANIFEST) and value is not None:
            try:
                manifest = Manifest.decode(value)
            except Unreadable as error:
                log.error("a damaged version was refused", key=name, error=str(error))
                return None
            if manifest.epoch < self._epoch:
                log.warning("a version of an older epoch was refused", number=manifest.number)
                return None
            self._epoch = manifest.epoch
            self._manifests[manifest.number] = manifest
            return manifest
        return None

    def _serve(self, manifest: Manifest) -> bool:
        missing = [name for name, sha in manifest.parts.items() if sha not in self._parts]
        if missing:
            log.error("an incomplete version was refused", number=manifest.number, parts=missing)
            return False
        parts = {name: self._parts[sha] for name, sha in manifest.parts.items()}
        previous = self._version.classifier if self._version else None
        self._version = Version(manifest, Classifier.from_parts(parts, previous))
        self._forget()
        return True

    def _forget(self) -> None:
        for number in sorted(self._manifests)[:-KEPT]:
            del self._manifests[number]
        named = {sha for manifest in self._manifests.values() for sha in manifest.parts.values()}
        self._parts = {sha: value for sha, value in self._parts.items() if sha in named}

    def publish(
        self,
        classifier: Classifier,
        *,
        applied: int,
        learnt: int,
        touched: Sequence[str],
        terms: Terms | None = None,
        refused: Refusal | None = None,
    ) -> list[Outgoing]:
        """Return the records of the next version: its new parts, its manifest, tombstones."""
        terms = terms or Terms(classifier.threshold)
        last = max(self._manifests.values(), key=lambda m: m.number, default=None)
        parts = classifier.to_parts()
        shas = {name: hashlib.sha256(value).hexdigest() for name, value in parts.items()}
        manifest = Manifest(
            number=last.number + 1 if last else 1,
            epoch=last.epoch if last else 1,
            hash=classifier.hash(),
            encoder=classifier.encoder,
            threshold=terms.threshold,
            audit=terms.audit,
            claim=terms.claim,
            judged_from=terms.judged_from,
            refused=refused,
            labels=list(classifier.labels),
            parts=shas,
            applied=applied,
            learnt=learnt,
            touched=sorted(touched),
            at=time.time(),
        )
        new = {sha: parts[name] for name, sha in shas.items() if sha not in self._parts}
        records = [_raw(PART + sha, value) for sha, value in new.items()]
        records.append(outgoing(MODELS, f"{MANIFEST}{manifest.number}", manifest))
        return records + self._tombstones(manifest)

    def _tombstones(self, manifest: Manifest) -> list[Outgoing]:
        kept = [*sorted(self._manifests)[-(KEPT - 1) :], manifest.number]
        dropped = [number for number in self._manifests if number not in kept]
        named = set(manifest.parts.values()).union(
            *(self._manifests[number].parts.values() for number in kept[:-1])
        )
        gone = {sha for number in dropped for sha in self._manifests[number].parts.values()} - named
        return [
            *(_raw(f"{MANIFEST}{number}", None) for number in dropped),
            *(_raw(PART + sha, None) for sha in sorted(gone)),
        ]


def _raw(key: str, value: bytes | None) -> Outgoing:
    return Outgoing(MODELS.name, key.encode(), value)
