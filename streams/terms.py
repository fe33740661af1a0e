"""What a version says beside its classifier: on what terms it labels, and of what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.records import Claim, Manifest, Reliability


@dataclass(frozen=True)
class Terms:
    """On what terms texts go out unasked: see `streams.records.Manifest`."""

    threshold: float
    audit: float | None = None
    claim: Claim | None = None
    judged_from: int = 0
    trust: Reliability | None = None


@dataclass(frozen=True)
class Change:
    """What is still to be done about the latest change: see `streams.records.Manifest`."""

    taught_from: int = 0
    ageing: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> Change:
        """Return how a version has it."""
        return cls(manifest.taught_from, manifest.ageing)


@dataclass(frozen=True)
class Shares:
    """How often each label was given out lately, up to offset `counted` in `labeled`."""

    counts: Mapping[str, float] = field(default_factory=dict)
    counted: int = 0

    @classmethod
    def of(cls, manifest: Manifest) -> Shares:
        """Return how a version has it."""
        return cls(manifest.shares, manifest.counted)
