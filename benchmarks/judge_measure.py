"""A judge measured from 200 gold texts, against its rates over all of its recorded answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.context import Context
from benchmarks.data import BadData, TextSet, Vectors, draw, read_rows
from benchmarks.methods import fit_recipe, predict
from benchmarks.report import Check, Record, Shown, Table, share
from judge.measure import Recorded, VerifyMeasure, measure_recorded
from models.measures import Rate
from models.prediction import Prediction

NAME = "judge_measure"
SUMMARY = "true-positive and true-negative rate of a real judge: 200 gold texts against all"
MINUTES = 1
SETS = ("banking77",)
PANELS = 2

JUDGE = "qwen3-30b-a3b_fewshot"
ANSWERS = "banking77_llm"
PER_LABEL = 10
TEXTS = 200
DRAWS = 20
ENOUGH = 18
FURTHER = 1_000
"""Draws beyond those asked for: twenty alone say little about an interval's coverage."""

RATES = {"tpr": "right label held valid", "tnr": "wrong label refused"}


def run(context: Context) -> Record:
    """Measure and record."""
    name, *others = context.usable(SETS)
    if others:
        raise BadData("name one set: the recorded answers are about one")
    texts, vectors = context.load(name)
    record = context.record(
        NAME,
        (name,),
        judge=JUDGE,
        gold_texts=TEXTS,
        draws=DRAWS,
        further_draws=FURTHER,
        per_label=PER_LABEL,
    )
    context.cells(1)
    pairs, left_out = _questions(context, texts, vectors)
    every = measure_recorded(row for pair in pairs for row in pair)
    draws = [_drawn(pairs, seed) for seed in range(DRAWS)]
    further = [_drawn(pairs, seed) for seed in range(DRAWS, DRAWS + FURTHER)]
    cell: dict[str, Any] = {"set": name, "texts": len(pairs), "left_out": left_out}
    for key in RATES:
        truth = _rate(every, key)
        rates = [_rate(one, key) for one in draws]
        cell[key] = {
            "all": truth.value,
            "found": [rate.value for rate in rates],
            "low": [rate.low for rate in rates],
            "high": [rate.high for rate in rates],
            "inside": sum(rate.holds(truth.value or 0.0) for rate in rates),
            "inside_further": sum(_rate(one, key).holds(truth.value or 0.0) for one in further),
        }
    worst = [(pair, rate) for pair, rate in every.pairs.items() if rate.part < rate.whole][:5]
    cell["worst"] = [
        {"gold": gold, "proposed": proposed, "refused": rate.part, "of": rate.whole}
        for (gold, proposed), rate in worst
    ]
    record["cells"] = [cell]
    record["notes"] = [
        "The judge chose a label; it counts as holding valid what it chose, and as refusing the "
        "rest. The wrong label is the best wrong contender of a classifier with 10 examples per "
        "label that the judge was offered. Texts that the classifier was fitted on are left out, "
        "and rows whose label was not offered, or that got no usable answer.",
        "Intervals are Clopper-Pearson, 95%; each draw takes 200 texts and asks about both labels.",
    ]
    context.done(f"{len(pairs):,} texts, {DRAWS + FURTHER:,} draws")
    return record


def _questions(
    context: Context, texts: TextSet, vectors: Vectors
) -> tuple[list[tuple[Recorded, Recorded]], dict[str, int]]:
    """Of every usable row the question about the right label and that about a wrong one."""
    folder = context.data / ANSWERS
    rows = read_rows(folder / "trustlens_all.jsonl.gz")
    offered = _offered(folder / "trustlens_offered_labels.json")
    problem = draw(texts, vectors, PER_LABEL, 0)
    fitted = set(problem.texts)
    place = {text: vectors.test[i] for i, text in enumerate(texts.test)}
    place |= {text: vectors.train[i] for i, text in enumerate(texts.train)}
    left_out = dict.fromkeys(
        ("label not offered", "no usable answer", "fitted on", "no vector", "no wrong label"), 0
    )
    usable = []
    for row in rows:
        said = (row.get("judges") or {}).get(JUDGE)
        if row["label"] not in offered:
            left_out["label not offered"] += 1
        elif not said or said[0] is None:
            left_out["no usable answer"] += 1
        elif row["text"] in fitted:
            left_out["fitted on"] += 1
        elif row["text"] not in place:
            left_out["no vector"] += 1
        else:
            usable.append((row["text"], row["label"], said[0] if said[0] != "oos" else None))
    if len(usable) < TEXTS:
        raise BadData(f"{folder} has {len(usable)} usable rows of {JUDGE}; {TEXTS} are needed")
    x = np.stack([place[text] for text, _, _ in usable])
    pairs = []
    for (_, label, said), known in zip(usable, predict(fit_recipe(problem), x), strict=True):
        wrong = _wrong(known, label, offered)
        if wrong is None:
            left_out["no wrong label"] += 1
            continue
        pairs.append((Recorded(label, offered, said, label), Recorded(wrong, offered, said, label)))
    return pairs, left_out


def _offered(path: Any) -> frozenset[str]:
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8"))[JUDGE])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} does not say what {JUDGE} was offered ({error!r})") from None


def _wrong(known: Prediction, label: str, offered: frozenset[str]) -> str | None:
    others = (contender.label for contender in known.contenders if contender.label != label)
    return next((other for other in others if other in offered), None)


def _drawn(pairs: Sequence[tuple[Recorded, Recorded]], seed: int) -> VerifyMeasure:
    picked: NDArray[np.intp] = np.random.default_rng([seed, 11]).permutation(len(pairs))[:TEXTS]
    return measure_recorded(row for i in picked for row in pairs[int(i)])


def _rate(measured: VerifyMeasure, key: str) -> Rate:
    return measured.right if key == "tpr" else measured.wrong


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    settings = record["settings"]
    for cell in record["cells"]:
        rows = []
        for key, title in RATES.items():
            by = cell[key]
            wide = sum(by["high"]) - sum(by["low"])
            further = f"{by['inside_further']:,} of {settings['further_draws']:,}"
            rows.append(
                [
                    title,
                    share(by["all"]),
                    f"{share(min(by['found']))} to {share(max(by['found']))}",
                    share(wide / len(by["low"])),
                    f"{by['inside']} of {settings['draws']}",
                    further,
                ]
            )
            checks.append(
                Check(
                    f"{title}: inside the interval in {ENOUGH} of {DRAWS} draws",
                    f"{by['inside']} of {settings['draws']}",
                    by["inside"] >= ENOUGH,
                )
            )
        title = f"{settings['judge']}, {cell['set']}: {cell['texts']:,} texts"
        head = ["", "all texts", "draws of 200", "mean width", "inside", "inside, further draws"]
        out = ", ".join(f"{why} {n:,}" for why, n in cell["left_out"].items() if n)
        worst = "; ".join(
            f"{one['gold']} proposed as {one['proposed']} {one['refused']} of {one['of']}"
            for one in cell["worst"]
        )
        note = f"Left out: {out}. Wrong labels refused least often: {worst}."
        tables.append(Table(title, head, rows, note))
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Each draw's interval, and the rate over all texts."""
    for cell in record["cells"]:
        for panel, (key, title) in zip(axes, RATES.items(), strict=False):
            by = cell[key]
            found = np.asarray(by["found"])
            bounds = np.abs(np.asarray([by["low"], by["high"]]) - found)
            panel.errorbar(np.arange(len(found)), found, yerr=bounds, fmt="o", markersize=3)
            panel.axhline(by["all"], linewidth=1, color="black")
            panel.set(xlabel="draw", ylabel=title)
