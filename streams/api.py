"""redstream from Python: fit, classify a batch, run the loop, in a script or a notebook.

What is here stays when the rest moves. Everything is kept in a folder, the same as the program's:
what one began the other goes on with. See docs/python.md.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from judge.function import FunctionJudge
from models.errors import Fatal, RedstreamError
from streams.feed import Feed, Version
from streams.figures import Figures
from streams.program.examples import LabelText, SeedExample, spoken
from streams.program.folder import Folder, log_of
from streams.program.options import settings_of
from streams.stage import Outgoing
from streams.topology import TEXTS
from streams.wire import derived_id

if TYPE_CHECKING:
    from judge.function import Says
    from judge.port import Judge
    from streams.encoding import Encodings
    from streams.program.run import Sight
    from streams.program.settings import Settings

__all__ = ["Answer", "Redstream", "RedstreamError", "Result"]


@dataclass(frozen=True)
class Answer:
    """What the classifier alone says of a text: its likeliest label with the confidence, 0 to 1;
    whether that goes out unasked; and all contenders with theirs, best first.
    """

    text: str
    label: str
    confidence: float
    sure: bool
    contenders: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Result:
    """What became of a text. Undecided, it has no label; `decided_by` is "classifier", "judge" or
    "person", `confidence` the classifier's.
    """

    id: str
    text: str
    label: str | None
    decided_by: str | None
    confidence: float | None


class Redstream:
    """A fitted folder. Settings are those of `redstream config`, by name: `target=0.97`."""

    def __init__(self, var: str | Path, **settings: Any) -> None:
        """Open a folder that was fitted. Raises `Fatal`: it was not, or a setting is wrong."""
        self._settings: Settings = settings_of(var=Path(var), **settings)
        self._version: Version | None = None
        self.version  # noqa: B018 - a folder without a model is told now, not later

    @classmethod
    def fit(
        cls,
        examples: Iterable[tuple[str, str]],
        var: str | Path,
        *,
        guides: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Self:
        """Fit (text, label) pairs into a folder, new or fitted from the same before.

        `guides` says what labels mean; a label in it needs no example. Raises `Fatal`.
        """
        from streams.program.fit import fit_from

        given = [SeedExample(text, label) for text, label in examples]
        if not given:
            raise Fatal("there are no examples: give (text, label) pairs")
        names = [LabelText(label, spoken(label), guide) for label, guide in (guides or {}).items()]
        fit_from(settings_of(var=Path(var), **settings), given, names)
        return cls(var, **settings)

    @property
    def version(self) -> int:
        """The number of the newest model: what was learnt meanwhile counts."""
        return self._newest().number

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels there are now, sorted."""
        return self._newest().classifier.labels

    def classify(self, texts: Sequence[str]) -> list[Answer]:
        """Return what the newest model says of texts. Nobody is asked, and nothing is kept."""
        if not texts:
            return []
        version = self._newest()
        threshold = version.manifest.threshold
        said = version.predict(self._encodings.of(version.manifest).encode(list(texts)))
        return [
            Answer(
                text,
                one.label,
                one.confidence,
                one.confidence >= threshold,
                tuple((contender.label, contender.probability) for contender in one.contenders),
            )
            for text, one in zip(texts, said, strict=True)
        ]

    def run(
        self,
        texts: Iterable[str | Mapping[str, Any]],
        *,
        judge: Judge | Says | None = None,
        lockstep: bool = False,
        progress: Callable[[Sight], None] = lambda sight: None,
    ) -> list[Result]:
        """Run texts through all stages until nothing is left to do, and return what became of each.

        A text is a string, or a mapping with `text`, perhaps an `id`, and whatever else is to
        travel with it. Strings are known by their words: the same again are no work. `judge` is a
        function of a text and some labels that returns the right one or None, or a
        `judge.port.Judge`; without one the settings' judge is asked. With `lockstep` the result
        depends on nothing but what is given. Interrupted, what is decided stays decided; the same
        call goes on. Raises `Fatal`.
        """
        from streams.program.run import run_source

        rows = list(_rows(texts))
        stops: list[Callable[[], None]] = []

        def work() -> None:
            run_source(
                self._settings,
                lambda log: _Rows(rows),
                lockstep=lockstep,
                watch=progress,
                judge=_judge(judge),
                started=stops.append,
            )

        _in_a_thread(work, stops)
        return self.results(rows)

    def results(self, rows: Sequence[Mapping[str, Any]]) -> list[Result]:
        """Return what became of texts, by their `id`, in the order given; as `run` does."""
        with closing(Figures(Folder(self._settings.var).ledger)) as figures:
            found = []
            for row in rows:
                last = figures.story(str(row["id"])).truth
                found.append(
                    Result(
                        str(row["id"]),
                        str(row.get("text", "")),
                        (last.label or None) if last else None,
                        str(last.authority) if last else None,
                        last.confidence if last else None,
                    )
                )
        return found

    def _newest(self) -> Version:
        with log_of(self._settings) as log:
            self._version = Feed(log).newest()
        return self._version

    @cached_property
    def _encodings(self) -> Encodings:
        from streams.program.encoding import encodings

        return encodings(self._settings)


class _Rows:
    """Rows as a source of texts."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._left: Iterator[Mapping[str, Any]] = iter(rows)
        self.exhausted = False

    def take(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` further texts."""
        some = list(islice(self._left, limit))
        self.exhausted = len(some) < limit
        return [Outgoing(TEXTS.name, None, json.dumps(row).encode()) for row in some]

    def close(self) -> None:
        """Nothing is held."""


def _rows(texts: Iterable[str | Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return rows that all have an id: of its own, or of its words and how often they came."""
    seen: Counter[str] = Counter()
    for given in texts:
        row = {"text": given} if isinstance(given, str) else dict(given)
        if not isinstance(row.get("text"), str) or not row["text"].strip():
            raise Fatal(f"a text has to be words, or a mapping with them under 'text': {given!r}")
        if row.get("id") in (None, ""):
            words = row["text"]
            row["id"] = derived_id("python", words, seen[words])
            seen[words] += 1
        yield row


def _judge(given: Judge | Says | None) -> Judge | None:
    if given is None:
        return None
    if hasattr(given, "verify"):
        return cast("Judge", given)
    return FunctionJudge(given)


def _in_a_thread(work: Callable[[], None], stops: Sequence[Callable[[], None]]) -> None:
    """Work where an event loop may be running already, as in a notebook; Ctrl-C stops cleanly."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work()
        return
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            done.result()
        except KeyboardInterrupt:
            for stop in stops:
                stop()
            done.result()
            raise
