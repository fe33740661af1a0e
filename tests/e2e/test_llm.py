"""`redstream run --judge llm` as a new user meets it, against a server on loopback."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from streams.ledger import open_ledger
from tests.e2e import program
from tests.e2e.program import redstream
from tests.loopback.server import Loopback, read
from tests.loopback.thread import served

KEY = "sk-right-key-0123456789"
WRONG = "sk-wrong-key-9876543210"
NAMES = {str(row["label"]): str(row["name"]) for row in program.lines(program.LABELS)}
GOLD = {str(row["id"]): str(row["label"]) for row in program.lines(program.GOLD)}
TEXTS = program.lines(program.TEXTS)
RIGHT = {str(row["text"]): NAMES[GOLD[str(row["id"])]] for row in TEXTS}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delitem(program.ENVIRONMENT, name, raising=False)
        monkeypatch.delitem(program.ENVIRONMENT, name.lower(), raising=False)
    with served(right=RIGHT, key=KEY) as started:
        yield started


@pytest.fixture
def texts(tmp_path: Path) -> Callable[[int], Path]:
    """The first so many texts, in a file of their own."""

    def write(number: int) -> Path:
        path = tmp_path / "texts.jsonl"
        rows = program.TEXTS.read_text(encoding="utf-8").splitlines()[:number]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path

    return write


def command(server: Loopback, texts: Path, var: Path) -> tuple[str, ...]:
    return (
        *("run", str(texts), "--judge", "llm", "--llm-url", server.url, "--llm-model", "tiny"),
        *("--var", str(var)),
    )


def ids(number: int) -> set[str]:
    return {str(row["id"]) for row in TEXTS[:number]}


def verdicts(var: Path) -> list[dict[str, object]]:
    with closing(open_ledger(var / "ledger.sqlite", read_only=True)) as db:
        rows = db.execute("SELECT plain(json) FROM verdicts ORDER BY at")
        return [json.loads(row) for (row,) in rows]


def assert_nowhere(key: str, var: Path, *outputs: str) -> None:
    for output in outputs:
        assert key not in output
    for path in var.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path


def test_a_new_user_has_a_stream_labelled_by_an_llm(
    server: Loopback, var: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labeled.jsonl"
    shown = redstream(
        *command(server, program.TEXTS, var), "--out", str(out), REDSTREAM_LLM_KEY=KEY
    )
    latest, held = program.latest(var), program.held(var)
    assert latest.keys() | held == ids(400)
    judged = {i: event for i, event in latest.items() if event.authority == "judge"}
    assert len(judged) > 200
    assert {i: event.label for i, event in judged.items()} == {i: GOLD[i] for i in judged}
    assert {event.signed for event in judged.values()} == {"tiny"}
    assert all(event.prompt and event.guide for event in judged.values())
    assert program.model(var)[0] > 1  # what it accepts teaches
    last = {row["id"]: row["label"] for row in program.lines(out)}
    assert last == {i: event.label for i, event in latest.items()}

    # The server saw the texts and the names and guides of the labels, and nothing else knew them.
    asked = [read(body["messages"][-1]["content"]) for body in server.requests]
    words = {str(row["id"]): str(row["text"]) for row in TEXTS}
    assert {words[i] for i in judged} <= {question.text for question in asked}
    guides = {str(row["guide"]) for row in program.lines(program.LABELS)}
    first = server.requests[0]["messages"][-1]["content"]
    assert any(json.dumps(guide)[1:-1] in first for guide in guides)
    assert {body["temperature"] for body in server.requests} == {0.0}

    calls = len(server.requests)
    assert "the LLM tiny at 127.0.0.1" in shown
    assert f"Judge: {calls} calls, {340 * calls} tokens" in shown
    assert f"tokens: {300 * calls} in, {40 * calls} out" in shown
    assert "LLM tiny from" in redstream("status", "--var", str(var))
    some = next(i for i, event in judged.items() if event.neighbours)
    told = redstream("explain", some, "--var", str(var))
    assert "340 tokens in 1 calls; prompt" in told
    assert "evidence" in told
    assert f"→ {GOLD[some]}, by judge" in told
    assert_nowhere(KEY, var, shown, told)


def test_a_wrong_key_is_one_line_one_request_and_no_secret(
    server: Loopback, var: Path, texts: Callable[[int], Path]
) -> None:
    run = command(server, texts(60), var)
    process = program.start(*run, REDSTREAM_LLM_KEY=WRONG)
    output, errors = (stream.decode() for stream in process.communicate())
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert "does not accept the key" in errors
    assert "REDSTREAM_LLM_KEY" in errors
    assert len(server.requests) == 1
    assert_nowhere(WRONG, var, output, errors)

    redstream(*run, REDSTREAM_LLM_KEY=KEY)  # and nothing was lost or refused meanwhile
    assert program.latest(var).keys() | program.held(var) == ids(60)
    assert all(v["outcome"] != "no_verdict" for v in verdicts(var))


def test_a_key_may_lie_in_a_file(
    server: Loopback, var: Path, tmp_path: Path, texts: Callable[[int], Path]
) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    run = command(server, texts(20), var)
    redstream(*run, REDSTREAM_LLM_KEY_FILE=str(tmp_path / "key"))
    assert server.requests
    assert program.latest(var).keys() | program.held(var) == ids(20)


@pytest.mark.parametrize(
    ("arguments", "environment", "answer"),
    [
        ((), {"REDSTREAM_LLM_URL": "http://127.0.0.1:1/v1"}, "add --judge llm"),
        (("--llm-model", "tiny"), {}, "REDSTREAM_LLM_MODEL is set"),
        (("--judge", "llm"), {}, "no LLM endpoint is set: REDSTREAM_LLM_URL"),
        (("--judge", "llm", "--llm-url", "http://127.0.0.1:1/v1"), {}, "--llm-model"),
        (
            ("--judge", "llm", "--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "tiny"),
            {"REDSTREAM_LLM_TIMEOUT": "20"},
            "REDSTREAM_LLM_PATIENCE",
        ),
        (
            ("--judge", "llm", "--llm-url", "http://me:secret@127.0.0.1/v1", "--llm-model", "tiny"),
            {},
            "give the key by itself",
        ),
    ],
)
def test_settings_that_do_not_fit_are_one_line_that_says_what_to_set(
    var: Path, arguments: tuple[str, ...], environment: dict[str, str], answer: str
) -> None:
    error = redstream(
        *("run", str(program.TEXTS), "--var", str(var), *arguments), fails=True, **environment
    )
    assert answer in error
    assert error.count("\n") == 1
    assert "secret" not in error
    assert_nowhere("me:secret", var)


@contextmanager
def running(*arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    process = program.start(*arguments, **more)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> None:
    while not happened():
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.05)


@pytest.mark.slow
def test_an_endpoint_that_goes_away_and_comes_back_costs_no_text(
    server: Loopback, var: Path, texts: Callable[[int], Path]
) -> None:
    run = command(server, texts(120), var)
    server.delay = 0.2  # so that the outage comes in the middle
    with running(*run, REDSTREAM_LLM_KEY=KEY) as process:
        wait_for(process, lambda: len(server.requests) >= 40)
        server.script = ["500"]
        wait_for(process, lambda: "LLM away since" in redstream("status", "--var", str(var)))
        away = len(server.requests)
        time.sleep(3)
        assert len(server.requests) - away <= 40  # at most those in flight, and a probe
        server.script, server.delay = ["right"], 0.0
        output, errors = (stream.decode() for stream in process.communicate(timeout=100))
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "stamina" not in errors  # its line for every retry
    latest = program.latest(var)
    assert latest.keys() | program.held(var) == ids(120)
    judged = {i: event.label for i, event in latest.items() if event.authority == "judge"}
    assert judged == {i: GOLD[i] for i in judged}
    kinds = {v["kind"] for v in verdicts(var) if v["outcome"] == "no_verdict"}
    assert kinds == {"away"}
    refused = [v for v in verdicts(var) if v["outcome"] == "invalid"]
    assert all(GOLD[str(v["id"])] not in v["options"] for v in refused)
    assert "No verdict: away" in output
    assert "Still waiting" not in output


@pytest.mark.slow
def test_killed_with_questions_open_it_goes_on_and_pays_little_twice(
    server: Loopback, var: Path, texts: Callable[[int], Path]
) -> None:
    run = command(server, texts(80), var)
    server.delay = 0.5
    for number in (5, 45):
        with running(*run, REDSTREAM_LLM_KEY=KEY) as process:
            wait_for(process, lambda seen=number: len(server.requests) >= seen)
            process.kill()
    server.delay = 0.0
    shown = redstream(*run, REDSTREAM_LLM_KEY=KEY)
    latest = program.latest(var)
    assert latest.keys() | program.held(var) == ids(80)
    assert all(e.label == GOLD[i] for i, e in latest.items() if e.authority == "judge")
    assert "answers from the cache" in shown
    # A kill loses what was in flight, 32 at most: everything else was kept.
    once = {json.dumps(body, sort_keys=True) for body in server.requests}
    assert len(server.requests) - len(once) <= 2 * 32


@pytest.mark.parametrize("broken", ["no database", "folder"])
def test_without_its_cache_a_run_goes_on_and_says_so(
    server: Loopback, var: Path, texts: Callable[[int], Path], broken: str
) -> None:
    if broken == "folder":
        (var / "verdicts.sqlite").mkdir()
    else:
        (var / "verdicts.sqlite").write_bytes(b"no database" * 1_000)
    process = program.start(*command(server, texts(30), var), REDSTREAM_LLM_KEY=KEY)
    output, errors = (stream.decode() for stream in process.communicate())
    assert process.returncode == 0, errors
    assert errors.count("verdict cache is off") == 1
    assert "The verdict cache is off" in output
    assert program.latest(var).keys() | program.held(var) == ids(30)


def test_a_budget_in_all_leaves_the_rest_to_a_person(
    server: Loopback, var: Path, texts: Callable[[int], Path]
) -> None:
    run = (*command(server, texts(40), var), "--llm-all-calls", "7")
    shown = redstream(*run, REDSTREAM_LLM_KEY=KEY)
    assert len(server.requests) == 7
    assert "the budget in all is used up" in shown
    assert "Budget (in all): 7 of 7 calls." in shown
    assert program.latest(var).keys() | program.held(var) == ids(40)
    assert "spent" in shown
    redstream(*run, REDSTREAM_LLM_KEY=KEY)  # a new start is no new budget
    assert len(server.requests) == 7
