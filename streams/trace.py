"""Trace context (W3C) on its way: what follows from a record carries its `traceparent`.

What a stage answers is told apart by its key: a dead letter's is the place of its record, all
others' are the text's id. What many texts lead to together (a version, drift) carries none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from models.errors import Permanent
from streams.incoming import read_text
from streams.stage import Delivered, Outgoing, own_part, text_of
from streams.topology import TEXTS

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"

PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

LONGEST_STATE = 512
"""Characters of vendors' own state that travel on, as the recommendation has it."""

LONGEST_TEXT = 1 << 20


def context_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that travel on; none where there is no `traceparent` as it must be."""
    parent = headers.get(TRACEPARENT, "")
    if not PARENT.fullmatch(parent):
        return {}
    state = headers.get(TRACESTATE, "")
    fits = 0 < len(state) <= LONGEST_STATE and state.isascii() and state.isprintable()
    return {TRACEPARENT: parent, **({TRACESTATE: state} if fits else {})}


def trace_id(headers: Mapping[str, str]) -> str | None:
    """Return the id of the trace that a record belongs to."""
    found = PARENT.fullmatch(headers.get(TRACEPARENT, ""))
    return found[1] if found else None


Into = Callable[[Delivered, Mapping[str, str]], Mapping[str, str]]
"""From the context that a record came with to the one that what follows from it carries."""


def as_it_came(delivered: Delivered, context: Mapping[str, str]) -> Mapping[str, str]:
    """Carry the context as it came."""
    return context


def carried(
    batch: Sequence[Delivered], outputs: Sequence[Outgoing], into: Into = as_it_came
) -> list[Outgoing]:
    """Return the answers to a batch, each with the trace context of what it follows from."""
    contexts: dict[bytes, Mapping[str, str]] = {}
    for one in batch:
        if TRACEPARENT in one.headers and (came := context_of(one.headers)):
            context = into(one, came)
            contexts[one.position.encode()] = context
            if (key := text_id(one)) is not None:
                contexts[key.encode()] = context
    if not contexts:
        return list(outputs)
    return [
        replace(one, headers={**one.headers, **found})
        if (found := contexts.get(own_part(one.key)))
        else one
        for one in outputs
    ]


def text_id(delivered: Delivered) -> str | None:
    """Return the id of the text that a record is about; None where it is about none."""
    if delivered.topic != TEXTS.name:
        return text_of(delivered.key) or None
    try:
        text = read_text(
            delivered.value, delivered.position, delivered.headers, max_text=LONGEST_TEXT
        )
    except Permanent:
        return None
    return text.id


def about(delivered: Delivered) -> dict[str, str]:
    """Return what a log line tells of the record that it is about."""
    told = {"record": delivered.position, "text_id": text_id(delivered)}
    told["trace_id"] = trace_id(delivered.headers)
    return {name: value for name, value in told.items() if value is not None}
