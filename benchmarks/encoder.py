"""How fast each path of the encoder is, whether it keeps the rule, and what its vectors change."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.context import Context
from benchmarks.data import TextSet, draw
from benchmarks.methods import fit_recipe, numbered, predict
from benchmarks.report import Check, Record, Shown, Table, share
from models.encoder import Encoder
from models.encoder_paths import PATHS, TOLERANCE, dependence, distance
from models.encoder_sentence import SentenceEncoder

NAME = "encoder"
SUMMARY = "texts per second, dependence on the batch and labels changed, by path of the encoder"
MINUTES = 3
SETS = ("clinc150",)
PANELS = 1

PER_LABEL = 30
TESTS = 1000
ROUNDS = 4
SHORT, WORDS = 256, (8, 12)
LONG, MANY = 24, 120
"""Long texts are test texts one after the other, cut at so many words."""

F32 = NDArray[np.float32]


def paths_of(encoder: Encoder) -> dict[str, Encoder]:
    """The encoder on each path that it has."""
    if isinstance(encoder, SentenceEncoder):
        return {path: encoder.on(path) for path in PATHS}
    return {encoder.path: encoder}


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    encoders = paths_of(context.encoder)
    record = context.record(
        NAME,
        sets,
        per_label=PER_LABEL,
        tests=TESTS,
        rounds=ROUNDS,
        threads=1,
    )
    record["notes"] = [
        f"One thread; the paths take turns, {ROUNDS} rounds, the best counts. Short: texts of "
        f"{WORDS[0]} to {WORDS[1]} words; long: of {MANY}.",
        "Dependence: worst cosine distance between a text encoded alone and with short or long "
        "others. Away: worst and mean cosine distance to the fp32 vector of the same text.",
        f"Labels: the recipe, {PER_LABEL} fp32 examples a label, asked with each path's vectors, "
        "as if a machine of another path joined in. The identity of the encoder forbids that: it "
        "shows what the difference amounts to.",
    ]
    context.cells(len(sets))
    for name in sets:
        texts, vectors = context.load(name)
        problem = draw(texts, vectors, PER_LABEL, 0)
        classifier = fit_recipe(problem)
        rows = np.random.default_rng(0).permutation(len(problem.test_y))[:TESTS]
        asked, truth = [problem.test_texts[i] for i in rows], problem.test_y[rows]
        rates = _rates(encoders, _timed(texts))
        first: tuple[F32, NDArray[np.intp]] | None = None
        for path, encoder in encoders.items():
            x = encoder.encode(asked)
            said = numbered(problem, predict(classifier, x))
            first = first or (x, said)
            away = distance(first[0], x)
            cell = {
                "set": name,
                "path": path,
                "rates": rates[path],
                "dependence": dependence(encoder.encode),
                "away_worst": float(away.max()),
                "away_mean": float(away.mean()),
                "accuracy": float((said == truth).mean()),
                "changed": float((said != first[1]).mean()),
            }
            record["cells"].append(cell)
            context.say(f"{name}, {path}: {cell['rates']}")
            context.save(record)
        context.done(name)
    return record


def _timed(texts: TextSet) -> dict[str, list[str]]:
    short = [t for t in texts.test if WORDS[0] <= len(t.split()) <= WORDS[1]][:SHORT]
    words = " ".join(texts.test).split()
    long = [" ".join(words[i * MANY : (i + 1) * MANY]) for i in range(LONG)]
    return {"short": short or list(texts.test[:SHORT]), "long": [t for t in long if t]}


def _rates(
    encoders: Mapping[str, Encoder], timed: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Texts per second by path and kind of text."""
    found: dict[str, dict[str, float]] = {path: {} for path in encoders}
    for kind, texts in timed.items():
        spent: dict[str, list[float]] = {path: [] for path in encoders}
        for _ in range(ROUNDS):
            for path, encoder in encoders.items():
                began = time.perf_counter()
                encoder.encode(texts)
                spent[path].append(time.perf_counter() - began)
        for path, seconds in spent.items():
            found[path][kind] = round(len(texts) / max(min(seconds), 1e-9), 1)
    return found


def shown(record: Record) -> Shown:
    """Table and checks, from the record alone."""
    rows, checks = [], []
    for name in dict.fromkeys(c["set"] for c in record["cells"]):
        cells = [c for c in record["cells"] if c["set"] == name]
        plain = cells[0]["rates"]
        for c in cells:
            speed = [
                f"{c['rates'][kind]:.0f} ({c['rates'][kind] / plain[kind]:.2f})" for kind in plain
            ]
            away = f"{c['away_worst']:.0e}, {c['away_mean']:.0e}"
            said = [share(c["accuracy"]), share(c["changed"])]
            rows.append([f"{name}, {c['path']}", *speed, f"{c['dependence']:.0e}", away, *said])
        passing = [c for c in cells if c["dependence"] <= TOLERANCE]
        fastest = max(passing or cells[:1], key=lambda c: c["rates"]["short"])
        checks.append(
            Check(
                f"{name}: the fastest path that depends on the batch by {TOLERANCE:g} at most",
                f"{fastest['path']}, {fastest['dependence']:.0e}",
                bool(passing),
            )
        )
    head = ["", "short, texts/s", "long, texts/s", "dependence", "away", "accuracy", "changed"]
    return Shown([Table("Paths of the encoder", head, rows, "In brackets: times fp32.")], checks)


def plot(record: Record, axes: Any) -> None:
    """Texts per second by path."""
    panel, cells = axes[0], record["cells"]
    for shift, kind in ((-0.2, "short"), (0.2, "long")):
        values = [c["rates"][kind] for c in cells]
        panel.bar([i + shift for i in range(len(cells))], values, 0.4, label=kind)
    panel.set_xticks(range(len(cells)), [f"{c['set']}\n{c['path']}" for c in cells])
    panel.set(ylabel="texts per second, one thread", yscale="log")
    panel.legend(frameon=False)
