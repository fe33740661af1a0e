"""What a person reads about the precision of texts that go out unasked."""

from __future__ import annotations

from streams.records import Manifest

MEANWHILE = ("too few", "open")
"""States in which a certificate may still come."""


def promised(manifest: Manifest) -> str:
    """Say on what terms texts go out unasked, and what supports that."""
    claim, threshold = manifest.claim, manifest.threshold
    if threshold > 1:
        unasked = "no text goes out unasked"
    else:
        unasked = f"texts with a confidence of {threshold:.2f} or more go out unasked"
    if claim is None:
        return f"Unasked: {unasked}, as cross-validated on the examples; no audits vouch for it."
    target = f"The target of {claim.target:g}"
    if claim.state == "certified":
        audited = f"{manifest.audit:.0%} of them are judged too" if manifest.audit else "no audits"
        return (
            f"{target} is certified: {unasked}; the judge agrees with at least {claim.bound:.3f} of"
            f" them (found: {claim.agreement:.3f} of {claim.judged}); {audited}."
        )
    if claim.state in MEANWHILE:
        return f"{target} is not certified yet: {claim.reason}. Until then everything is judged."
    return (
        f"{target} cannot be certified: {claim.reason}. So {unasked}, as cross-validated on the"
        " examples, and no more is spent towards the target."
    )
