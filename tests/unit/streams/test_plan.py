"""What a run will cost, told before it is begun."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.program import screen_plan
from streams.program.plan import Planned, plan
from streams.program.plan_plot import draw_into
from streams.program.questions import Questions
from streams.program.settings import Settings
from tests.unit.streams import tiny

QUESTIONS = Questions(
    verify=100, choose=150, wide=300, names=0, first=5, verify_first=2 / 3, directly=900
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.fit_folder(tmp_path_factory.mktemp("plan"))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    rows = [{"text": text} for text in (*tiny.SURE.values(), tiny.UNSURE)] * 25
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n" * 25)
    return path


def planned(var: Path, path: Path, size: int = 1_000, **other: object) -> Planned:
    settings = Settings(var=var, encoder="hashing", **other)  # type: ignore[arg-type]
    return plan(
        settings,
        path,
        sample=size,
        texts=None,
        targets=[0.8],
        latency=2.0,
        progress=lambda name, share: None,
    )


def test_a_leading_label_that_is_likely_is_asked_about_alone() -> None:
    likely = QUESTIONS.cost([0.9, 0.1])
    assert likely.calls == pytest.approx(1.1)
    assert likely.tokens_in == pytest.approx(100 + 0.1 * 150)


def test_else_the_choice_comes_at_once_and_is_widened_where_it_may_be_none() -> None:
    doubtful = QUESTIONS.cost([0.3, 0.2, 0.1, 0.1, 0.1, 0.1])
    assert doubtful.calls == pytest.approx(1 + 0.2)
    assert doubtful.tokens_in == pytest.approx(150 + 0.2 * 300)


def test_every_target_is_told_with_what_an_llm_alone_takes(fitted: Path, texts: Path) -> None:
    found = planned(fitted, texts)
    assert (found.rows, found.unusable, found.sample, found.texts) == (125, 25, 100, 100)
    assert [p.forecast.target for p in found.plans] == [0.8, 0.95]
    low, high = found.plans
    assert low.forecast.judged <= high.forecast.judged <= found.texts
    assert found.directly.calls == found.texts
    assert found.directly.seconds == pytest.approx(found.texts * 2.0 / 32)
    assert low.spent.money is None


def test_money_follows_the_prices_and_time_the_pace(fitted: Path, texts: Path) -> None:
    plain = planned(fitted, texts)
    priced = planned(fitted, texts, llm_price_in=2.0, llm_price_out=8.0, llm_per_minute=10)
    spent, bare = priced.plans[0].spent, plain.plans[0].spent
    assert spent.calls == bare.calls
    assert spent.money == pytest.approx((2 * spent.tokens_in + 8 * spent.tokens_out) / 1e6)
    assert spent.seconds == pytest.approx(spent.calls * 6)


def test_a_sample_speaks_for_the_whole_file_and_nothing_is_kept(fitted: Path, texts: Path) -> None:
    before = (fitted / "log.sqlite").stat().st_size
    found = planned(fitted, texts, size=60)
    assert found.rows == 125
    assert found.sample + found.unusable == 60
    assert 80 <= found.texts <= 120
    assert (fitted / "log.sqlite").stat().st_size == before


def test_it_is_shown_and_drawn(
    fitted: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = planned(fitted, texts)
    screen_plan.planned(found, Settings(var=fitted, encoder="hashing"))
    told = capsys.readouterr().out
    assert "25 are no usable texts" in told
    assert "LLM" in told
    assert "0.95" in told
    draw_into(tmp_path / "plan.svg", found)
    assert "<svg" in (tmp_path / "plan.svg").read_text()
    with pytest.raises(Fatal, match="cannot draw"):
        draw_into(tmp_path / "plan.doc", found)


@pytest.mark.parametrize(("content", "says"), [("", "is empty"), ("no json\n", "no text")])
def test_a_file_without_a_text_is_said(
    fitted: Path, tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text(content)
    with pytest.raises(Fatal, match=says):
        planned(fitted, path)
