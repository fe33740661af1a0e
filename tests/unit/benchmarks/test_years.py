"""Streams of years: what is known when, what is asked, and who follows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import following
from benchmarks.__main__ import main
from benchmarks.data import BadData
from benchmarks.dated import FEW, LEAST, PARTS, Dated, read_dated
from benchmarks.followers import Follower, Heard
from benchmarks.followers_flat import RATES, IncrementalFollower
from benchmarks.following import AUDITED, SHARE, Stream, begun, follow
from benchmarks.report import load
from benchmarks.years import METHODS, starts
from models.encoder_words import lettered
from tests.unit.benchmarks.make import WORDS, texts_of, write_rows

TEXTS = 200
OLD, NEW = list(WORDS)[:4], list(WORDS)[4:]


def rows_of(texts: int) -> list[dict[str, str]]:
    """Four labels from 2006 on; two more from 2010 on."""
    rows = []
    for label in WORDS:
        for i, text in enumerate(texts_of(label, texts, 0)):
            begin = 2006 if label in OLD else 2010
            year = begin + i * (2012 - begin) // texts
            rows.append({"text": text, "label": label, "ts": f"{year}-{1 + i % 12:02d}-03"})
    return sorted(rows, key=lambda row: row["ts"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    rare = {"text": "seen once", "label": "rare", "ts": "2012-01-01"}
    write_rows(folder / "dated" / "all.jsonl.gz", [*rows_of(TEXTS), rare])
    return folder


@pytest.fixture(scope="module")
def stream(data: Path) -> Stream:
    dated = read_dated(data, "dated", 0)
    return begun(dated, lettered(dated.texts, 64), 0)


@pytest.fixture(scope="module")
def makers(stream: Stream) -> dict[str, Callable[[], Follower]]:
    return starts(stream)


@pytest.fixture(scope="module")
def frozen(stream: Stream, makers: dict[str, Callable[[], Follower]]) -> float:
    return late(stream, makers["frozen"]())


def late(stream: Stream, follower: Follower) -> float:
    """The share of right labels once the new ones are there."""
    right = follow(stream, follower).alone == stream.dated.y
    return float(right[stream.dated.year >= 2010].mean())


class Recorder:
    """Says the first label, ever less surely, and remembers what it is told."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.added: dict[int, int] = {}
        self.said = 0
        self.turns: list[int] = []

    def say(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.said += len(x)
        rng = np.random.default_rng(self.said)
        return np.zeros(len(x), np.intp), rng.random(len(x))

    def hear(self, answers: Sequence[Heard], final: np.ndarray) -> None:
        self.heard += answers

    def add(self, label: int, x: np.ndarray) -> None:
        assert len(x) == FEW
        self.added[label] = self.said

    def turn(self, number: int) -> None:
        self.turns.append(number)


def test_the_samples_are_disjoint_in_order_of_time_and_count_what_they_leave_out(data: Path):
    parts = [read_dated(data, "dated", part) for part in range(PARTS)]
    assert sum(len(one.texts) + one.texts_left_out for one in parts) == 6 * TEXTS + 1
    assert sum(one.texts_left_out for one in parts) == 1
    assert len({text for one in parts for text in one.texts}) == 6 * TEXTS
    for one in parts:
        assert (np.diff(one.quarter) >= 0).all()
        assert np.bincount(one.y).min() >= LEAST
        assert one.labels == tuple(sorted(WORDS))


def test_rows_without_a_date_are_refused(tmp_path: Path):
    write_rows(tmp_path / "x" / "all.jsonl.gz", [{"text": "a", "label": "b"}])
    with pytest.raises(BadData, match="ts"):
        read_dated(tmp_path, "x", 0)


def test_a_label_is_known_once_five_of_its_texts_have_gone_by(stream: Stream):
    assert [stream.dated.labels[i] for i in stream.start] == sorted(OLD)
    recorder = Recorder()
    follow(stream, recorder)
    for label in NEW:
        number = stream.dated.labels.index(label)
        fifth = np.flatnonzero(stream.dated.y == number)[FEW - 1]
        seen = stream.begin + recorder.added[number]
        assert fifth < seen <= fifth + 1 + following.BATCH
    assert set(recorder.added) == {stream.dated.labels.index(label) for label in NEW}


def test_examples_at_the_start_are_older_than_the_stream(stream: Stream):
    assert (stream.dated.year[: stream.begin] < following.FROM).all()
    old = set(stream.dated.texts[: stream.begin])
    assert set(stream.problem.texts) <= old
    assert max(np.bincount(stream.problem.y)) <= following.PER_LABEL


def test_the_share_judged_is_kept_and_every_audit_is_in_it(stream: Stream):
    recorder = Recorder()
    found = follow(stream, recorder)
    streamed = slice(stream.begin, None)
    assert found.asked[streamed].mean() == pytest.approx(SHARE, abs=0.03)
    assert found.asked[streamed][stream.audited[streamed]].all()
    assert {a.inclusion for a in recorder.heard} == {1.0, AUDITED}
    assert (found.final == found.alone)[streamed][~found.asked[streamed]].all()
    assert len(recorder.turns) == len(set(stream.dated.quarter[streamed])) - 1


def test_what_the_judge_says_of_a_label_not_yet_known_is_no_answer(stream: Stream):
    everything = replace(stream, audited=np.ones(len(stream.x), bool))
    found = follow(everything, Recorder())
    rows = np.arange(stream.begin, stream.begin + following.BATCH)
    unknown = np.isin(stream.dated.y, [stream.dated.labels.index(label) for label in NEW])
    first = np.flatnonzero(unknown)[0]
    assert found.final[first] in (-1, *stream.start)
    assert (found.final[rows] == stream.believed[rows])[~unknown[rows]].all()


def test_the_judge_errs_about_as_often_as_asked_and_never_with_a_label_of_the_future(
    stream: Stream,
):
    assert 0.03 < stream.wrong < 0.15
    wrong = np.flatnonzero(stream.believed != stream.dated.y)
    later = stream.known_from[stream.believed[wrong]]
    assert (later <= stream.known_from[stream.dated.y[wrong]]).all()


@pytest.mark.parametrize("method", ["recipe", "flat", "layered", "incremental"])
def test_who_learns_beats_who_does_not(stream: Stream, makers, frozen: float, method: str):
    assert late(stream, makers[method]()) > frozen + 0.05


def test_incremental_softmax_is_rivers():
    linear_model = pytest.importorskip("river.linear_model")
    optim = pytest.importorskip("river.optim")
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 6)).astype(np.float32), rng.integers(4, size=30).astype(np.intp)
    mine = IncrementalFollower(x[:0], y[:0], 5, 0)
    mine.add(int(y[0]), x[:1])
    mine.say(x[1:])
    mine.hear([Heard(i, int(label), 1.0) for i, label in enumerate(y[1:])], y[1:])
    label, confidence = mine.say(x)
    rate = RATES[mine.best()]
    theirs = linear_model.SoftmaxRegression(optim.SGD(rate))
    features = [dict(enumerate([*map(float, row), 1.0])) for row in x]
    for row, said in zip(features, y, strict=True):
        theirs.learn_one(row, int(said))
    for i, row in enumerate(features):
        p = theirs.predict_proba_one(row)
        assert max(p, key=p.get) == label[i]
        assert max(p.values()) == pytest.approx(confidence[i], abs=1e-5)


def test_the_program_writes_record_and_page(data: Path, tmp_path: Path):
    out = tmp_path / "out"
    arguments = ["years", "--sets", "dated", "--draws", "1", "--encoder", "hashing"]
    folders = ["--data", str(data), "--out", str(out), "--cache", str(tmp_path / "cache")]
    assert main([*arguments, *folders]) == 0
    record = load(out, "years")
    [cell] = record["cells"]
    assert set(cell["methods"]) == set(METHODS)
    assert np.shape(cell["methods"]["recipe"]["alone"]) == (1, len(cell["draws"][0]["years"]))
    page = (out / "benchmarks.md").read_text()
    assert "dated, mean over the years" in page
    assert (out / "plots" / "years.svg").is_file()


def test_a_sample_without_older_texts_is_refused(data: Path):
    dated: Dated = read_dated(data, "dated", 0)
    with pytest.raises(BadData, match="older texts"):
        begun(replace(dated, year=dated.year + 20), lettered(dated.texts, 16), 0)
