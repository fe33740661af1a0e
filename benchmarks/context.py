"""What every benchmark is handed: sets, draws, vectors, progress, and where its record goes."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console

import models
from benchmarks.data import BadData, TextSet, Vectors, available, load_set
from benchmarks.embeddings import vectors_of
from benchmarks.report import Record, save
from models.encoder import Encoder, load_encoder

LIBRARIES = (
    *("numpy", "scipy", "scikit-learn", "umap-learn", "sentence-transformers", "torch"),
    "river",
)


def machine() -> dict[str, Any]:
    """Cores and processor, no more: a record is read by strangers."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {"cores": os.cpu_count(), "cpu": model, "system": platform.system()}


def code_of_models() -> str:
    """A hash over the sources of `models/`: which classifier it was."""
    digest = hashlib.sha256()
    for path in sorted(Path(models.__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def versions() -> dict[str, str]:
    """Of Python and the libraries that decide a number."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass
class Context:
    """One run. `sets` and `per_label` are None where the user asked for none in particular."""

    data: Path
    out: Path
    cache: Path
    draws: int
    encoder_name: str
    console: Console
    sets: tuple[str, ...] | None = None
    per_label: tuple[int, ...] | None = None
    started: float = field(default_factory=time.perf_counter)
    _encoder: Encoder | None = None
    _known: dict[str, tuple[TextSet, Vectors]] = field(default_factory=dict)
    _cells: tuple[int, int] = (0, 0)

    @property
    def encoder(self) -> Encoder:
        """Loaded when first needed: it takes seconds."""
        if self._encoder is None:
            self._encoder = load_encoder(self.encoder_name)
        return self._encoder

    def usable(self, usual: tuple[str, ...]) -> tuple[str, ...]:
        """The sets asked for, else those of `usual` that are there. Raises `BadData` for none."""
        there = available(self.data)
        if self.sets is not None:
            missing = [name for name in self.sets if name not in there]
            if missing:
                raise BadData(
                    f"no set {', '.join(missing)} in {self.data}; there are: "
                    f"{', '.join(there) or 'none'}"
                )
            return self.sets
        found = tuple(name for name in usual if name in there)
        if not found:
            raise BadData(
                f"none of {', '.join(usual)} is in {self.data}; name others with --sets: "
                f"{', '.join(there) or 'there are none'}"
            )
        return found

    def load(self, name: str) -> tuple[TextSet, Vectors]:
        """A set and its vectors. Raises `BadData`."""
        if name not in self._known:
            texts = load_set(self.data, name)
            vectors = vectors_of(self.encoder, texts, self.cache, self.say)
            self._known = {name: (texts, vectors)}  # one at a time: a set is up to 50 MB
        return self._known[name]

    def say(self, text: str) -> None:
        """A line of progress."""
        self.console.print(f"[dim]{text}[/dim]", highlight=False, soft_wrap=True)

    def cells(self, total: int) -> None:
        """How many pieces of work the benchmark has."""
        self._cells = (0, total)
        self.started = time.perf_counter()

    def done(self, text: str) -> None:
        """One of them is done: say so, how long it has taken, and what is left."""
        number, total = self._cells[0] + 1, max(self._cells[1], self._cells[0] + 1)
        self._cells = (number, total)
        spent = time.perf_counter() - self.started
        left = spent / number * (total - number)
        self.say(f"\\[{number}/{total}] {text} · {clock(spent)} so far, about {clock(left)} left")

    def record(self, benchmark: str, sets: Sequence[str], **settings: Any) -> Record:
        """An empty record of that benchmark on these sets."""
        return {
            "benchmark": benchmark,
            "complete": False,
            "encoder": {"name": Path(self.encoder_name).name, "identity": self.encoder.identity},
            "machine": machine(),
            "versions": versions(),
            "models": code_of_models(),
            "sets": {name: self.load(name)[0].about() for name in sets},
            "settings": settings,
            "seconds": 0.0,
            "cells": [],
            "notes": [],
        }

    def save(self, record: Record, *, complete: bool = False) -> None:
        """Write what there is, so that an interrupted run leaves what it has measured."""
        record["complete"] = complete
        record["seconds"] = round(time.perf_counter() - self.started, 1)
        save(self.out, record)


def clock(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
