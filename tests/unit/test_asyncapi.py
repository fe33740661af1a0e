"""docs/asyncapi.yaml is a valid AsyncAPI 3 document and says what really moves."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from models.errors import Permanent
from streams.incoming import read_text
from streams.kafka.connection import Connection
from streams.kafka.topics import declared
from streams.records import DeadLetter, Labeled
from streams.topology import DEADLETTERS, STAGES, TOPICS
from tools.goldens import folders

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(gzip.decompress((ROOT / "tests/schemas/asyncapi-3.0.0.json.gz").read_bytes()))
GOLDEN = [path for folder in folders() for path in sorted(folder.glob("*.json"))]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As it lies in docs/; that it is as the code says is held by test_pages.py."""
    return yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text(encoding="utf-8"))


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def found(document: dict[str, Any], ref: str) -> Any:
    here: Any = document
    for name in ref.removeprefix("#/").split("/"):
        here = here[name]
    return here


def payload(document: dict[str, Any], kind: str) -> jsonschema.Draft7Validator:
    """A validator of one kind of record, in the words of draft 7."""
    return jsonschema.Draft7Validator(
        {"$ref": f"#/components/schemas/{kind}", "components": document["components"]}
    )


def test_it_is_valid_against_the_schema_of_asyncapi(document: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(document)


def test_the_schema_would_notice_what_is_wrong(document: dict[str, Any]) -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    for path, wrong in (
        (("operations", "judge-receives-uncertain", "action"), "publish"),
        (("channels", "texts", "bindings", "kafka", "partitions"), 0),
        (("components", "schemas", "Labeled", "type"), "record"),
    ):
        broken = copy.deepcopy(document)
        *way, last = path
        found(broken, "/".join(way))[last] = wrong
        assert not validator.is_valid(broken), path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    every = set(refs(document))
    assert len(every) > 30
    for ref in every:
        assert ref.startswith("#/")
        found(document, ref)


def test_channels_are_the_topics_as_they_are_declared_on_the_brokers(
    document: dict[str, Any],
) -> None:
    assert list(document["channels"]) == [topic.name for topic in TOPICS]
    for place in declared(Connection("127.0.0.1:9092"), 6, 1):
        channel = document["channels"][place.name.removeprefix("redstream.")]
        bound = channel["bindings"]["kafka"]
        config = bound["topicConfiguration"]
        assert channel["address"] == bound["topic"] == place.name
        assert (bound["partitions"], bound["replicas"]) == (place.partitions, place.replication)
        assert ",".join(config.pop("cleanup.policy")) == place.config["cleanup.policy"]
        assert {name: str(value) for name, value in config.items()} == {
            name: value for name, value in place.config.items() if name != "cleanup.policy"
        }


def test_operations_are_what_the_stages_read_and_write(document: dict[str, Any]) -> None:
    told = {
        (name.split("-")[0], one["action"], one["channel"]["$ref"].rpartition("/")[2])
        for name, one in document["operations"].items()
    }
    assert told == {
        (stage.name, action, topic.name)
        for stage in STAGES
        for action, topics in (
            ("receive", stage.reads),
            ("send", (*stage.writes, DEADLETTERS)),
        )
        for topic in topics
    }


def test_outsiders_see_where_they_may_write_and_what_to_read(document: dict[str, Any]) -> None:
    tags: dict[str, set[str]] = {}
    for name, channel in document["channels"].items():
        tags.setdefault(channel["tags"][0]["name"], set()).add(name)
    assert tags["write"] == {"texts"}
    assert tags["read"] == {"labeled-latest", "labeled", "deadletters"}
    assert tags["write"] | tags["read"] | tags["internal"] == set(document["channels"])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_records_as_they_were_ever_written_fit_the_schemas(
    document: dict[str, Any], path: Path
) -> None:
    kind = path.stem
    if kind not in document["components"]["schemas"]:
        pytest.fail(f"{kind} is a record and has no schema")
    payload(document, kind).validate(json.loads(path.read_text(encoding="utf-8")))


def test_examples_of_messages_are_read_by_the_code_and_fit_their_schemas(
    document: dict[str, Any],
) -> None:
    readers = {
        "IncomingText": lambda value: read_text(value, "texts/0/0", max_text=20_000),
        "Labeled": Labeled.decode,
        "DeadLetter": DeadLetter.decode,
    }
    messages = document["components"]["messages"]
    assert {name for name, told in messages.items() if "examples" in told} == readers.keys()
    for name, read in readers.items():
        for example in messages[name]["examples"]:
            payload(document, name).validate(example["payload"])
            read(json.dumps(example["payload"]).encode())


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"text": ""},
        {"text": None},
        {"text": "a", "id": 1.5},
        {"text": "a", "id": "x" * 201},
        {"text": "x" * 20_001},
        ["text"],
    ],
    ids=lambda text: str(text)[:30],
)
def test_the_schema_of_texts_refuses_what_the_code_refuses(
    document: dict[str, Any], text: Any
) -> None:
    assert not payload(document, "IncomingText").is_valid(text)
    with pytest.raises(Permanent):
        read_text(json.dumps(text).encode(), "texts/0/0", max_text=20_000)


def test_what_is_no_plain_json_says_so(document: dict[str, Any]) -> None:
    kinds = {
        name: told["contentType"]
        for name, told in document["components"]["messages"].items()
        if told["contentType"] != "application/json"
    }
    assert kinds == {
        "ModelPart": "application/octet-stream",
        "ModelPin": "application/octet-stream",
        "ModelTree": "application/zlib",
        "ModelManifest": "application/zlib",
        "Snapshot": "application/zlib",
    }
