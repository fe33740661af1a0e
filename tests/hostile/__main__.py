"""`make fuzz`: hostile inputs in great number at every boundary, and what they cost in memory.

Each boundary has a process of its own, so that its memory is its own. After a warm-up batch come
BATCHES of as many inputs each; what the process holds more after the last than after the first of
them may be at most GROWTH. Exit status 1 where an input was not answered, which is then shown, or
where memory grew.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.hostile.boundaries import BOUNDARIES
from tests.hostile.boundary import Boundary, quiet

ROOT = Path(__file__).parents[2]
BATCHES = 4
GROWTH = 32.0
"""MiB from the first batch after the warm-up to the last: allocators, caches with a bound."""


class NotAnswered(Exception):
    """With the input that was not."""

    def __init__(self, given_: object, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.given = given_


def resident() -> float:
    """MiB that this process holds, after what is freed was given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def sent(one: Any) -> int:
    """How many inputs are in one example: a topic gets a list of records."""
    return max(1, len(one)) if isinstance(one, list) else 1


def batch(boundary: Boundary, examples: int, number: int, answers: Counter[str]) -> int:
    """Put a batch of inputs to a boundary; return how many there were."""
    count = 0

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(boundary.given)
    def put(one: Any) -> None:
        nonlocal count
        try:
            answers[boundary.put(one)] += 1
        except Exception as error:
            raise NotAnswered(one, error) from error
        count += sent(one)

    put()
    return count


def one_boundary(boundary: Boundary, inputs: int, first: int) -> dict[str, Any]:
    """All batches of one boundary, in this process."""
    quiet()
    warnings.simplefilter("ignore")
    answers: Counter[str] = Counter()
    began, count = time.monotonic(), 0
    lists = batch(boundary, 10, first, Counter()) / 10
    examples = max(10, round(inputs / lists / BATCHES))
    batch(boundary, examples, first + 1, Counter())  # caches fill, allocators settle
    memory = []
    for number in range(BATCHES):
        count += batch(boundary, examples, first + 2 + number, answers)
        memory.append(resident())
    return {
        "boundary": boundary.name,
        "inputs": count,
        "answers": dict(sorted(answers.items())),
        "seed": first,
        "seconds": round(time.monotonic() - began, 1),
        "memory_mib": memory,
        "growth_mib": round(memory[-1] - memory[0], 1),
    }


def in_its_own(place: int, inputs: int, first: int) -> dict[str, Any]:
    """A boundary in a process of its own; what it says when it fails goes to standard error."""
    words = ["--one", str(place), "--inputs", str(inputs), "--seed", str(first)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        return {"boundary": BOUNDARIES[place].name, "failed": done.returncode}
    return dict(json.loads(done.stdout))


def everything(inputs: int, first: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every boundary in turn; `inputs` in all."""
    shares = sum(one.share for one in BOUNDARIES)
    found = []
    for place, boundary in enumerate(BOUNDARIES):
        wanted = round(inputs * boundary.share / shares)
        found.append(one := in_its_own(place, wanted, first + 100 * place))
        say(f"{place + 1} of {len(BOUNDARIES)}: {json.dumps(one)}")
    failed = [one["boundary"] for one in found if "failed" in one]
    grown = [one["boundary"] for one in found if one.get("growth_mib", 0) > GROWTH]
    return {
        "inputs": sum(one.get("inputs", 0) for one in found),
        "limit_mib": GROWTH,
        "not_answered": failed,
        "grown": grown,
        "boundaries": found,
    }


def main() -> int:
    """Exit status 1 where something was not answered, or memory grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="in all, over the boundaries")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write what came of it into this JSON file")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        try:
            print(json.dumps(one_boundary(BOUNDARIES[asked.one], asked.inputs, asked.seed)))
        except NotAnswered as error:
            name = BOUNDARIES[asked.one].name
            print(f"{name} did not answer {error.given!r:.4000}", file=sys.stderr)
            raise
        return 0
    told = everything(asked.inputs, asked.seed, lambda line: print(line, flush=True))
    if asked.out:
        asked.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"{told['inputs']} inputs; not answered: {told['not_answered']}; grown: {told['grown']}")
    return 1 if told["not_answered"] or told["grown"] else 0


if __name__ == "__main__":
    sys.exit(main())
