"""A stated target: the threshold certified by audits while a stream runs, over a hundred orders."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

import numpy as np

from benchmarks.context import Context
from benchmarks.pool import Pool, make_pool
from benchmarks.report import Check, Record, Shown, Table, mean, rounded, share
from models.risk import Certificate

NAME = "target"
SUMMARY = "a stated target certified by audits: how often missed, how much goes out unasked"
MINUTES = 4
SETS = ("clinc150",)
PANELS = 1

PER_LABEL = 30
ORDERS = 100
STREAM = 5_000
RATE = 0.05
TARGETS = {0.97: 0.90, 0.98: 0.82}
"""Targets, and the share that is asked to go out unasked under each."""

MISSED = 0.05
"""The most of all orders that may miss."""

ERROR, ERRING_TARGET = 0.1, 0.95
FEWEST = 30
"""Judged texts from which on the empirical threshold is believed."""

SCHEDULES = {"all first": "all judged until the first certificate", "5% only": "5% from the start"}


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    record = context.record(
        NAME,
        sets,
        draws=context.draws,
        per_label=PER_LABEL,
        orders=ORDERS,
        texts_streamed=STREAM,
        audits=RATE,
        erring_judge={"error": ERROR, "target": ERRING_TARGET},
    )
    record["notes"] = [
        "Streamed are training texts that the classifier was not fitted on, in random order; it "
        "stays as it is. What is right is counted over all of them. *All first*: every text is "
        "judged until the first certificate; afterwards, and in *5% only*, doubtful texts are, and "
        "5% of the confident ones. Until a certificate is there, confident is what the threshold "
        "cross-validated on the examples says.",
        "Missed: at any time in the stream the threshold was one from which on fewer texts are "
        "right than the target. *Empirical*: the lowest candidate from which on the judge agreed "
        f"with the target's share of the same judged texts, from {FEWEST} texts on.",
    ]
    runs = [(t, 0.0, way) for t in TARGETS for way in SCHEDULES]
    runs.append((ERRING_TARGET, ERROR, "all first"))
    context.cells(len(sets) * (context.draws + len(runs)))
    for name in sets:
        texts, vectors = context.load(name)
        pools = []
        for seed in range(context.draws):
            pools.append(make_pool(texts, vectors, PER_LABEL, seed, (ERRING_TARGET, *TARGETS)))
            context.done(f"{name}, draw {seed + 1}: {pools[-1].right.mean():.4f} right")
        for target, error, way in runs:
            found = [
                _streamed(pools[order % len(pools)], target, error, way, order)
                for order in range(ORDERS)
            ]
            cell = {"set": name, "target": target, "error": error, "schedule": way}
            record["cells"].append(cell | _summed(found))
            context.done(f"{name}, {target}, {SCHEDULES[way]}, judge errs {error:.0%}")
            context.save(record)
    return record


def _streamed(pool: Pool, target: float, error: float, way: str, seed: int) -> dict[str, Any]:
    """One order: what was certified, when, and at what price. Stops asking where it is hopeless."""
    rng = np.random.default_rng([seed, 7])
    rows = rng.permutation(len(pool.gold))[:STREAM]
    drawn, agreed = rng.random(len(rows)), pool.agreed(error, seed)
    certificate, cross_validated = Certificate.new(target), pool.seed_thresholds[target]
    right = [pool.emitted(t)[1] for t in certificate.thresholds]
    finding, said_after, judged, missed, loose = certificate.finding(), None, 0, 0, 0
    first: tuple[int, int] | None = None
    for place, (row, luck) in enumerate(zip(rows.tolist(), drawn.tolist(), strict=True)):
        confidence = float(pool.confidence[row])
        in_force = cross_validated if finding.threshold is None else finding.threshold
        sure = confidence >= in_force
        rate = finding.rate(RATE) if way == "all first" else RATE
        if sure and luck >= rate:
            continue
        judged += 1
        certificate = certificate.observe(
            confidence, bool(agreed[row]), rate if sure else 1.0, rate
        )
        finding = certificate.finding()
        loose += _empirical_misses(certificate, right)
        if finding.threshold is not None:
            first = first or (place + 1, finding.judged)
            missed += right[certificate.certified - 1] < target
        if finding.hopeless:
            said_after = judged
            break
    end = cross_validated if finding.threshold is None else finding.threshold
    unasked, precision = pool.emitted(end)
    return {
        "missed": missed > 0,
        "missed_empirical": loose > 0,
        "share": unasked,
        "right": precision,
        "right_seed": pool.emitted(cross_validated)[1],
        "bound": finding.bound,
        "agreement": finding.agreement,
        "agreement_of_all": float(agreed.mean()),
        "judged": judged,
        "first_texts": first[0] if first else None,
        "first_audits": first[1] if first else None,
        "said_after": said_after,
        "state": finding.state,
        "reason": finding.reason,
    }


def _empirical_misses(certificate: Certificate, right: list[float]) -> bool:
    """Tell whether the plain empirical threshold is now one that misses the target."""
    enough = certificate.judged >= FEWEST
    shares = certificate.sums[:, 1] / np.maximum(certificate.sums[:, 0], 1e-12)
    reached = np.flatnonzero(enough & (shares >= certificate.target))
    return bool(len(reached)) and right[reached[-1]] < certificate.target


LISTED = ("share", "right", "right_seed", "judged", "first_texts", "first_audits")


def _summed(found: list[dict[str, Any]]) -> dict[str, Any]:
    lists = {key: [one[key] for one in found if one[key] is not None] for key in LISTED}
    return {
        "missed": mean(one["missed"] for one in found),
        "missed_empirical": mean(one["missed_empirical"] for one in found),
        "states": dict(Counter(one["state"] for one in found)),
        "agreement_of_all": round(mean(one["agreement_of_all"] for one in found), 6),
        "said_after": [one["said_after"] for one in found if one["said_after"] is not None],
        "reason": found[0]["reason"],
        **{key: rounded(values) for key, values in lists.items()},
    }


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    settings = record["settings"]
    header = ["", "certified", "missed", "missed, empirical", "unasked", "least", "right"]
    header += ["right, seed's", "judged", "audits to the first", "texts to the first"]
    sound, erring, checks = [], [], []
    for cell in record["cells"]:
        name = f"{cell['set']}, {cell['target']:g}"
        if cell["error"]:
            erring.append(_erring_row(cell, name))
            below, orders = cell["states"].get("below", 0), sum(cell["states"].values())
            asked = f"a judge that errs {cell['error']:.0%} cannot certify {cell['target']:g}, said"
            checks.append(Check(asked, f"{below} of {orders} orders", below == orders))
            continue
        firsts = [f"{median(cell[k]):,.0f}" if cell[k] else "-" for k in _FIRSTS]
        sound.append(
            [
                f"{name}, {SCHEDULES[cell['schedule']]}",
                f"{cell['states'].get('certified', 0)} of {settings['orders']}",
                share(cell["missed"]),
                share(cell["missed_empirical"]),
                share(mean(cell["share"])),
                share(min(cell["share"])),
                share(mean(cell["right"])),
                share(mean(cell["right_seed"])),
                f"{mean(cell['judged']):,.0f}",
                *firsts,
            ]
        )
        if cell["schedule"] == "all first":
            checks += _checks(cell, name)
    title = f"{settings['texts_streamed']:,} texts, {settings['orders']} orders"
    tables = [
        Table(
            f"A judge that does not err: {title}",
            header,
            sound,
            "Unasked: share of all texts at the end, mean and least over orders; right: of those. "
            "Right, seed's: of those above the threshold cross-validated on the examples, which is "
            "in force where there is no certificate. Audits to the first certificate are the texts "
            "that speak for it, medians.",
        )
    ]
    if erring:
        header = ["", "says so", "after texts judged", "judge agrees", "unasked", "right"]
        note = f"It says: {record['cells'][-1]['reason']}. Unasked then: by the seed's threshold."
        tables.append(Table(f"A judge that errs by label pair: {title}", header, erring, note))
    return Shown(tables, checks)


_FIRSTS = ("first_audits", "first_texts")


def _erring_row(cell: dict[str, Any], name: str) -> list[str]:
    said = cell["said_after"]
    return [
        f"{name}, errs {cell['error']:.0%}",
        f"{cell['states'].get('below', 0)} of {sum(cell['states'].values())}",
        f"{median(said):,.0f} ({min(said):,} to {max(said):,})" if said else "-",
        share(cell["agreement_of_all"]),
        share(mean(cell["share"])),
        share(mean(cell["right"])),
    ]


def _checks(cell: dict[str, Any], name: str) -> list[Check]:
    asked = TARGETS[cell["target"]]
    unasked, missed = mean(cell["share"]), cell["missed"]
    checks = [Check(f"{name}: missed in at most {MISSED:.0%}", share(missed), missed <= MISSED)]
    if cell["set"] in SETS:  # how much can go out depends on the set
        checks.append(Check(f"{name}: {share(asked)} unasked", share(unasked), unasked >= asked))
    return checks


def plot(record: Record, axes: Any) -> None:
    """Share emitted unasked against texts judged, an order a point."""
    panel = axes[0]
    for cell in record["cells"]:
        if not cell["error"]:
            label = f"{cell['target']:g}, {cell['schedule']}"
            panel.plot(cell["judged"], cell["share"], ".", alpha=0.5, label=label)
    panel.set(xlabel="texts judged", ylabel="share emitted unasked")
    panel.legend(frameon=False, fontsize=7)
