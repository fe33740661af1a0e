"""`redstream judge measure`, in this process, over a folder fitted for real."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.errors import Fatal
from streams.program.cli import app
from streams.program.gold import read_gold_texts
from streams.program.measure_cli import IS_NO_JUDGE
from tests.loopback.server import Loopback
from tests.unit.streams import tiny

KEY = "sk-right-key-0123456789"
GOLD = [
    {"id": f"{label}{i}", "text": f"{text} please {i}", "label": label}
    for label, texts in tiny.EXAMPLES.items()
    for i, text in enumerate(texts)
]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return lines(tmp_path / "gold.jsonl", GOLD)


@pytest.fixture
def call(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    var = Path(shutil.copytree(fitted, tmp_path / "var"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def call(*arguments: object, **environment: str) -> Result:
        given = ["judge", "measure", *map(str, arguments), "--var", str(var)]
        there = {"COLUMNS": "200", "REDSTREAM_ENCODER": "hashing", **environment}
        result = CliRunner().invoke(app, given, env=there)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def row(result: Result, name: str) -> str:
    (found,) = [line for line in result.output.splitlines() if f"│ {name}" in line]
    return found


def test_a_simulated_judge_is_measured_and_never_called_an_llm(
    call: Callable[..., Result], gold: Path
) -> None:
    result = call(gold, "--judge", "simulated", REDSTREAM_JUDGE_ERROR="0")
    assert result.exit_code == 0
    assert "a SIMULATED judge" in result.output
    assert "no LLM" in result.output
    assert "24 gold texts, judge simulated." in result.output
    for name in ("verify: right", "verify: wrong", "choose: right"):
        assert "1.000 (0.858 to 1.000; 24 of 24)" in row(result, name)
    assert "0.000 (0.000 to 0.142; 0 of 24)" in row(result, "order: another")
    assert "120 questions, 120 calls, 0 tokens; without a verdict 0." in result.output


def test_recorded_answers_are_measured(
    call: Callable[..., Result], gold: Path, tmp_path: Path
) -> None:
    said = [
        {"id": one["id"], "label": one["label"] if i % 2 else None} for i, one in enumerate(GOLD)
    ]
    recorded = lines(tmp_path / "recorded.jsonl", said)
    result = call(gold, "--judge", "replay", "--recorded", recorded)
    assert "12 of 24" in row(result, "verify: right")
    assert "24 of 24" in row(result, "verify: wrong")
    assert "12 of 24" in row(result, "choose: right")
    assert "12 of 24" in row(result, 'choose: "none" although')


def test_the_local_judge_is_measured(call: Callable[..., Result], gold: Path) -> None:
    result = call(gold, "--judge", "local")
    assert result.exit_code == 0
    assert "no LLM" in result.output
    assert "120 questions, 0 calls" in result.output


async def test_an_llm_that_says_yes_to_everything_is_named_and_the_exit_code_differs(
    call: Callable[..., Result], gold: Path
) -> None:
    class Yes(Loopback):
        def _said(self, body, mode):  # type: ignore[no-untyped-def]
            answers = body["response_format"]["json_schema"]["schema"]["properties"]["answer"]
            return {"evidence": [], "reason": "yes", "answer": answers["enum"][0]}

    server = await Yes(key=KEY).start()
    there = {
        "REDSTREAM_LLM_URL": server.url,
        "REDSTREAM_LLM_KEY": KEY,
        "REDSTREAM_LLM_MODEL": server.model,
    }
    try:
        result = await asyncio.to_thread(call, gold, "--judge", "llm", **there)
    finally:
        await server.stop()
    assert result.exit_code == IS_NO_JUDGE
    assert (
        "This judge cannot be used: it says yes to everything: of 24 wrong labels it refused 0."
        in result.output
    )
    assert "24 gold texts, judge tiny." in result.output
    assert "It prefers the option that stands first." in result.output
    assert len(server.requests) == 120
    assert KEY not in result.output


async def test_an_llm_that_is_away_is_one_line_with_its_reason(
    call: Callable[..., Result], gold: Path
) -> None:
    there = ("--llm-url", "http://127.0.0.1:9/v1", "--llm-model", "tiny")
    with pytest.raises(Fatal, match=r"no verdict on any of 5 questions \(away 5\)"):
        await asyncio.to_thread(call, gold, "--judge", "llm", "--texts", "1", *there)


def test_which_texts_are_asked_about_depends_on_the_seed_not_on_the_file(
    call: Callable[..., Result], gold: Path, tmp_path: Path
) -> None:
    back = lines(tmp_path / "back.jsonl", GOLD[::-1])
    simulated = ("--judge", "simulated", "--texts", "7")
    there = {"REDSTREAM_JUDGE_ERROR": "0.5"}
    first = call(gold, *simulated, **there).output
    assert call(back, *simulated, **there).output.replace(back.name, gold.name) == first
    others = {call(gold, *simulated, "--seed", str(n), **there).output for n in range(3)}
    assert len(others) > 1


def test_taught_texts_and_strange_labels_are_left_out_and_counted(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    rows = [*GOLD, {"text": "printer offline paper tray", "label": "printer"}]
    rows.append({"text": "what is for lunch", "label": "canteen"})
    result = call(lines(tmp_path / "more.jsonl", rows), "--judge", "local")
    told = "24 gold texts, judge local; left out: 1 of labels that the model does not have"
    assert f"{told}; left out: 1 that were taught." in result.output
    nothing = lines(tmp_path / "none.jsonl", rows[-2:])
    with pytest.raises(Fatal, match="no text is left: 1 of labels"):
        call(nothing, "--judge", "local")


def test_gold_is_read_from_csv_as_from_lines(gold: Path, tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["label", "text", "id"])
        writer.writeheader()
        writer.writerows(GOLD)
    told = [(one.id, one.text, one.label) for one in read_gold_texts(path)]
    assert told == [(one.id, one.text, one.label) for one in read_gold_texts(gold)]
    assert len(told) == 24


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no texts"),
        ('{"text": "a"}\n', "gold.jsonl: no column is called as one that holds the label; name it"),
        ('{"text": "a", "label": "b"}\n{"text"\n', r"gold.jsonl:2 is not JSON"),
        ("[]\n", r"gold.jsonl:1 is not a JSON object"),
        (
            '{"id": 1, "text": "a", "label": "b"}\n{"id": 1, "text": "c", "label": "b"}\n',
            r"gold.jsonl:2: the id '1' stands for another text",
        ),
        (
            '{"id": 1, "text": "a", "label": "b"}\n{"id": 1, "text": "a", "label": "c"}\n',
            r"gold.jsonl:2: the same text has two labels",
        ),
    ],
)
def test_an_unusable_gold_file_is_one_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(content)
    with pytest.raises(Fatal, match=told):
        read_gold_texts(path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--judge", "nobody"), "there is no judge 'nobody': local, simulated, replay, llm"),
        (("--judge", "replay"), "name a file with --recorded"),
        (("--judge", "llm"), "no LLM endpoint is set"),
    ],
)
def test_a_judge_that_cannot_be_had_is_one_line(
    call: Callable[..., Result], gold: Path, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(Fatal, match=told):
        call(gold, *arguments)
