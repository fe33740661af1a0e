"""A real classifier of four labels, fitted once, in a fifth of a second."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier, Example, LabelInfo
from models.encoder import HashingEncoder
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.program.fit import fit
from streams.program.settings import Settings
from streams.stage import Outgoing
from streams.wire import Vector

ENCODER = HashingEncoder(64)

EXAMPLES = {
    "password": [
        "forgot my password",
        "password reset login",
        "cannot log in wrong password",
        "reset login credentials",
        "password expired login",
        "account password change",
    ],
    "printer": [
        "printer jam tray paper",
        "toner empty printer",
        "print queue stuck printer",
        "printer offline paper tray",
        "replace toner cartridge",
        "printer prints blank paper",
    ],
    "room": [
        "book a meeting room",
        "room booking calendar",
        "meeting room double booked",
        "cancel room reservation",
        "projector in meeting room",
        "reserve a room tomorrow",
    ],
    "travel": [
        "flight ticket refund",
        "travel expenses hotel",
        "hotel booking travel",
        "train ticket for trip",
        "expense report flight",
        "travel approval trip",
    ],
}

LABELS = tuple(EXAMPLES)

SURE = {"printer": "printer paper jam", "password": "my password", "room": "the meeting room"}
"""Texts the classifier is sure of, by their label."""

UNSURE = "hello there"


def embed(text: str) -> NDArray[np.float32]:
    return ENCODER.encode([text])[0]


def vector(text: str) -> Vector:
    """A text's embedding as it travels."""
    return Vector.of(embed(text), ENCODER.identity)


def example(text: str, label: str, id: str | None = None) -> Example:
    return Example(id=id or text, label=label, embedding=embed(text), gold=False)


@cache
def classifier() -> Classifier:
    return Classifier.fit(
        [example(text, label) for label, texts in EXAMPLES.items() for text in texts],
        [
            LabelInfo(label=label, name=label, guide="", embedding=embed(label))
            for label in EXAMPLES
        ],
        encoder=ENCODER.identity,
        target=0.9,
    )


def fitted(log: SqliteLog, *, applied: int = 0) -> Feed:
    """Publish the first version into a log, and follow it."""
    feed = Feed(log)
    log.append(feed.publish(classifier(), applied=applied, learnt=0, touched=()))
    feed.newest()
    return feed


@cache
def taught(lessons: int) -> Classifier:
    """The classifier after so many lessons."""
    return classifier().learn(
        [example(f"visa number {n} for a trip", "travel") for n in range(lessons)]
    )


def publish(log: SqliteLog, feed: Feed, lessons: int) -> list[Outgoing]:
    """Publish the next version, which has learnt so many lessons in all."""
    feed.newest()
    records = feed.publish(taught(lessons), applied=lessons, learnt=lessons, touched=["travel"])
    log.append(records)
    return records


def fit_folder(folder: Path, *labels: dict[str, str]) -> Path:
    """A folder fitted by the program from EXAMPLES, with a labels file of these rows if any."""
    rows = [{"text": text, "label": label} for label, texts in EXAMPLES.items() for text in texts]
    files = {"examples": rows, "labels": list(labels)}
    for name, lines in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    named = folder / "labels.jsonl" if labels else None
    settings = Settings(var=folder / "var", encoder="hashing")
    fit(settings, folder / "examples.jsonl", named, lambda name, share: None)
    return settings.var
