"""What workers need is away for a while, one thing after the other; then all goes on by itself.

- the broker: killed, and started again with what it had written;
- Qdrant and the LLM: stand-ins on loopback that are stopped and started again; the LLM refuses
  connections for a third of the time, then answers with errors, then hangs;
- the ledger's disk: full (its worker may write no byte into any file, RLIMIT_FSIZE, and gets EFBIG
  for it as it would get ENOSPC), until there is room again.

Meanwhile workers are asked every second how they are, and what that would set off.
"""

from __future__ import annotations

import re
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streams.topology import CLASSIFY, JUDGE, LATER, LEDGER, NOTICE, REMEMBER, STAGES, TRAIN
from tools.broker import Broker
from tools.chaos import texts as given_texts
from tools.chaos.cluster import Cluster
from tools.chaos.outcome import outcome, settled
from tools.chaos.stand_ins import LLM, Qdrant, standing
from tools.chaos.told import Telling, Told

TEAMS = ((CLASSIFY.name,), (LATER.name, TRAIN.name, NOTICE.name), (LEDGER.name,))
WITH_SERVERS = ((JUDGE.name,), (REMEMBER.name,))
WITHOUT_SERVERS = ((JUDGE.name, REMEMBER.name),)
"""Without a Qdrant server the examples lie in a folder, which one process can open."""

PATIENCE = {"REDSTREAM_LLM_TIMEOUT": "3", "REDSTREAM_LLM_PATIENCE": "5"}
"""Shorter than usual (12 and 20 s), so that a hanging LLM counts as away within a short outage."""

NEEDS_SERVERS = frozenset({"qdrant", "llm"})

LONGEST_UNNOTICED = 60.0
"""Seconds that it lasts longer, where workers have not noticed: on a machine with no time."""

LONGEST_READY = 180.0
"""Seconds until all are ready again; the circuit before an LLM opens for up to 300."""


@dataclass
class Kind:
    """The stages that an outage concerns, what they then say, and the alert that comes of it."""

    concerns: frozenset[str]
    says: str
    alert: str


KINDS = {
    "broker": Kind(frozenset(one.name for one in STAGES), "Kafka|brokers", "RedstreamBrokersAway"),
    "qdrant": Kind(frozenset({JUDGE.name, REMEMBER.name}), "example store", "RedstreamStoreAway"),
    "llm": Kind(frozenset({JUDGE.name}), "the LLM is away", "RedstreamJudgeAway"),
    "disk": Kind(frozenset({LEDGER.name}), "tries again", "RedstreamFailing"),
}


