"""No secret comes out: not by output, log, status, error, dead letter or file, whatever happens."""

from __future__ import annotations

import base64
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.e2e import program
from tests.kafka.provided import AnyBroker
from tests.loopback.parrot import parrot, parrot_broker
from tests.loopback.server import Loopback
from tests.loopback.thread import served
from tools.broker import free_ports
from tools.chaos.told import asked

pytestmark = pytest.mark.slow

# As people write them: nothing by which a pattern would know that they are secret.
LLM, QDRANT, KAFKA = "llm/Quince+7741", "qdrant/Medlar+5523", "kafka/Damson+9918 two"
SECRETS = {
    "REDSTREAM_LLM_KEY": LLM,
    "REDSTREAM_QDRANT_KEY": QDRANT,
    "REDSTREAM_KAFKA_PASSWORD": KAFKA,
    "REDSTREAM_KAFKA_SASL": "plain",
    "REDSTREAM_KAFKA_USER": "carol",
}
COUNT = 12

LONGEST = 20.0
"""Seconds for a command, after which it is stopped."""


def forms(secret: str) -> set[bytes]:
    """Every form in which a secret might be written."""
    encoded = base64.b64encode(secret.encode()).rstrip(b"=")
    return {secret.encode(), quote(secret, safe="").encode(), quote(secret).encode(), encoded}


FORMS = {form for secret in (LLM, QDRANT, KAFKA) for form in forms(secret)}


