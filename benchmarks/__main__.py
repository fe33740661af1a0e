"""The program: `python -m benchmarks NAME`; see --help."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

# Read by numpy and torch when they are imported: every method is measured on one thread.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from rich.console import Console  # noqa: E402

from benchmarks import plots, registry, report  # noqa: E402
from benchmarks.context import Context, clock  # noqa: E402
from benchmarks.data import BadData, available  # noqa: E402
from benchmarks.page import write_page  # noqa: E402
from models.errors import RedstreamError  # noqa: E402
from models.threads import one_thread  # noqa: E402

EPILOG = """\
A set is a folder with train.jsonl.gz and test.jsonl.gz (rows with `text` and `label`; names from
names.json, else a `name` in the rows, else the label with its underscores as spaces). Any such
folder can be measured:

  python -m benchmarks accuracy --data ~/my-sets --sets tickets --per-label 5,20 --out /tmp/out

Each benchmark prints its tables with the baselines of the same run, and writes OUT/NAME.json,
which replaces the one that is there; an interrupted run leaves what it had measured, marked as
incomplete. With the usual OUT, the plots and docs/benchmarks.md are written anew as well.
Everything runs on one thread. Vectors are kept in var/benchmarks/, computed once.

Exit status: 0 all done; 1 a benchmark failed, or the page; 2 wrong usage, or no such data;
130 interrupted.
"""

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def numbers(text: str) -> tuple[int, ...]:
    """Positive whole numbers, by commas."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: whole numbers by commas, as 5,10,30") from None
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers from 1 on")
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    lines = [f"  {b.NAME:13} {b.SUMMARY} (about {b.MINUTES} min)" for b in registry.BENCHMARKS]
    names = [b.NAME for b in registry.BENCHMARKS]
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure redstream's classifier against what it has to beat.\n\n"
        + "\n".join(lines)
        + "\n  all           all of them, in this order, those whose sets are there"
        + "\n  page          docs/benchmarks.md and its plots anew, from the records in OUT",
        epilog=EPILOG,
    )
    made.add_argument("name", nargs="?", default="all", choices=[*names, "all", "page"])
    made.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("REDSTREAM_DATA") or ROOT.parent / "shared" / "data"),
        help="folder of the sets [REDSTREAM_DATA, ../shared/data]",
    )
    made.add_argument(
        "--out", type=Path, default=RESULTS, help="folder of the records [benchmarks/results]"
    )
    made.add_argument(
        "--sets", help="sets by commas, instead of those that the benchmark is usually run on"
    )
    made.add_argument("--draws", type=int, default=5, help="draws of examples, seeds 0, 1, ... [5]")
    made.add_argument("--per-label", type=numbers, help="examples per label, as 5,10,30")
    made.add_argument(
        "--encoder", default="default", help="default, hashing (no weights), a hub name, a folder"
    )
    made.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "var" / "benchmarks" / "embeddings",
        help="where vectors are kept [var/benchmarks/embeddings]",
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; the exit status."""
    asked = parser().parse_args(arguments)
    console = Console(stderr=False, width=None if sys.stdout.isatty() else 140)
    if asked.draws < 1:
        parser().error("--draws: from 1 on")
    try:
        if asked.name == "page":
            return page(asked.out, console)
        available(asked.data)
        with one_thread():
            return measure(asked, console)
    except KeyboardInterrupt:
        console.print("interrupted: what was measured is kept, marked as incomplete")
        return 130
    except BadData as error:
        console.print(f"[red]error:[/red] {error}", soft_wrap=True)
        return 2


def page(out: Path, console: Console) -> int:
    """Write page and plots."""
    docs = ROOT / "docs" if out.resolve() == RESULTS else out
    plots.write_plots(out, docs / "plots")
    path = write_page(out, docs)
    console.print(f"{path} written", soft_wrap=True)
    return 0


def measure(asked: argparse.Namespace, console: Console) -> int:
    """Run one benchmark, or all whose sets are there."""
    context = Context(
        data=asked.data,
        out=asked.out,
        cache=asked.cache,
        draws=asked.draws,
        encoder_name=asked.encoder,
        console=console,
        sets=tuple(asked.sets.split(",")) if asked.sets else None,
        per_label=asked.per_label,
    )
    chosen = [b for b in registry.BENCHMARKS if asked.name in ("all", b.NAME)]
    if asked.name == "all":
        ready = []
        for benchmark in chosen:
            try:
                context.usable(benchmark.SETS)
                ready.append(benchmark)
            except BadData as error:
                console.print(f"{benchmark.NAME} is left out: {error}", soft_wrap=True)
        chosen = ready
        if not chosen:
            raise BadData(f"no benchmark can be run on what is in {asked.data}")
    minutes = sum(b.MINUTES for b in chosen)
    console.print(
        f"{', '.join(b.NAME for b in chosen)}: about {clock(60 * minutes)} on two quiet cores with "
        "five draws, and some minutes more where vectors have to be computed first"
    )
    failed = 0
    for benchmark in chosen:
        console.rule(benchmark.NAME)
        try:
            record = benchmark.run(context)
            context.save(record, complete=True)
            report.show(console, benchmark.shown(record))
        except (BadData, KeyboardInterrupt):
            if asked.name != "all" or isinstance(sys.exc_info()[1], KeyboardInterrupt):
                raise
            console.print(f"[red]{benchmark.NAME}:[/red] {sys.exc_info()[1]}", soft_wrap=True)
            failed += 1
        except RedstreamError as error:
            console.print(f"[red]{benchmark.NAME} failed:[/red] {error}", soft_wrap=True)
            failed += 1
        except Exception:
            # One benchmark's defect must not cost the hours of the others.
            console.print(f"[red]{benchmark.NAME} failed:[/red]\n{traceback.format_exc()}")
            failed += 1
    try:
        page(asked.out, console)
    except BadData as error:
        console.print(f"[red]the page was not written:[/red] {error}", soft_wrap=True)
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
