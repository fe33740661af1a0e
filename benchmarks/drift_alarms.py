"""Drift: false alarms over long steady streams, and how soon a change is found."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from benchmarks import drift_stream, drift_tests
from benchmarks.context import Context
from benchmarks.drift_tests import F64, Ints
from benchmarks.pool import make_pool
from benchmarks.report import Check, Record, Shown, Table, mean, share

NAME = "drift_alarms"
SUMMARY = "drift: false alarms in 50,000 steady texts, and the delay until a change is found"
MINUTES = 8
SETS = ("clinc150",)
PANELS = 2

AUDITS = 0.05
TEXTS = 50_000
RUNS, CHANGED = 20, 8
"""Steady streams, and streams with each change."""

AT = 20_000
"""The text at which a stream changes."""

RATES = (0.01, 0.03, 0.05, 0.1)
PLOTTED = 0.03
RISES = (0.05, 0.1)
REFERENCES = (500, 1_000, 2_000)
"""Audits before the change, in the made-up series."""

STEADY, CALIBRATION, DELAYS, AFTER = 200, 1_000, 60, 2_000
"""Steady series, those on which other detectors' thresholds are chosen, series with a change, and
the texts in them after it."""

PER_LABEL = 30
METHODS = {"here": "here", "adwin": "ADWIN", "cusum": "optimal"}


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    record = context.record(
        NAME,
        sets,
        texts=TEXTS,
        audits=AUDITS,
        runs=RUNS,
        runs_with_a_change=CHANGED,
        steady_series=STEADY,
        series_with_a_change=DELAYS,
        per_label=PER_LABEL,
    )
    record["notes"] = [
        "Made-up series: each audit disagrees with one probability, which rises at one moment. "
        "*Optimal* is CUSUM that knows both rates; *ADWIN* is river's, looked at after each audit, "
        "alarms at which the rate rose. Their thresholds are chosen at each rate so that they give "
        "a false alarm in as many steady series as the detector here (ADWIN in no more than as "
        "many), which has one threshold for all. Delays are those of series without an alarm "
        f"before the change; none within {AFTER:,} audits counts as so many.",
        "Streams: texts that the classifier was not fitted on, drawn with replacement; its "
        "threshold is that of the seed examples for .95; the judge does not err. Labels that "
        "appear are known to the classifier. All four detectors run at once, as in the program.",
    ]
    context.cells(len(RATES) + len(sets) * len(drift_stream.CHANGES))
    for rate in RATES:
        record["cells"].append(_series(rate))
        context.done(f"made-up series, {rate:g}")
        context.save(record)
    for name in sets:
        texts, vectors = context.load(name)
        pool = make_pool(texts, vectors, PER_LABEL, 0, (0.95,))
        one = drift_stream.streamed(texts, vectors, pool, PER_LABEL, 0)
        for change in drift_stream.CHANGES:
            began = time.process_time()
            found = [drift_stream.run(one, change, AT, TEXTS, AUDITS, seed) for seed in range(RUNS)]
            seconds = (time.process_time() - began) / RUNS / TEXTS * 1_000
            cell = {"set": name, "change": change, "at": AT, "seconds_per_1000": round(seconds, 4)}
            record["cells"].append(cell | {"runs": found})
            context.done(f"{name}, {change}")
            context.save(record)
    return record


def _series(rate: float) -> dict[str, Any]:
    """One rate: false alarms, and delays of all detectors at the same share of false alarms."""
    texts = round(AUDITS * TEXTS)
    _, alarms = drift_tests.first_alarms(_steady(rate, texts, STEADY, 1))
    # Below one in a hundred, a bound cannot be chosen on so few series.
    false = max(float((alarms > 0).mean()), 0.01)
    calibration = _steady(rate, texts, CALIBRATION, 2)
    delta = drift_tests.delta_for(calibration[:STEADY], false)
    delays = []
    for rise in RISES:
        risen = rate + rise
        optimal = drift_tests.bound_for(drift_tests.cusum(calibration, rate, risen), false)
        for reference in REFERENCES:
            rows = drift_tests.series(rate, reference, risen, AFTER, DELAYS, 3)
            first = {
                "here": drift_tests.first_alarms(rows, reference)[0],
                "adwin": drift_tests.adwin(rows, delta),
                "cusum": drift_tests.passing(drift_tests.cusum(rows, rate, risen), optimal),
            }
            found = {name: _delay(places, reference) for name, places in first.items()}
            delays.append({"rise": rise, "reference": reference, **found})
    return {
        "rate": rate,
        "alarms": alarms.tolist(),
        "false": false,
        "delta": delta,
        "delays": delays,
    }


def _steady(rate: float, texts: int, runs: int, seed: int) -> F64:
    return drift_tests.series(rate, texts, rate, 0, runs, seed)


def _delay(places: Ints, reference: int) -> list[int]:
    return [int(place - reference) for place in places if place >= reference]


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    made_up = [cell for cell in record["cells"] if "rate" in cell]
    streams = [cell for cell in record["cells"] if "change" in cell]
    steady_rows, delay_rows, checks = [], [], []
    for cell in made_up:
        runs = len(cell["alarms"])
        quiet = sum(count <= 1 for count in cell["alarms"])
        none = sum(count == 0 for count in cell["alarms"])
        row = [f"{cell['rate']:g}", f"{none} of {runs}", f"{quiet} of {runs}", f"{cell['delta']:g}"]
        steady_rows.append(row)
        asked = f"rate {cell['rate']:g}: at most one alarm in 95% of steady series"
        checks.append(Check(asked, share(quiet / runs), quiet >= 0.95 * runs))
        for one in cell["delays"]:
            means = {name: mean(one[name]) for name in METHODS}
            ratio = means["here"] / means["cusum"]
            delay_rows.append(
                [
                    f"{cell['rate']:g} to {cell['rate'] + one['rise']:g}, after {one['reference']}",
                    *(f"{means[name]:,.0f}" for name in METHODS),
                    f"{ratio:.2f}",
                    f"{means['here'] / record['settings']['audits']:,.0f}",
                ]
            )
            if one["reference"] > REFERENCES[0]:
                asked = f"{delay_rows[-1][0]}: at most twice the optimal delay"
                checks.append(Check(asked, f"{ratio:.2f}", ratio <= 2))
    count = f"{record['settings']['texts']:,} texts, 5% audited"
    tables = [
        Table(
            f"Steady made-up series: {count}",
            ["rate", "no alarm", "at most one", "ADWIN's delta for as many"],
            steady_rows,
        ),
        Table(
            "A rate that rises: audits until it is found, mean",
            ["", *METHODS.values(), "here / optimal", "texts, here"],
            delay_rows,
            "After: audits before the change.",
        ),
    ]
    if streams:
        tables.append(_streams(streams))
        for cell in streams:
            if cell["change"] == "none":
                alarms = [sum(map(len, one["alarms"].values())) for one in cell["runs"]]
                quiet = sum(count <= 1 for count in alarms)
                asked = f"{cell['set']}: at most one alarm of any kind in 95% of steady streams"
                found = f"{quiet} of {len(alarms)}"
                checks.append(Check(asked, found, quiet >= 0.95 * len(alarms)))
    return Shown(tables, checks)


def _streams(cells: list[dict[str, Any]]) -> Table:
    rows = []
    for cell in cells:
        runs, at = cell["runs"], 0 if cell["change"] == "none" else cell["at"]
        row = [f"{cell['set']}, {cell['change']}"]
        for name in runs[0]["alarms"]:
            first = [min((p for p in one["alarms"][name] if p >= at), default=None) for one in runs]
            found = [place - at for place in first if place is not None]
            count = f"{len(found)} of {len(runs)}"
            row.append(f"{count}: {median(found):,.0f}" if found else count)
        hit = [one["audits_to_alarm"] for one in runs if any(p >= at for p in _audits(one))]
        row.append(f"{median(hit):,.0f}" if hit and at else "-")
        named = sum(one["named"] for one in runs)
        right = sum(one["named_right"] for one in runs)
        row.append(f"{right} of {named}" if "swap" in cell["change"] else "-")
        rows.append([*row, f"{cell['seconds_per_1000']:.3f}"])
    return Table(
        f"Streams that change at text {cells[0]['at']:,}: in how many each detector alarms, "
        "and after how many texts (median)",
        ["", *cells[0]["runs"][0]["alarms"], "audits", "labels rightly named", "CPU s / 1,000"],
        rows,
        "Audits: from the change to the alarm of the audits. Rightly named: of the labels in that "
        "alarm, those that swapped. CPU: all detectors together, and drawing the stream.",
    )


def _audits(one: dict[str, Any]) -> list[int]:
    places: list[int] = one["alarms"]["audits"]
    return places


def plot(record: Record, axes: Any) -> None:
    """Delay by what is known of the rate before, a panel for each rise."""
    made_up = [cell for cell in record["cells"] if "rate" in cell]
    cell = next((cell for cell in made_up if cell["rate"] == PLOTTED), made_up[0])
    for panel, rise in zip(axes, RISES, strict=True):
        points = [one for one in cell["delays"] if one["rise"] == rise]
        known = [one["reference"] for one in points]
        for name, style in zip(METHODS, ("o-", "s:", "k--"), strict=True):
            panel.plot(known, [mean(one[name]) for one in points], style, label=METHODS[name])
        panel.set(xlabel="audits before the change", ylabel="audits until it is found")
        panel.set_title(f"disagreement {cell['rate']:g} to {cell['rate'] + rise:g}", fontsize=9)
        panel.set_ylim(bottom=0)
        panel.legend(frameon=False, fontsize=7)
