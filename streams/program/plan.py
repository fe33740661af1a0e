"""`redstream plan`: what a run over these texts will ask, cost and take, before it is begun."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from judge.question import Case
from models.classifier import Prediction
from models.errors import Fatal, Permanent
from models.forecast import Forecast, forecast
from streams.feed import Feed, Version
from streams.incoming import SOURCE_HEADER, read_text
from streams.labelset import LabelSet
from streams.program.encoding import encoder_of
from streams.program.fit_report import Report
from streams.program.folder import Folder, log_of
from streams.program.folder_source import FolderSource
from streams.program.guides import open_desk
from streams.program.lessons import in_vectors_of, training_set
from streams.program.questions import ANSWER, RENDERED, Cost, Questions, ask, counter
from streams.program.settings import Settings, columns
from streams.records import Retrain, Text
from streams.stage import Delivered, Outgoing
from streams.topology import TEXTS

TARGETS = (0.9, 0.95, 0.97, 0.98)
"""Planned for, besides the target that is set."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Spent:
    """Calls of the LLM, tokens read and written, money by the prices that are set (None: none
    are), and seconds until it has answered all.
    """

    calls: float
    tokens_in: float
    tokens_out: float
    money: float | None
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What one target takes."""

    forecast: Forecast
    spent: Spent


@dataclass(frozen=True)
class Planned:
    """`plans` by rising target, for `texts` texts, from a sample of `sample` texts of `rows` rows,
    of which `unusable` were no texts. `per_text`: of one judged text. `directly`: an LLM that is
    asked about every text, with the names of all labels. `classifying`: seconds of our own work
    besides; `latency`: seconds until an answer.
    """

    rows: int
    unusable: int
    sample: int
    texts: int
    version: int
    classifying: float
    latency: float
    plans: list[Plan]
    directly: Spent


def plan(
    settings: Settings,
    path: Path,
    *,
    sample: int,
    texts: int | None,
    targets: Sequence[float],
    latency: float,
    progress: Progress,
    tell: Callable[[str], None] = lambda line: None,
) -> Planned:
    """Forecast a run over the texts of a file; nothing is asked and nothing is kept.

    `texts`: how many will come, else as many as the file has; `latency`: seconds until the LLM has
    answered a question. `tell` is told how a file is read.

    Raises:
        Fatal: nothing is fitted, or the file cannot be used or has no text.
    """
    with log_of(settings) as log:
        version = Feed(log).newest()
        labels = LabelSet.of(version.manifest)
        known = training_set(log, labels, embeddings=True)
    lessons = in_vectors_of(version.manifest, known.values(), settings)
    progress("reading the texts", 0.0)
    drawn, rows, unusable = _sample(path, sample, settings, tell)
    looked = _look(settings, version, drawn, lessons, progress)
    costs = [
        looked.questions.cost([c.probability for c in p.contenders]) for p in looked.predictions
    ]
    expected = texts or max(1, round(rows * len(drawn) / (len(drawn) + unusable)))
    confidence = np.asarray([prediction.confidence for prediction in looked.predictions])
    report = Report.kept(Folder(settings.var).report)
    plans = []
    for target in sorted({*targets, settings.target}):
        progress(f"rehearsing a target of {target:g}", 0.8)
        found = forecast(
            confidence,
            target,
            expected,
            audit=settings.audit,
            certify=settings.certify,
            seed=settings.seed,
            left_out=sum(report.left_out.values()) if report else None,
        )
        plans.append(Plan(found, _spent(settings, costs, found.weight, latency)))
    whole = [Cost(1.0, looked.questions.directly, ANSWER)]
    return Planned(
        rows=rows,
        unusable=unusable,
        sample=len(drawn),
        texts=expected,
        version=version.number,
        classifying=looked.seconds * expected,
        latency=latency,
        plans=plans,
        directly=_spent(settings, whole, np.asarray([float(expected)]), latency),
    )


@dataclass(frozen=True)
class _Look:
    """What the model says of the texts of a sample, what would be asked about them, and the seconds
    that one of them takes.
    """

    predictions: Sequence[Prediction]
    questions: Questions
    seconds: float


def _look(
    settings: Settings,
    version: Version,
    drawn: Sequence[Text],
    lessons: Sequence[Retrain],
    progress: Progress,
) -> _Look:
    progress("loading the encoder", 0.1)
    encoder = encoder_of(settings, version.manifest)
    progress(f"classifying {len(drawn)} of them", 0.3)
    started = time.monotonic()
    vectors = encoder.encode([text.text for text in drawn])
    predictions = version.predict(vectors)
    seconds = (time.monotonic() - started) / len(drawn)
    progress("rendering questions", 0.6)
    named = version.manifest.encoded
    count = counter(named.name if named else settings.encoder)
    cases = [
        _case(text, vector, prediction)
        for text, vector, prediction in zip(drawn, vectors, predictions, strict=True)
        if vector.any()
    ]
    desk = open_desk(settings)
    guides = {label: desk.in_force(label) for label in version.classifier.labels}
    # The doubtful are what is mostly asked about.
    cases.sort(key=lambda case: case.probabilities[0])
    questions = ask(cases[:RENDERED], lessons, guides, settings, count)
    return _Look(predictions, questions, seconds)


def _spent(
    settings: Settings, costs: Sequence[Cost], weight: NDArray[np.float64], latency: float
) -> Spent:
    """Of texts with these costs, each judged as often as its weight says."""
    each = np.asarray([(cost.calls, cost.tokens_in, cost.tokens_out) for cost in costs])
    calls, tokens_in, tokens_out = (float(total) for total in weight @ each)
    priced = settings.llm_price_in or settings.llm_price_out
    money = (tokens_in * settings.llm_price_in + tokens_out * settings.llm_price_out) / 1e6
    paces = [settings.concurrency / latency]
    paces += [most / 60 for most in (settings.llm_per_minute, settings.llm_minute_calls) if most]
    if settings.llm_minute_tokens and calls:
        paces.append(settings.llm_minute_tokens / 60 / ((tokens_in + tokens_out) / calls))
    return Spent(calls, tokens_in, tokens_out, money if priced else None, calls / min(paces))


def _case(text: Text, vector: NDArray[np.float32], prediction: Prediction) -> Case:
    return Case(
        text.id,
        text.text,
        vector,
        tuple(contender.label for contender in prediction.contenders),
        tuple(min(1.0, contender.probability) for contender in prediction.contenders),
        further=prediction.further,
    )


class _Nothing:
    """A log in which nothing was read yet."""

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        """Return nothing."""
        return None


def _sample(
    path: Path, size: int, settings: Settings, tell: Callable[[str], None]
) -> tuple[list[Text], int, int]:
    """Return that many texts of a file at random, how many rows it has, and how many of those
    that were drawn are no texts.
    """
    if str(path) == "-":
        raise Fatal("plan looks at a file before it is run: put some of the pipe's texts into one")
    chosen = random.Random(settings.seed)
    drawn: list[Outgoing] = []
    rows = 0
    for record in _records(path, settings, tell):
        rows += 1
        if len(drawn) < size:
            drawn.append(record)
        elif (place := chosen.randrange(rows)) < size:
            drawn[place] = record
    texts = []
    for record in drawn:
        with suppress(Permanent):
            where = (record.headers or {}).get(SOURCE_HEADER, str(path))
            texts.append(read_text(record.value, where, record.headers, max_text=settings.max_text))
    if not texts:
        raise Fatal(f"{path} has no text that can be used")
    return texts, rows, len(drawn) - len(texts)


def _records(path: Path, settings: Settings, tell: Callable[[str], None]) -> Iterator[Outgoing]:
    source = FolderSource(path, _Nothing(), columns(settings), follow=False, tell=tell)
    try:
        while batch := source.take(1_000):
            yield from (record for record in batch if record.topic == TEXTS.name)
    finally:
        source.close()
