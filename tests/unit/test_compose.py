"""docker-compose.yml, as far as it can be told without a container engine.

It is held against the schema of the Compose Specification, and what it names has to exist: commands
with their options, settings, volumes, services, ports.
"""

from __future__ import annotations

import copy
import gzip
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml

from streams.program.cli import app
from streams.program.settings import Settings
from streams.topology import STAGES, WRITE

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("redstream:")}
ONCE = {"topics", "redstream", "ollama-model"}
SERVERS = {
    "kafka": (9092,),
    "qdrant": (6333, 6334),
    "ollama": (11434,),
    "prometheus": (9090,),
    "grafana": (3000,),
}


def schema() -> jsonschema.Draft202012Validator:
    packed = (ROOT / "tests/schemas/compose-spec.json.gz").read_bytes()
    return jsonschema.Draft202012Validator(json.loads(gzip.decompress(packed)))


def settings_named(text: str) -> set[str]:
    return set(re.findall(r"\bREDSTREAM_(\w+)", text))


def parsed(words: list[str]) -> str:
    """The command that the words are for; raises where they are none, or none of its options."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("redstream", [*words])
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(name, rest, parent=context)
    return str(context.command_path)


def test_it_is_valid_against_the_compose_specification() -> None:
    schema().validate(COMPOSE)


def test_the_schema_would_notice_what_is_wrong() -> None:
    for name, key, wrong in (
        ("kafka", "port", ["1:1"]),
        ("judge", "restart", 3),
        ("classify", "depends_on", {"kafka": {"condition": "service_ready"}}),
    ):
        broken = copy.deepcopy(COMPOSE)
        broken["services"][name][key] = wrong
        assert not schema().is_valid(broken), key


def test_every_stage_has_a_worker_and_none_is_made_up() -> None:
    workers = {one["command"][1] for one in OURS.values() if one["command"][0] == "worker"}
    # Rows for a file are written by a run in one process; on Kafka `consume` reads them.
    assert workers == {stage.name for stage in STAGES} - {WRITE.name}
    for name in workers:
        assert OURS[name]["command"] == ["worker", name]


@pytest.mark.parametrize("name", OURS)
def test_its_command_is_one_of_the_program(name: str) -> None:
    words = OURS[name]["command"]
    assert parsed(words).split()[1:] == words[: 2 if words[0] == "topics" else 1]


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    assert parsed(["status"]) == "redstream status"
    for wrong in (["walk"], ["status", "--faster"], ["models", "paint", "3"]):
        with pytest.raises(Exception, match=r"No such|no such"):
            parsed(wrong)


def test_commands_of_the_page_name_services_profiles_and_commands_that_exist() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [shlex.split(one) for one in re.findall(r"^docker compose (.+)$", page, re.MULTILINE)]
    inline = [shlex.split(one) for one in re.findall(r"`docker compose ([^`]+)`", page)]
    assert len(lines) > 8
    for words in lines + inline:
        if words[:2] == ["run", "--rm"]:
            assert words[2] == "redstream"
            parsed(words[3:])
        elif words[0] == "up":
            named = [one for one in words[1:] if not one.startswith("--")]
            assert {one.partition("=")[0] for one in named} <= SERVICES.keys()
        elif words[0] == "--profile":
            assert any(words[1] in one.get("profiles", []) for one in SERVICES.values())
        else:
            assert words[0] in ("build", "down", "logs", "stop"), words


def test_every_setting_it_names_exists() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8") + page
    names = {name.lower() for name in settings_named(text) if name != "NAME"}
    assert {"kafka", "qdrant", "llm_key_file"} <= names
    assert names - Settings.model_fields.keys() == set()


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+(-unprivileged)?$", SERVICES[name]["image"])


def test_versions_are_those_of_the_project() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    client = re.search(r"^qdrant-client==(\S+)$", pins, re.MULTILINE)
    project = re.search(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert client
    assert project
    assert SERVICES["qdrant"]["image"] == f"qdrant/qdrant:v{client[1]}-unprivileged"
    assert {one["image"] for one in OURS.values()} == {f"redstream:{project[1]}"}


@pytest.mark.parametrize("name", SERVICES)
def test_only_servers_are_published_and_on_the_loopback_alone(name: str) -> None:
    ports = [port.split(":") for port in SERVICES[name].get("ports", [])]
    assert all(address == "127.0.0.1" for address, *_ in ports)
    assert [int(inside) for *_, inside in ports] == list(SERVERS.get(name, ()))
    assert "network_mode" not in SERVICES[name]
    assert "privileged" not in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_what_runs_on_has_a_health_check_and_is_started_again(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] in ("no", "on-failure:5")
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_a_worker_is_healthy_when_it_says_that_it_is_ready() -> None:
    for name in OURS.keys() - ONCE:
        service = SERVICES[name]
        port = service["environment"]["REDSTREAM_METRICS_PORT"]
        program, flag, line = service["healthcheck"]["test"][1:]
        assert (program, flag) == ("python", "-c")
        assert f'"http://127.0.0.1:{port}/readyz"' in line
        compile(line, name, "exec")


def test_every_health_check_of_a_worker_fails_where_nobody_answers() -> None:
    line = SERVICES["classify"]["healthcheck"]["test"][3].replace(":9600/", ":9/")
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, timeout=30)
    assert done.returncode != 0


def test_workers_are_where_prometheus_looks_for_them() -> None:
    config = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]
    [found] = job["dns_sd_configs"]
    assert set(found["names"]) == OURS.keys() - ONCE
    for name in found["names"]:
        environment = SERVICES[name]["environment"]
        assert environment["REDSTREAM_METRICS_PORT"] == str(found["port"])
        assert environment["REDSTREAM_METRICS_HOST"] == "0.0.0.0"


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_waits_for_exists_and_can_come_about(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        condition = how["condition"]
        assert other in SERVICES
        expected = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert condition == expected
        if "profiles" in SERVICES[other]:
            assert SERVICES[other]["profiles"] == SERVICES[name].get("profiles")


def test_workers_wait_for_the_servers_and_the_topics() -> None:
    for name in OURS.keys() - {"topics"}:
        assert SERVICES[name]["depends_on"].keys() == {"kafka", "qdrant", "topics"}
    assert SERVICES["topics"]["depends_on"].keys() == {"kafka"}


def test_volumes_and_secrets_are_declared_and_used() -> None:
    named, secrets = set(), set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, mode = (
                volume.split(":") if volume.count(":") == 2 else (*volume.split(":"), "")
            )
            if source.startswith("."):
                assert mode == "ro", volume
            else:
                named.add(source)
        secrets |= set(service.get("secrets", []))
    assert named == COMPOSE["volumes"].keys()
    assert secrets == COMPOSE["secrets"].keys()


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's own: not root (test_dockerfile.py)
    limits = service["deploy"]["resources"]["limits"]
    assert limits["cpus"] == service["environment"]["OMP_NUM_THREADS"]
    assert limits["memory"]


def test_no_secret_is_in_the_file() -> None:
    for name, service in SERVICES.items():
        for key in service.get("environment", {}):
            assert not re.search(r"KEY$|PASSWORD|TOKEN$", key), (name, key)
    assert COMPOSE["secrets"] == {"llm_key": {"file": "${LLM_KEY_FILE:-/dev/null}"}}
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_kafka_makes_no_topic_by_itself_and_keeps_internal_ones_on_one_node() -> None:
    told = SERVICES["kafka"]["environment"]
    assert told["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    copies = {key: value for key, value in told.items() if key.endswith(("_FACTOR", "_MIN_ISR"))}
    assert len(copies) == 5
    assert set(copies.values()) == {"1"}
    advertised = dict(one.split("://") for one in told["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert advertised == {"HOST": "127.0.0.1:9092", "INSIDE": "kafka:19092"}
