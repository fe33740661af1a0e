"""The alerts of ops/prometheus/rules.yml, asked of what workers tell at one moment.

This is no Prometheus: it understands comparisons of one metric with a number, of all series or
grouped, joined by `and` and `or`, and `absent`. What needs a history (`increase`, `deriv`,
`offset`) it leaves alone, and `for` is not waited for: what holds would fire when that is over.
"""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

RULES = Path(__file__).resolve().parents[2] / "ops" / "prometheus" / "rules.yml"

SERIES = r"(?P<name>redstream_\w+)(?:\{(?P<matchers>[^}]*)\})?"
COMPARED = re.compile(
    r"(?:(?P<of>max|min|sum)(?: by \((?P<by>\w+)\))? ?\( ?)?"
    rf"{SERIES}\)? (?P<how>==|>|<) (?P<number>\d+)"
)
ABSENT = re.compile(rf"absent\({SERIES}\)")
MATCHER = re.compile(r'(\w+)(=~?)"([^"]*)"')
HOW = {"==": operator.eq, ">": operator.gt, "<": operator.lt}
OF: dict[str, Callable[[Sequence[float]], float]] = {"max": max, "min": min, "sum": sum}


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    name: str
    labels: Mapping[str, str]
    value: float


@cache
def rules() -> dict[str, str]:
    """Return the expressions that can be asked, by alert."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    every = {
        one["alert"]: " ".join(one["expr"].split()) for group in groups for one in group["rules"]
    }
    return {name: expression for name, expression in every.items() if _understood(expression)}


def _parts(expression: str) -> list[list[str]]:
    """Return what is joined by `or`, and in each what is joined by `and`."""
    return [part.split(" and ") for part in expression.split(" or ")]


def _understood(expression: str) -> bool:
    every = [one for part in _parts(expression) for one in part]
    return all(COMPARED.fullmatch(one) or ABSENT.fullmatch(one) for one in every)


def holding(samples: Sequence[Sample]) -> set[str]:
    """Return the alerts whose expression holds."""
    return {
        name
        for name, expression in rules().items()
        if any(all(_holds(one, samples) for one in part) for part in _parts(expression))
    }


def _holds(one: str, samples: Sequence[Sample]) -> bool:
    if found := ABSENT.fullmatch(one):
        return not _series(found, samples)
    found = COMPARED.fullmatch(one)
    assert found is not None
    groups = defaultdict(list)
    for sample in _series(found, samples):
        by = sample.labels.get(found["by"], "") if found["by"] else ""
        groups[by if found["of"] else id(sample)].append(sample.value)
    compare, number = HOW[found["how"]], float(found["number"])
    return any(compare(OF[found["of"] or "max"](values), number) for values in groups.values())


def _series(found: re.Match[str], samples: Sequence[Sample]) -> list[Sample]:
    wanted = MATCHER.findall(found["matchers"] or "")
    return [
        sample
        for sample in samples
        if sample.name == found["name"]
        and all(
            re.fullmatch(value, sample.labels.get(label, ""))
            if how == "=~"
            else sample.labels.get(label) == value
            for label, how, value in wanted
        )
    ]
