"""The AsyncAPI 3 document of what moves on Kafka: from the topics, the records and the stages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import yaml
from pydantic.json_schema import models_json_schema

from streams import records, topology
from streams.incoming import (
    ID_HEADER,
    LONGEST_ID,
    READING_HEADER,
    ROW_HEADER,
    SOURCE_HEADER,
    TEXT_HEADER,
    WRONG_HEADER,
)
from streams.kafka.connection import Connection
from streams.kafka.topics import Declared
from streams.program.kafka_settings import connection, topics
from streams.program.settings import Settings
from streams.snapshot import KEY, Snapshot
from streams.textindex import REQUEUED_HEADER
from streams.topology import STAGES, TOPICS, StageSpec, Topic
from tools import goldens
from tools.told import ABOUT, HEADERS, MODEL_MESSAGES, PUBLIC, TOLD

MADE = "# Made by `python -m tools.reference` from the code: change it there.\n"
BINDING = "0.5.0"
JSON, BYTES, ZLIB = "application/json", "application/octet-stream", "application/zlib"
BROKERS = "127.0.0.1:9092"

EXAMPLES = ("Labeled", "DeadLetter")
"""What outsiders read: shown by its newest golden record."""


def page() -> str:
    """Return the document as YAML."""
    return MADE + yaml.dump(
        document(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
    )


def document() -> dict[str, Any]:
    """Return the document."""
    settings = Settings.model_construct(kafka=BROKERS)  # the defaults, whatever is set here
    where, places = connection(settings), topics(settings)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "redstream",
            "version": version("redstream"),
            "description": ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": JSON,
        "servers": {
            "local": {
                "host": BROKERS,
                "protocol": "kafka",
                "description": "Where docker-compose.yml publishes Kafka: elsewhere another.",
            }
        },
        "channels": {
            topic.name: _channel(topic, place) for topic, place in zip(TOPICS, places, strict=True)
        },
        "operations": {name: told for stage in STAGES for name, told in _operations(stage, where)},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _channel(topic: Topic, place: Declared) -> dict[str, Any]:
    config = {
        name: [value] if name == "cleanup.policy" else int(value)
        for name, value in place.config.items()
    }
    shared = " Partitions: as many as REDSTREAM_KAFKA_PARTITIONS says." * (not topic.partitions)
    return {
        "address": place.name,
        "title": topic.name,
        "description": f"{TOLD[topic.name]} Key: {topic.key}.{shared}",
        "messages": {name: _ref("messages", name) for name in _carried(topic)},
        "tags": [{"name": PUBLIC.get(topic.name, "internal")}],
        "bindings": {
            "kafka": {
                "topic": place.name,
                "partitions": place.partitions,
                "replicas": place.replication,
                "topicConfiguration": config,
                "bindingVersion": BINDING,
            }
        },
    }


def _carried(topic: Topic) -> list[str]:
    """The names of the messages of a topic."""
    if topic is topology.TEXTS:
        return ["IncomingText"]
    if topic is topology.MODELS:
        return list(MODEL_MESSAGES)
    assert topic.record is not None
    return [topic.record.__name__, *(["Snapshot"] if topic is topology.MARKS else [])]


def _operations(stage: StageSpec, where: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in stage.reads:
        bindings = {
            "groupId": {"type": "string", "enum": [where.group(stage.name)]},
            "bindingVersion": BINDING,
        }
        yield (
            f"{stage.name}-receives-{topic.name}",
            {
                "action": "receive",
                "channel": _ref("channels", topic.name),
                "summary": f"The stage {stage.name!r} reads {topic.name!r}.",
                "tags": [{"name": stage.name}],
                "bindings": {"kafka": bindings},
            },
        )
    for topic in (*stage.writes, topology.DEADLETTERS):
        yield (
            f"{stage.name}-sends-{topic.name}",
            {
                "action": "send",
                "channel": _ref("channels", topic.name),
                "summary": f"The stage {stage.name!r} writes to {topic.name!r}.",
                "tags": [{"name": stage.name}],
            },
        )


def _messages() -> dict[str, Any]:
    found = {"IncomingText": _incoming()}
    for topic in TOPICS:
        if topic.record is not None:
            found[topic.record.__name__] = _message(topic.record.__name__, topic.key)
    for name, (key, kind, told) in MODEL_MESSAGES.items():
        bound = _message(name, key, kind or None)
        found[name] = bound | {"contentType": ZLIB if kind else BYTES, "description": told}
    found["Snapshot"] = _message("Snapshot", f"`{KEY}`") | {
        "contentType": ZLIB,
        "description": "What the detectors of drift know: the JSON of the payload as a zlib"
        " stream. Headers: the next offset by topic/partition.",
    }
    for name in EXAMPLES:
        found[name]["examples"] = [{"name": "golden", "payload": _golden(name)}]
    return found


def _message(name: str, key: str, kind: str | None = "") -> dict[str, Any]:
    """A message of a record's JSON; of `kind` if it is called otherwise, None for bytes."""
    payload: dict[str, Any] = {"type": "string", "format": "binary"}
    return {
        "name": name,
        "contentType": JSON,
        "payload": payload if kind is None else _ref("schemas", kind or name),
        "bindings": {
            "kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}
        },
    }


