"""Tables, checks and plots of the loop with the simulated judge, from its record alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Check, Record, Shown, Table, mean, share

PUPILS = {
    "recipe": "recipe",
    "fitted": "recipe, weights of the fit",
    "seldom": "recipe, learning as seldom as flat",
    "never": "recipe, never updated",
    "flat": "flat, names",
    "cache": "kNN cache",
}
OURS = "recipe"
CALLS = (0.05, 0.1, 0.12, 0.145, 0.2, 0.23, 0.3)
MANY_CALLS = (0.1, 0.25, 0.5, 0.75, 1.0)
TOKENS = (250.0, 500.0, 1000.0, 1500.0, 2000.0)
ASKED = {"clinc150": (0.985, 0.12), "banking77": (0.955, 0.20)}
"""Accuracy asked for, at calls per text."""

TAUGHT = 0.97
SHARES = (0.8, 0.9)
"""Accuracies whose price is asked for where labels are many."""

F64 = NDArray[np.float64]


def at(curve: dict[str, list[float]], price: str, points: Sequence[float]) -> F64:
    """Accuracy of one draw at these prices, straight between what was measured.

    Beyond the last: what it was there, for a rule that stops asking has no use for more.
    """
    x, y = np.asarray(curve[price]), np.asarray(curve["accuracy"])
    order = np.argsort(x, kind="stable")
    return np.asarray(np.interp(points, x[order], y[order]))


def price_of(curve: dict[str, list[float]], price: str, accuracy: float) -> float | None:
    """The least price at which one draw reaches an accuracy; None where it never does."""
    x, y = np.asarray(curve[price]), np.asarray(curve["accuracy"])
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    above = np.flatnonzero(y >= accuracy)
    if not len(above):
        return None
    i = int(above[0])
    if i == 0:
        return float(x[0])
    return float(np.interp(accuracy, [y[i - 1], y[i]], [x[i - 1], x[i]]))


def _spread(values: Sequence[float]) -> str:
    """Mean and, of several draws, its standard error."""
    found = np.asarray(values)
    if len(found) < 2:
        return share(float(found.mean()))
    error = float(found.std(ddof=1)) / len(found) ** 0.5
    return f"{share(float(found.mean()))} ± {share(error)}"


def _gap(ours: F64, other: F64) -> tuple[float, float]:
    """Mean difference over draws in points, and its standard error."""
    gap = 100 * (ours - other)
    error = float(gap.std(ddof=1)) / len(gap) ** 0.5 if len(gap) > 1 else float("nan")
    return float(gap.mean()), error


def _title(cell: dict[str, Any]) -> str:
    title = f"{cell['set']}, {cell['labels']} labels, {cell['texts']:,} texts streamed"
    draws = len(cell["judge_right"])
    return f"{title}, {draws} draw{'s' * (draws > 1)}"


def _pupils(cell: dict[str, Any]) -> dict[str, str]:
    """Those that were run, and their titles."""
    return {pupil: title for pupil, title in PUPILS.items() if pupil in cell["pupils"]}


def _tokens_count(cell: dict[str, Any]) -> bool:
    return cell["set"] not in ASKED and cell["labels"] >= 500


def _names(cell: dict[str, Any]) -> str:
    """The question that offers all labels."""
    return f"choose {cell['labels']}"


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables: list[Table] = []
    checks: list[Check] = []
    for cell in record["cells"]:
        tables += [_measured(cell), _equal(cell, "calls")]
        if _tokens_count(cell):
            tables += [_equal(cell, "tokens"), _prices(cell)]
        checks += _checks(cell)
    return Shown(tables, checks)


def _measured(cell: dict[str, Any]) -> Table:
    rows = []
    for pupil, title in _pupils(cell).items():
        curves = cell["pupils"][pupil]
        for i in range(len(curves[0]["accuracy"])):
            of = {key: [c[key][i] for c in curves] for key in curves[0]}
            rows.append(
                [
                    title,
                    share(of["budget"][0]) if i else "nobody asked",
                    _spread(of["accuracy"]),
                    share(mean(of["last_half"])),
                    share(mean(of["undecided"])),
                    f"{mean(of['calls']):.3f}",
                    f"{mean(of['tokens']):,.0f}",
                    f"{mean(of['taught']):.3f}",
                    share(mean(of["taught_right"])) if i and mean(of["taught"]) else "-",
                ]
            )
    whole = cell["all_asked"]
    accuracy, undecided = _spread(whole["accuracy"]), share(mean(whole["undecided"]))
    spent = f"{mean(whole['calls']):.3f}", f"{mean(whole['tokens']):,.0f}"
    rows.append(["the judge for every text", "-", accuracy, "-", undecided, *spent, "-", "-"])
    names = f"{cell['prices'][_names(cell)]:,.0f}"
    right = _spread(cell["judge_right"])
    title = "the judge for every text, all names"
    rows.append([title, "-", right, "-", ".0000", "1.000", names, "-", "-"])
    head = ["", "calls allowed", "accuracy", "last half", "undecided", "calls", "tokens"]
    head += ["taught", "taught right"]
    note = (
        "Means over draws, ± the standard error; all per text. Taught right: of what was taught, "
        "the share whose label is the gold one."
    )
    return Table(_title(cell), head, rows, note)


def _equal(cell: dict[str, Any], price: str) -> Table:
    points = TOKENS if price == "tokens" else MANY_CALLS if _tokens_count(cell) else CALLS
    found = {
        pupil: np.stack([at(curve, price, points) for curve in cell["pupils"][pupil]])
        for pupil in _pupils(cell)
    }
    rows = []
    for i, point in enumerate(points):
        row = [f"{point:g}", *(share(float(found[pupil][:, i].mean())) for pupil in found)]
        for other in ("flat", "cache", "never"):
            gap, error = _gap(found[OURS][:, i], found[other][:, i])
            row.append(f"{gap:+.2f}" + (f" ± {error:.2f}" if error == error else ""))
        rows.append(row)
    head = [price, *_pupils(cell).values()]
    head += [f"recipe - {PUPILS[o]}, points" for o in ("flat", "cache", "never")]
    note = (
        f"Accuracy at equal {price} per text, straight between the budgets of each draw, "
        "differences within draws, ± the standard error."
    )
    return Table(f"{_title(cell)}: at equal {price}", head, rows, note)


def _prices(cell: dict[str, Any]) -> Table:
    rows = []
    for pupil, title in _pupils(cell).items():
        row = [title]
        for accuracy in SHARES:
            for price in ("asked", "calls", "tokens"):
                found = [price_of(c, price, accuracy) for c in cell["pupils"][pupil]]
                known = [v for v in found if v is not None]
                text = "not reached" if len(known) < len(found) else f"{mean(known):,.2f}"
                row.append(text)
        best = [max(curve["accuracy"]) for curve in cell["pupils"][pupil]]
        rows.append([*row, _spread(best)])
    head = [""]
    for accuracy in SHARES:
        head += [f"{share(accuracy)}: texts asked", "calls", "tokens"]
    return Table(f"{_title(cell)}: the price of an accuracy", [*head, "best reached"], rows)


def _checks(cell: dict[str, Any]) -> list[Check]:
    name = cell["set"]
    price = "tokens" if _tokens_count(cell) else "calls"
    curves = cell["pupils"]
    others = ("flat", "cache") if price == "tokens" else ("flat",)
    checks = []
    for other in others:
        gaps = []
        for ours, theirs in zip(curves[OURS], curves[other], strict=True):
            points = [v for v in ours[price][1:] if v > 0]
            gaps.append(at(ours, price, points) - at(theirs, price, points))
        width = min(len(g) for g in gaps)
        by_point = np.stack([g[:width] for g in gaps]).mean(axis=0)
        above = int((by_point > 0).sum())
        checks.append(
            Check(
                f"{name}: above {PUPILS[other]} at equal {price}, at every budget",
                f"at {above} of {width}, {100 * by_point.min():+.2f} to "
                f"{100 * by_point.max():+.2f} points",
                above == width,
            )
        )
    if name in ASKED:
        accuracy, calls = ASKED[name]
        found = float(np.mean([at(c, "calls", [calls])[0] for c in curves[OURS]]))
        asked = f"{name}: {share(accuracy)} at {share(calls)} calls"
        checks.append(Check(asked, share(found), found >= accuracy))
    if price == "tokens":
        checks += _named(cell)
    pairs = [zip(c["taught_right"], c["taught"], strict=True) for c in curves[OURS]]
    right = [precision for one in pairs for precision, taught in one if taught]
    least = mean(right)
    checks.append(Check(f"{name}: precision taught {share(TAUGHT)}", share(least), least >= TAUGHT))
    return checks


def _named(cell: dict[str, Any]) -> list[Check]:
    """Against all names for every text, and what each accuracy costs."""
    ours = cell["pupils"][OURS]
    names = cell["prices"][_names(cell)]
    best = [max(c["accuracy"]) for c in ours]
    tokens = [c["tokens"][int(np.argmax(c["accuracy"]))] for c in ours]
    right = mean(cell["judge_right"])
    checks = [
        Check(
            f"{cell['set']}: above the judge for every text, all names",
            f"{share(mean(best))} for {mean(tokens):,.0f} tokens; the judge {share(right)} for "
            f"{names:,.0f}",
            mean(best) > right and mean(tokens) <= names,
        )
    ]
    for accuracy in SHARES:
        found = [price_of(c, "tokens", accuracy) for c in ours]
        calls = [price_of(c, "calls", accuracy) for c in ours]
        reached = all(v is not None for v in found)
        said = f"{mean(calls):.2f} calls, {mean(found):,.0f} tokens" if reached else "not reached"
        asked = f"{cell['set']}: {share(accuracy)}, whatever it costs"
        checks.append(Check(asked, said, reached))
    return checks


def plot(record: Record, axes: Any) -> None:
    """Accuracy against calls per text; against tokens too where labels are many."""
    panels = iter(axes)
    for cell in record["cells"]:
        for price in ("calls", "tokens") if _tokens_count(cell) else ("calls",):
            panel = next(panels, None)
            if panel is None:
                return
            for pupil, title in _pupils(cell).items():
                curves = cell["pupils"][pupil]
                x = np.mean([c[price] for c in curves], axis=0)
                y = np.mean([c["accuracy"] for c in curves], axis=0)
                panel.plot(x, y, "-o", markersize=3, label=title)
            panel.set(xlabel=f"{price} per text", ylabel="accuracy", title=cell["set"])
            panel.legend(frameon=False, fontsize=6)
