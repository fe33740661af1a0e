"""What workers say of themselves while something is away: asked every second, and kept."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tools.chaos.alerts import Sample, holding
from tools.chaos.cluster import Cluster, Place

EVERY, TIMEOUT = 1.0, 5.0

Clock = Callable[[], float]


@dataclass
class Told:
    """What was said in a span of time.

    `not_ready`: why, by worker; `unready` and `ready`: how often each was. `dead`: how often a
    worker did not say that it lives. `alerts`: for how many seconds each one's expression held,
    and `after` how many seconds it began to.
    """

    looks: int = 0
    not_ready: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    ready: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unready: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    dead: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    alerts: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    after: dict[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """Return it for a report."""
        return {
            "not_ready": {name: sorted(why) for name, why in sorted(self.not_ready.items())},
            "ready_all_the_time": sorted(self.ready.keys() - self.unready.keys()),
            "did_not_live": dict(self.dead),
            "alerts": {
                name: {"after_s": self.after[name], "for_s": round(held, 1)}
                for name, held in sorted(self.alerts.items())
            },
        }


class Telling:
    """Asks all workers of a cluster in a thread; `during` gives what they said meanwhile."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._told = Told()
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def asking(self) -> Iterator[Telling]:
        """Ask while the block runs."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()

    @contextmanager
    def during(self) -> Iterator[Told]:
        """Give what is said while the block runs; complete when it ends."""
        told = self._told = Told()
        self._began = time.monotonic()
        try:
            yield told
        finally:
            self._told = Told()

    def all_ready(self, patience: float) -> float:
        """Wait until every worker is ready; return after how many seconds.

        Raises:
            TimeoutError: they are not; it says who and why.
        """
        began = time.monotonic()
        while missing := [one for place in self._cluster.places if (one := _missing(place))]:
            if ended := self._cluster.ended():
                raise TimeoutError(f"{ended}")
            if time.monotonic() - began > patience:
                raise TimeoutError(f"not ready after {patience:.0f} s: {missing}")
            time.sleep(0.5)
        return round(time.monotonic() - began, 1)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(EVERY):
            told, began, samples = self._told, time.monotonic(), list[Sample]()
            for place in self._cluster.places:
                status, page = asked(place.port, "livez")
                if status != 200:
                    told.dead[place.name] += 1
                status, page = asked(place.port, "readyz")
                if status == 200:
                    told.ready[place.name] += 1
                else:
                    told.unready[place.name] += 1
                    told.not_ready[place.name] |= _reasons(status, page)
                samples += scraped(place)
            told.looks += 1
            for name in holding(samples):
                told.after.setdefault(name, round(began - self._began, 1))
                told.alerts[name] += began - last
            last = began


def scraped(place: Place) -> list[Sample]:
    """Return what one worker's /metrics shows; nothing where it does not answer."""
    status, page = asked(place.port, "metrics")
    if status != 200:
        return []
    return [
        Sample(one.name, {**one.labels, "instance": f"{place.name}:{place.port}"}, one.value)
        for family in text_string_to_metric_families(page)
        for one in family.samples
        if one.name.startswith("redstream_")
    ]


def _missing(place: Place) -> str | None:
    status, page = asked(place.port, "readyz")
    return None if status == 200 else f"{place.name}: {sorted(_reasons(status, page))}"


def _reasons(status: int, page: str) -> set[str]:
    if not status:
        return {"does not answer"}
    return {re.sub(r"\d+", "N", one) for one in json.loads(page)["missing"]}


def asked(port: int, page: str) -> tuple[int, str]:
    """Return status and content of a worker's page; 0 and why where nobody answers."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/{page}", timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
