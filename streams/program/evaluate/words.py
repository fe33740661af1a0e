"""Figures as a person reads them."""

from __future__ import annotations

from streams.program.evaluate import findings as f


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as a percentage; a dash for none."""
    return "-" if value is None else f"{100 * value:.{digits}f}%"


def interval(rate: f.Rate) -> str:
    """Return the bounds of a rate; a dash where nothing was counted."""
    return "-" if rate.value is None else f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"


def counted(rate: f.Rate) -> str:
    """Return a rate with its counts."""
    return f"{percent(rate.value)} ({rate.part:,} of {rate.whole:,})" if rate.whole else "-"


def many(count: int, one: str, more: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
