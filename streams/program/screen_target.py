"""What a person reads about the precision of texts that go out unasked."""

from __future__ import annotations

from collections.abc import Sequence

from streams.records import Manifest, Refusal

MEANWHILE = ("too few", "open")
"""States in which a certificate may still come."""

SOME = 12
"""Labels or texts named in a line that may have hundreds."""


def promised(manifest: Manifest) -> str:
    """Say on what terms texts go out unasked, and what supports that."""
    claim, threshold = manifest.claim, manifest.threshold
    if threshold > 1:
        unasked = "no text goes out unasked"
    else:
        unasked = f"texts with a confidence of {threshold:.2f} or more go out unasked"
    if claim is None and threshold > 1:
        return f"Unasked: {unasked}: the examples cannot promise the target, and no audits vouch."
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
    spent = (
        "after the change everything is judged for a while"
        if manifest.audit == 1
        else "no more is spent towards the target"
    )
    if threshold > 1:
        return (
            f"{target} cannot be certified: {claim.reason}. The examples cannot promise it either:"
            " everything is judged."
        )
    return (
        f"{target} cannot be certified: {claim.reason}. So {unasked}, as cross-validated on the"
        f" examples, and {spent}."
    )


def refusal(refused: Refusal) -> str:
    """Say which lessons the gate refused, and why."""
    return (
        f"Refused: {len(refused.lessons)} lessons that the judge accepted, since with them"
        f" {refused.lost} of {refused.texts} texts kept apart went wrong and {refused.won} came"
        f" right (p {refused.p:.1g}): {some(refused.lessons)}"
    )


def some(names: Sequence[str]) -> str:
    """Name the first few."""
    more = f", and {len(names) - SOME} more" if len(names) > SOME else ""
    return ", ".join(names[:SOME]) + more
