"""Every benchmark, in the order in which `all` runs them."""

from __future__ import annotations

from typing import Any, Protocol

from benchmarks import (
    ablation,
    accuracy,
    claims,
    drift_alarms,
    encoder,
    feed_bytes,
    hundred_thousand,
    incremental,
    judge_measure,
    judge_stage,
    kafka,
    labels_added,
    loop,
    loop_simulated,
    neighbours_speed,
    offered,
    prompts,
    recursion,
    speed,
    sudden,
    target,
    ten_thousand,
    thousand,
    unknown,
    years,
)
from benchmarks.context import Context
from benchmarks.report import Record, Shown


class Benchmark(Protocol):
    """What a benchmark's module has. `SETS` are those it is usually run on."""

    @property
    def NAME(self) -> str: ...

    @property
    def SUMMARY(self) -> str: ...

    @property
    def MINUTES(self) -> int: ...

    @property
    def SETS(self) -> tuple[str, ...]: ...

    @property
    def PANELS(self) -> int: ...

    def run(self, context: Context) -> Record: ...

    def shown(self, record: Record) -> Shown: ...

    def plot(self, record: Record, axes: Any) -> None: ...


BENCHMARKS: tuple[Benchmark, ...] = (
    accuracy,
    thousand,
    unknown,
    speed,
    feed_bytes,
    incremental,
    labels_added,
    ablation,
    claims,
    ten_thousand,
    hundred_thousand,
    encoder,
    offered,
    prompts,
    neighbours_speed,
    judge_stage,
    kafka,
    judge_measure,
    target,
    drift_alarms,
    loop,
    loop_simulated,
    recursion,
    sudden,
    years,
)