class Told:
    """Runs commands with all secrets set, and keeps what they say."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.said: list[tuple[str, bytes]] = []

    def __call__(self, *arguments: str, ends: int | None = None, **more: str) -> str:
        """Return output and errors; `ends`: with this status."""
        environment = {**SECRETS, "REDSTREAM_VAR": str(self.var), **more}
        process = program.start(*arguments, **environment)
        try:
            output, errors = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:  # it waits for a server to come to its senses
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        self.said.append((" ".join(arguments), output + errors))
        if ends is not None:
            assert process.returncode == ends, errors.decode()
        assert b"Traceback" not in errors, errors.decode()
        return (output + errors).decode()

    def leaks(self, *folders: Path) -> list[str]:
        """Return the commands and files in which a secret is."""
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        everything = [*self.said, *((str(path), path.read_bytes()) for path in files)]
        return [name for name, content in everything if any(form in content for form in FORMS)]


@pytest.fixture
def told(var: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delitem(program.ENVIRONMENT, name, raising=False)
        monkeypatch.delitem(program.ENVIRONMENT, name.lower(), raising=False)
    return Told(var)


@pytest.fixture
def texts(tmp_path: Path) -> str:
    rows = program.TEXTS.read_text(encoding="utf-8").splitlines()[:COUNT]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join([*rows, '{"text": 7}', "no json"]) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def llm() -> Iterator[Loopback]:
    with served(key=LLM) as server:
        yield server


def judged(url: str) -> tuple[str, ...]:
    return ("--judge", "llm", "--llm-url", url, "--llm-model", "tiny")


def test_where_all_goes_well_no_output_and_no_file_has_a_secret(
    told: Told, llm: Loopback, texts: str, tmp_path: Path
) -> None:
    told("run", texts, *judged(llm.url), "--out", str(tmp_path / "out.jsonl"), ends=0)
    assert llm.requests
    for command in (
        ("status",),
        ("config",),
        ("config", "--json"),
        ("explain", "T0001"),
        ("explain", "T0001", "--json"),
        ("deadletters", "list"),
        ("init", str(tmp_path / "new")),
    ):
        told(*command, ends=0)
    assert told.leaks(told.var, tmp_path) == []


@pytest.mark.parametrize("status", [400, 401])
def test_servers_that_repeat_a_key_do_not_spread_it(
    told: Told, texts: str, tmp_path: Path, status: int
) -> None:
    with parrot() as server:
        server.status = status
        url = f"http://127.0.0.1:{server.server_address[1]}"
        told("run", texts, *judged(url + "/v1"), REDSTREAM_LLM_PATIENCE="13")
        assert server.asked
        before = server.asked
        told("examples", "rebuild", REDSTREAM_QDRANT=url)
        told("run", texts, REDSTREAM_QDRANT=url, REDSTREAM_MAX_TEXT="9000")
        assert server.asked > before
    told("status")
    told("deadletters", "list")
    told("deadletters", "list", "--json")
    assert told.leaks(told.var, tmp_path) == []


def test_a_broker_that_repeats_a_password_does_not_spread_it(told: Told, tmp_path: Path) -> None:
    with parrot_broker() as broker:
        brokers = f"127.0.0.1:{broker.server_address[1]}"
        for command in (
            ("topics", "check"),
            ("worker", "classify"),
            ("status",),
            ("consume",),
            ("produce", str(program.TEXTS)),
        ):
            said = told(*command, REDSTREAM_KAFKA=brokers, ends=1)
            assert "user 'carol' is not let in: check REDSTREAM_KAFKA_USER" in said
        told("worker", "judge", ends=1, REDSTREAM_KAFKA=brokers, REDSTREAM_LOG="json")
        assert b'"logger": "aiokafka"' in told.said[-1][1]
        assert broker.asked
    assert told.leaks(told.var, tmp_path) == []


@pytest.mark.kafka
def test_what_a_worker_shows_over_http_has_no_secret(
    told: Told, kafka: AnyBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in SECRETS if name.startswith("REDSTREAM_KAFKA")]:
        monkeypatch.delitem(SECRETS, name)  # the tests' broker asks for none
    [port] = free_ports(1)
    with parrot() as server:
        server.status = 503
        settings = {
            "REDSTREAM_KAFKA": kafka.bootstrap,
            "REDSTREAM_KAFKA_PREFIX": f"s{uuid4().hex[:12]}.",
            "REDSTREAM_QDRANT": f"http://127.0.0.1:{server.server_address[1]}",
            "REDSTREAM_METRICS_PORT": str(port),
            "REDSTREAM_VAR": str(tmp_path / "var"),
        }
        program.redstream("topics", "create", **settings)
        program.redstream("fit", str(program.EXAMPLES), "--labels", str(program.LABELS), **settings)
        worker = program.start("worker", "remember", **{**SECRETS, **settings})
        try:
            until = time.monotonic() + 60
            while "you said" not in (ready := asked(port, "readyz")[1]):
                assert time.monotonic() < until, ready
                time.sleep(0.2)
            shown = ready + asked(port, "livez")[1] + asked(port, "metrics")[1]
        finally:
            worker.terminate()
            output, errors = worker.communicate(timeout=60)
    assert "redstream_ready 0.0" in shown
    told.said.append(("worker remember", shown.encode() + output + errors))
    assert told.leaks(told.var, tmp_path) == []


def test_what_would_send_a_secret_in_the_clear_or_cannot_send_it_says_so_without_it(
    told: Told, texts: str, tmp_path: Path
) -> None:
    away = "http://example.org"
    assert "unencrypted" in told("run", texts, *judged(away + "/v1"), ends=1)
    assert "unencrypted" in told("run", texts, REDSTREAM_QDRANT=away, ends=1)
    assert "unencrypted" in told("topics", "check", REDSTREAM_KAFKA="example.org:9092", ends=1)
    cut = {"REDSTREAM_KAFKA_PASSWORD": KAFKA + "\nmore", "REDSTREAM_KAFKA": "127.0.0.1:1"}
    assert "no password has" in told("topics", "check", ends=1, **cut)
    cut = {"REDSTREAM_QDRANT_KEY": QDRANT + "\nmore", "REDSTREAM_QDRANT": "http://127.0.0.1:1"}
    assert "no key has" in told("run", texts, ends=1, **cut)
    assert "no key has" in told(
        "run", texts, *judged("http://127.0.0.1:1/v1"), ends=1, REDSTREAM_LLM_KEY=LLM + "\tmore"
    )
    assert "Transient" not in told("topics", "check", REDSTREAM_KAFKA="127.0.0.1:1", ends=1)
    assert told.leaks(told.var, tmp_path) == []


def test_a_secret_that_came_out_would_be_noticed(told: Told, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" + base64.b64encode(QDRANT.encode()))
    told.said.append(("command", f"the key is {quote(LLM, safe='')}".encode()))
    assert told.leaks(tmp_path) == ["command", str(tmp_path / "file")]
