"""One plot for each record, as SVG that is the same for the same numbers."""

from __future__ import annotations

from pathlib import Path

from benchmarks import registry
from benchmarks.data import BadData
from benchmarks.report import load, path_of


def write_plots(out: Path, folder: Path) -> list[Path]:
    """Plot every record in `out`; none where matplotlib (extra `bench`) is not installed."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "redstream", "font.size": 9})
    from matplotlib import pyplot

    written = []
    for benchmark in registry.BENCHMARKS:
        record = load(out, benchmark.NAME)
        if record is None or not record["cells"]:
            continue
        figure, axes = pyplot.subplots(
            1, benchmark.PANELS, figsize=(4.6 * benchmark.PANELS, 3.4), squeeze=False
        )
        try:
            benchmark.plot(record, list(axes[0]))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            pyplot.close(figure)
            raise BadData(
                f"{path_of(out, benchmark.NAME)} is of another version ({error!r}): run the "
                "benchmark again, or remove it"
            ) from error
        for panel in axes[0]:
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_visible(bool(panel.has_data()))
        figure.tight_layout()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{benchmark.NAME}.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
        written.append(path)
    return written
