"""Pictures that a person asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models.errors import Fatal


def plotter() -> Any:
    """Return matplotlib's pyplot, drawing into files only. Here: it takes a second to load."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, panels: Iterable[Any], path: Path) -> None:
    """Write a figure as an SVG, PNG or PDF file, by its suffix, and let go of it.

    Raises:
        Fatal: it cannot be written, or not in that format.
    """
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise Fatal(f"cannot draw into {path}: {error}") from None
    finally:
        plotter().close(figure)
