"""redstream from Python, as its page shows it."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import Sequence
from pathlib import Path

import pytest

from models.errors import RedstreamError
from streams.api import Redstream, Result
from tests.unit.streams import tiny

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
TEXTS = ["flight to a trip", "strange words about nothing", "flight to a trip"]


@pytest.fixture
def desk(tmp_path: Path) -> Redstream:
    return Redstream(tiny.fit_folder(tmp_path), encoder="hashing")


def travel(text: str, labels: Sequence[str]) -> str | None:
    return "travel" if "travel" in labels else None


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted >= 10
    assert not found.failed


def test_results_come_in_the_order_given_and_again_without_work(desk: Redstream) -> None:
    asked: list[str] = []

    def ask(text: str, labels: Sequence[str]) -> str | None:
        asked.append(text)
        return travel(text, labels)

    first = desk.run(TEXTS, judge=ask)
    assert [one.text for one in first] == TEXTS
    assert len({one.id for one in first}) == 3
    assert all(one.label == "travel" for one in first)
    before = len(asked)
    assert {one.id for one in desk.run(TEXTS, judge=ask)} == {one.id for one in first}
    assert len(asked) == before


def test_it_runs_where_a_loop_runs_already_as_in_a_notebook(desk: Redstream) -> None:
    async def cell() -> list[Result]:
        return desk.run(TEXTS[:1], judge=travel)

    assert asyncio.run(cell())[0].label == "travel"


def test_what_is_learnt_elsewhere_counts_at_once(desk: Redstream, tmp_path: Path) -> None:
    other = Redstream(tmp_path / "var", encoder="hashing")
    before = other.version
    desk.run(TEXTS, judge=travel)
    assert other.version > before


def test_a_judge_that_fails_has_given_no_verdict(desk: Redstream) -> None:
    def broken(text: str, labels: Sequence[str]) -> str | None:
        raise RuntimeError("the service is away")

    found = desk.run([tiny.UNSURE], judge=broken)[0]
    assert found.label is None
    assert found.decided_by is None


def test_a_judge_that_makes_a_label_up_has_given_no_verdict(desk: Redstream) -> None:
    assert desk.run([tiny.UNSURE], judge=lambda text, labels: "made up")[0].label is None


def test_mistakes_are_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(RedstreamError, match="redstream fit"):
        Redstream(tmp_path / "nothing")
    with pytest.raises(RedstreamError, match="no examples"):
        Redstream.fit([], tmp_path / "var")
    with pytest.raises(RedstreamError, match="REDSTREAM_TARGET"):
        Redstream.fit([("a", "b")], tmp_path / "var", target=7)
