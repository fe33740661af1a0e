"""What the version in service says of itself and of the stream."""

from __future__ import annotations

from typing import get_args

from streams.records import Claim, Manifest
from streams.telemetry.metrics import Metrics

STATES: tuple[str, ...] = get_args(Claim.model_fields["state"].annotation)


def tell_version(metrics: Metrics, manifest: Manifest, threshold: float) -> None:
    """Set the gauges of the version in service; without a certificate its own stay at 0."""
    claim = manifest.claim
    metrics.version.set(manifest.number)
    metrics.version_at.set(manifest.at)
    metrics.labels.set(len(manifest.labels))
    metrics.threshold.set(threshold)
    metrics.target.set(claim.target if claim else 0)
    metrics.bound.set(claim.bound if claim else 0)
    metrics.agreement.set((claim.agreement or 0) if claim else 0)
    for state in STATES:
        metrics.claim.labels(state.replace(" ", "_")).set(
            claim is not None and claim.state == state
        )