@dataclass
class Outage:
    """One thing that was away, what was told meanwhile, and what came of it."""

    away: str
    seconds: float
    texts: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    told: dict[str, object] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    ready_again_s: float = 0.0
    drained_s: float = 0.0
    untrue: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nobody had to be started again, and the truth was told."""
        return not (self.lost or self.wrong or self.ended or self.untrue)


class Away:
    """A cluster with all that it needs, each of which can be taken away."""

    def __init__(
        self, broker: Broker, folder: Path, rows: Sequence[given_texts.Row], *, servers: bool
    ) -> None:
        """Without `servers` the judge is the simulated one, and the examples lie in the folder."""
        self._rows = list(rows)
        given_texts.write_gold(folder / "gold.jsonl", rows)
        names = given_texts.names()  # of labels that come later there is none
        self.qdrant = Qdrant()
        self.llm = LLM({one.text: names[one.label] for one in rows if one.label in names})
        settings = {**self.qdrant.settings, **self.llm.settings, **PATIENCE} if servers else {}
        teams = (*TEAMS, *(WITH_SERVERS if servers else WITHOUT_SERVERS))
        self.cluster = Cluster(broker, folder, teams, settings)
        self._known = 0

    @contextmanager
    def working(self) -> Iterator[Telling]:
        """Have workers and servers, ready."""
        with standing(self.qdrant, self.llm):
            self.cluster.prepare()
            with self.cluster.workers(), Telling(self.cluster).asking() as telling:
                telling.all_ready(LONGEST_READY)
                yield telling

    def stream(self, count: int) -> list[given_texts.Row]:
        """Produce so many texts more, and return all there were."""
        part = self._rows[self._known : self._known + count]
        self._known += len(part)
        self.cluster.produce(part)
        return self._rows[: self._known]

    def take(self, what: str, seconds: float, told: Told) -> None:
        """Take one thing away for so long, and until workers have noticed; and give it back."""
        began = time.monotonic()
        with {
            "broker": self._without_broker,
            "qdrant": self._without_qdrant,
            "llm": self._without_llm,
            "disk": self._full,
        }[what]():
            if what == "llm":
                time.sleep(seconds / 3)
                self.llm.fail()
                self.llm.start()
                time.sleep(seconds / 3)
                self.llm.hang()
            while (lasts := time.monotonic() - began) < seconds + LONGEST_UNNOTICED:
                if lasts >= seconds and not untrue(what, told):
                    break
                time.sleep(0.2)

    @contextmanager
    def _without_broker(self) -> Iterator[None]:
        self.cluster.broker.kill()
        yield
        self.cluster.broker.revive()

    @contextmanager
    def _without_qdrant(self) -> Iterator[None]:
        self.qdrant.stop()
        yield
        self.qdrant.start()

    @contextmanager
    def _without_llm(self) -> Iterator[None]:
        self.llm.stop()
        yield
        self.llm.recover()

    @contextmanager
    def _full(self) -> Iterator[None]:
        """Let the ledger's worker write nothing to any file."""
        [place] = [one for one in self.cluster.places if one.team == (LEDGER.name,)]
        assert place.process is not None
        usual = resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
        try:
            yield
        finally:
            if place.running:
                resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE, usual)


def away(
    broker: Broker,
    folder: Path,
    lasting: dict[str, float],
    *,
    texts: int,
    say: Callable[[str], None] = print,
) -> list[Outage]:
    """Take one thing after the other away for so many seconds, `texts` for each; say what came."""
    rows = given_texts.rows(texts * len(lasting))
    stand = Away(broker, folder, rows, servers=not NEEDS_SERVERS.isdisjoint(lasting))
    reports = []
    with stand.working() as telling:
        for what, seconds in lasting.items():
            report = Outage(what, seconds, texts)
            say(f"{what} is away for {seconds:.0f} s")
            _outage(stand, telling, report, say)
            say(f"{what}: {'well' if report.good else report}")
            reports.append(report)
    return reports


def _outage(stand: Away, telling: Telling, report: Outage, say: Callable[[str], None]) -> None:
    # While brokers are away nothing comes: of theirs all texts are there before.
    before = report.texts if report.away == "broker" else report.texts // 2
    given = stand.stream(before)
    with telling.during() as told:
        began = time.monotonic()
        taking = threading.Thread(target=stand.take, args=(report.away, report.seconds, told))
        taking.start()
        if before < report.texts:
            given = stand.stream(report.texts - before)
        taking.join()
        report.seconds = round(time.monotonic() - began, 1)
    say(f"{report.away} is back")
    report.told, report.untrue = told.plain(), untrue(report.away, told)
    report.ended = stand.cluster.ended()
    try:
        report.ready_again_s = telling.all_ready(LONGEST_READY + report.seconds)
    except TimeoutError as error:
        report.untrue.append(str(error))
    report.drained_s = settled(stand.cluster, say)
    found = outcome(stand.cluster, given)
    report.lost, report.wrong = found.lost, found.wrong


def untrue(what: str, told: Told) -> list[str]:
    """Return what workers did not say, or should not have said."""
    kind = KINDS[what]
    found = [f"{name} did not say that it lives" for name in list(told.dead)]
    for name in sorted(told.ready.keys() | told.not_ready.keys()):
        why, concerned = (
            told.not_ready.get(name, set()),
            not kind.concerns.isdisjoint(name.split("+")),
        )
        if concerned and not any(re.search(kind.says, one) for one in why):
            found.append(f"{name} did not say that it is not ready: {sorted(why)}")
        if why and not concerned:
            found.append(f"{name} was not ready: {sorted(why)}")
    if kind.alert not in told.alerts:
        found.append(f"{kind.alert} would not come")
    return found