def _incoming() -> dict[str, Any]:
    headers = (SOURCE_HEADER, TEXT_HEADER, ID_HEADER, ROW_HEADER, READING_HEADER, WRONG_HEADER)
    return _message("IncomingText", "text id, or none") | {
        "title": "A text to label",
        "headers": {
            "type": "object",
            "description": "All may be left out.",
            "properties": {
                name: {"type": "string", "description": HEADERS[name]}
                for name in (*headers, REQUEUED_HEADER)
            },
        },
        "examples": [
            {
                "name": "withUnknownFields",
                "payload": {"id": "T-17", "text": "The printer is on fire.", "channel": "mail"},
            },
            {"name": "textAlone", "payload": {"text": "I cannot log in."}},
        ],
    }


def _schemas() -> dict[str, Any]:
    kinds = {topic.record for topic in TOPICS if topic.record is not None}
    inner = {records.Manifest, records.Tree, Snapshot}
    in_order = sorted(kinds | inner, key=lambda kind: kind.__name__)
    _, found = models_json_schema(
        [(kind, "validation") for kind in in_order], ref_template="#/components/schemas/{model}"
    )
    incoming = {
        "type": "object",
        "description": "Any JSON object with a text. Fields that are not known travel along as"
        " `attributes` of all that becomes of the text.",
        "required": ["text"],
        "properties": {
            "id": {
                "type": ["string", "integer"],
                "maxLength": LONGEST_ID,
                "description": f"1 to {LONGEST_ID} printable characters; a number counts as its"
                " digits. Left out: derived from topic, partition and offset. The same id with the"
                " same text is a repeat and dropped, with another text a dead letter.",
            },
            "text": {
                "type": "string",
                "minLength": 1,
                "maxLength": Settings.model_fields["max_text"].default,
                "description": "Not blank; the most characters: REDSTREAM_MAX_TEXT.",
            },
        },
        "additionalProperties": True,
    }
    return {"IncomingText": incoming} | {
        name: _tidy(told) for name, told in sorted(found["$defs"].items())
    }


def _tidy(schema: Any) -> Any:
    """Return a schema in the words of JSON Schema draft 7; titles only say the name again."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {
        name: " ".join(value.split()) if name == "description" else _tidy(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }
    if "prefixItems" in tidied:  # what draft 7 calls items
        tidied["items"] = tidied.pop("prefixItems")
    return tidied


def _golden(kind: str) -> Any:
    """The newest golden record of a kind."""
    return json.loads(goldens.newest(kind).read_text(encoding="utf-8"))


def _ref(kind: str, name: str) -> dict[str, str]:
    where = "" if kind == "channels" else "components/"
    return {"$ref": f"#/{where}{kind}/{name}"}


class _Dumper(yaml.SafeDumper):
    """No anchors: what stands twice is written twice. Paragraphs stay as they are."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value.strip() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)
