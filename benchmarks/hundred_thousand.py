"""A hundred thousand texts in one run of the program: memory, what the folder takes, how soon it
answers."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.context import Context, clock
from benchmarks.data import BadData, TextSet, load_set
from benchmarks.hundred_thousand_kept import kept_in, taken, two_texts
from benchmarks.hundred_thousand_shown import plot, shown
from benchmarks.report import Record
from models.encoder import load_encoder
from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.program.explain import explain
from streams.program.settings import Settings
from streams.program.summary import summarize
from streams.topology import CLASSIFY, TEXTS

__all__ = ["MINUTES", "NAME", "PANELS", "SETS", "SUMMARY", "plot", "run", "shown"]

NAME = "hundred_thousand"
SUMMARY = "100,000 texts in one run: memory, bytes in the folder, time of status and explain"
MINUTES = 25
SETS = ("clinc150", "banking77")
PANELS = 2

COUNT = 100_000
PER_LABEL = 10
ENCODER = "hashing"
DROPPED, REPLACED, DOUBLED = 0.08, 0.04, 0.04
"""Shares of the words of a text, for texts that are alike and not the same."""
TIMES = 5
STOPPED = 130
"""What the program answers when it was stopped before all was done."""

NOTES = [
    f"Training texts of both sets, {PER_LABEL} of each label as examples and the others drawn "
    f"again and again, {DROPPED:.0%} of the words left out, {REPLACED:.0%} replaced and "
    f"{DOUBLED:.0%} doubled. The program as a user runs it, free running, in a process of its own, "
    "with the simulated judge (10% errors); stopped when all texts are classified. The judge is "
    "slower than the classifier: what waits for it then is `uncertain` and `uncertain-later`.",
    "The encoder is the one without weights (`hashing`), because it is cheap. It is a worse one, "
    "so that far more is judged, taught and kept; but many zeros in its vectors squeeze well, and "
    "a real one's do not: about 480 bytes more for every text that is taught.",
    "Memory is the process's resident set, each second; *anonymous* is without files that are "
    "mapped. It grows while the labels' exemplars become more, to 70 a label, and no further. The "
    "folder is what its files take on the disk: Qdrant Edge lays its files out 32 MiB at a time, "
    "as holes. Whole commands are timed in CPU time, user and system, so that other work on the "
    "machine does not count; inside, from the settings to the answer.",
    "Five times texts this short is 235 bytes a text. A label that can be explained and undone has "
    "an event in the ledger and one in `labeled-latest`, from which a lost ledger comes back: "
    "those two alone come to more. So do a text's own record with the place it came from, and for "
    "every text that is taught its vector, in the log and in the example store.",
]

Rows = list[tuple[str, str]]


def run(context: Context) -> Record:
    """Measure and record."""
    names = context.usable(SETS)
    sets = [load_set(context.data, name) for name in names]
    record = context.record(NAME, (), texts=COUNT, per_label=PER_LABEL, times=TIMES)
    record["encoder"] = {"name": ENCODER, "identity": load_encoder(ENCODER).identity}
    record["sets"] = {one.name: one.about() for one in sets}
    record["notes"] = NOTES
    context.cells(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cell = _measured(context, folder, _made(sets, folder))
    record["cells"].append(cell)
    context.save(record)
    context.done(f"{COUNT:,} texts in {clock(cell['seconds'])}")
    return record


def _made(sets: Sequence[TextSet], folder: Path) -> int:
    """Write examples, texts and gold labels; return the bytes of the texts alone."""
    rng = np.random.default_rng(0)
    rows = [(t, s.labels[y]) for s in sets for t, y in zip(s.train, s.train_y, strict=True)]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    seen: Counter[str] = Counter()
    examples: Rows = []
    others: Rows = []
    for text, label in rows:
        seen[label] += 1
        (examples if seen[label] <= PER_LABEL else others).append((text, label))
    texts = list(_noisy(others, rng))
    _write(folder / "examples.jsonl", ({"text": t, "label": y} for t, y in examples))
    _write(folder / "texts.jsonl", ({"id": f"t{n}", "text": t} for n, (t, _) in enumerate(texts)))
    _write(folder / "gold.jsonl", ({"id": f"t{n}", "label": y} for n, (_, y) in enumerate(texts)))
    return sum(len(text.encode()) for text, _ in texts)


def _noisy(rows: Rows, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    words = sorted({word for text, _ in rows for word in text.split()})
    for place in rng.integers(len(rows), size=COUNT):
        text, label = rows[place]
        said: list[str] = []
        for word, chance in zip(text.split(), rng.random(len(text.split())), strict=True):
            if chance < DROPPED:
                continue
            replaced = chance < DROPPED + REPLACED
            said.append(words[rng.integers(len(words))] if replaced else word)
            if 1 - chance < DOUBLED:
                said.append(word)
        yield " ".join(said) or text, label


def _write(path: Path, rows: Iterator[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _measured(context: Context, folder: Path, text_bytes: int) -> dict[str, Any]:
    var = folder / "var"
    where = ("--var", str(var))
    _program("fit", str(folder / "examples.jsonl"), *where)
    fitted = _sizes(var)
    command = ("run", str(folder / "texts.jsonl"), "--judge", "simulated", "--rounds", "0")
    process = _started(*command, "--gold", str(folder / "gold.jsonl"), *where)
    began = time.monotonic()
    samples = []
    said, stopping = 0.0, False
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        while process.poll() is None:
            done = log.position(CLASSIFY.name, TEXTS.name)
            spent = round(time.monotonic() - began, 1)
            samples.append([spent, done, *_memory(process.pid), sum(_sizes(var).values())])
            if spent - said >= 60:
                said = spent
                context.say(f"{done:,} texts after {clock(spent)}")
            if done >= COUNT and not stopping:
                process.terminate()
                stopping = True
            time.sleep(1)
    if process.returncode not in (0, STOPPED):
        raise BadData(f"the run ended with status {process.returncode}")
    ours = Settings(var=var, encoder=ENCODER)
    by_classifier, taught = two_texts(var)
    return {
        "texts": COUNT,
        "text_bytes": text_bytes,
        "input_bytes": (folder / "texts.jsonl").stat().st_size,
        "seconds": round(time.monotonic() - began, 1),
        "samples": samples,
        "fitted": fitted,
        "files": _sizes(var),
        "kept": kept_in(var),
        "commands": {
            "--help": _spent("--help"),
            "status": _spent("status", *where),
            "explain": _spent("explain", by_classifier, *where),
            "explain, taught": _spent("explain", taught, *where),
        },
        "inside": {
            "status": _timed(lambda: summarize(ours)),
            "explain": _timed(lambda: explain(ours, by_classifier)),
            "explain, taught": _timed(lambda: explain(ours, taught)),
        },
    }


def _started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from streams.program.cli import main; main()", *arguments],
        env={**os.environ, "REDSTREAM_ENCODER": ENCODER},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _program(*arguments: str) -> None:
    if code := _started(*arguments).wait():
        raise BadData(f"`redstream {' '.join(arguments)}` ended with status {code}")


def _memory(pid: int) -> tuple[int, int]:
    """Bytes resident, and of these not of files; 0 where the process is gone, or no Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0, 0
    found = dict(line.split()[:2] for line in lines if line.startswith(("VmRSS", "RssAnon")))
    return int(found.get("VmRSS:", 0)) * 1024, int(found.get("RssAnon:", 0)) * 1024


def _sizes(var: Path) -> dict[str, int]:
    """Bytes on the disk, by the first name in the folder: a database with its journal."""
    sizes: Counter[str] = Counter()
    for path in var.rglob("*"):
        try:
            if path.is_file():
                sizes[path.relative_to(var).parts[0].split(".sqlite")[0]] += taken(path)
        except FileNotFoundError:
            continue
    return dict(sizes)


def _spent(*arguments: str) -> float:
    """Seconds of CPU that the whole command takes."""
    spent = []
    for _ in range(TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _program(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(median(spent), 3)


def _timed(call: Any) -> float:
    spent = []
    for _ in range(TIMES):
        began = time.process_time()
        try:
            call()
        except Fatal as error:
            raise BadData(str(error)) from None
        spent.append(time.process_time() - began)
    return round(median(spent), 4)
