"""Commands of `make chaos`."""

from __future__ import annotations

import argparse
import json
import logging
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.broker import Broker, start
from tools.chaos import away, kills, same, soak
from tools.jars import fetched

BEGAN = time.monotonic()

HELP = ("-h", "--help")

Given = argparse.Namespace
Section = dict[str, Any]


def say(what: str) -> None:
    """Tell how it goes on."""
    print(f"{time.monotonic() - BEGAN:7.1f} s  {what}", file=sys.stderr, flush=True)


@contextmanager
def stand() -> Iterator[tuple[Broker, Path]]:
    """A broker of our own, and a folder for the rest."""
    with tempfile.TemporaryDirectory(prefix="redstream-chaos-") as named:
        folder = Path(named)
        (folder / "broker").mkdir()
        with closing(start(fetched(), folder / "broker")) as broker:
            yield broker, folder


def _kills(given: Given) -> Section:
    with stand() as (broker, folder):
        report = kills.killed(
            broker,
            folder,
            texts=given.texts,
            kills=given.kills,
            broker_kills=given.broker_kills,
            seed=given.seed,
            say=say,
        )
    return asdict(report)


def _away(given: Given) -> Section:
    lasting = {
        what: seconds for what in away.KINDS if (seconds := getattr(given, what)) is not None
    } or dict.fromkeys(away.KINDS, 60.0)
    with stand() as (broker, folder):
        reports = away.away(broker, folder, lasting, texts=given.texts, say=say)
    return {
        "outages": [{**asdict(one), "good": one.good} for one in reports],
        "good": all(one.good for one in reports),
    }


def _same(given: Given) -> Section:
    with stand() as (broker, folder):
        reports = same.compared(
            broker,
            folder,
            given.only or same.DISTURBANCES,
            texts=given.texts,
            learning=given.learning,
            seconds=given.seconds,
            stay=given.every,
            say=say,
        )
    return {
        "disturbances": [{**asdict(one), "good": one.good} for one in reports],
        "good": all(one.good for one in reports),
    }


def _soak(given: Given) -> Section:
    with stand() as (broker, folder):
        report = soak.soaked(broker, folder, texts=given.texts, say=say)
    return {**asdict(report), "good": report.good}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=...", description=__doc__)
    scenarios = parser.add_subparsers(dest="scenario", required=True)

    def scenario(
        name: str, run: Callable[[Given], Section], told: str, texts: int
    ) -> argparse.ArgumentParser:
        made = scenarios.add_parser(name, help=told)
        made.set_defaults(run=run)
        made.add_argument("--texts", type=int, default=texts)
        made.add_argument("--out", type=Path, help="JSON file, of which one section is replaced")
        made.add_argument("--name", default=name, help="section of the report (%(default)s)")
        return made

    one = scenario("kills", _kills, "workers and the broker killed at random", 20_000)
    one.add_argument("--kills", type=int, default=100, help="of workers")
    one.add_argument("--broker-kills", type=int, default=5)
    one.add_argument("--seed", type=int, default=0)
    one = scenario("away", _away, "broker, Qdrant, LLM and room on the ledger's disk away", 1_000)
    for what in away.KINDS:
        one.add_argument(f"--{what}", type=float, metavar="SECONDS", help=f"{what} away so long")
    one = scenario(
        "same", _same, "the same labels whatever disturbs: clock, repeats, members", 1_000
    )
    one.add_argument("--only", action="append", help="clock, twice, reassigned; clock+twice: both")
    one.add_argument("--learning", action="store_true", help="with a trainer")
    one.add_argument("--seconds", type=float, default=300.0, help="of joining and leaving")
    one.add_argument("--every", type=float, default=5.0, help="seconds until they join, or leave")
    scenario("soak", _soak, "memory and bytes over a long stream", 200_000)
    return parser


def main() -> int:
    """Exit status 1 where something is not as it has to be."""
    words = sys.argv[1:]
    usual = ["kills"] if not words or (words[0].startswith("-") and words[0] not in HELP) else []
    given = _parser().parse_args([*usual, *words])
    for name in ("aiokafka", "aiohttp"):  # what is away is meant to be
        logging.getLogger(name).setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and tidy up
    told = given.run(given)
    print(json.dumps(told, indent=1))
    if given.out:
        known = json.loads(given.out.read_text()) if given.out.exists() else {}
        given.out.write_text(_written({**known, given.name: told}))
    return 0 if told["good"] else 1


def _written(report: dict[str, object]) -> str:
    """Return it as JSON, rows of numbers on a line each."""

    def line(row: re.Match[str]) -> str:
        return f"[{' '.join(row[1].split())}]"

    return re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", line, json.dumps(report, indent=1)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
