"""What somebody hostile sends: strategies for bytes, JSON, texts, ids, headers and records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.unit.judge.hostile import TRICKS

MANY = 1 << 20

ODD_TEXTS = (
    *TRICKS,
    "",
    " \t\r\n",
    "\x00",
    "a\nb",
    "\udcff",
    "../../etc/passwd",
    "' OR 1=1; --",
    "$(reboot)",
    "%s{0}",
    "=cmd()",
    "-" * 300,
    "9" * 5_000,
    "x" * 100_000,
    "é" * 70_000,
)

ODD_NUMBERS = (
    *(0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 10**4_000),
    *(0.5, -0.0, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")),
)

odd_texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=40))
odd_numbers = st.one_of(st.sampled_from(ODD_NUMBERS), st.integers(), st.floats())


def deep(levels: int, inner: Any = 0) -> Any:
    """Lists and objects within each other."""
    for level in range(levels):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


odd_values: SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    odd_numbers,
    odd_texts,
    st.sampled_from([[], {}, [[]], {"": {}}, [None], deep(30), deep(70), deep(150)]),
    st.lists(odd_texts, max_size=3),
    st.dictionaries(odd_texts, odd_numbers, max_size=3),
)


def dumped(value: Any, *, escaped: bool = True) -> bytes:
    """As JSON, or what passes for it (NaN, lone surrogates as bytes of their own)."""
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


TWICE = (b'{"id":"a","id":"b","text":"c","text":"d"}', b'{"a":1}{"a":2}', b'{"text":"a",}')

HEAPED = (
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"text": "' + b"a" * (MANY + 10) + b'"}',
    b'{"text": "' + b"\\u0061" * 60_000 + b'"}',
    b'{"text": "a", "id": ' + b"9" * 5_000 + b"}",
    b'{"text": "a", "n": ' + b"9" * 4_200 + b"}",
    b'{"text": "a", "n": 1e999}',
    b'{"text": "a", "n": [' + b"0," * 50_000 + b"0]}",
    b'\xef\xbb\xbf{"text": "marked"}',
    '{"text": "wide"}'.encode("utf-16"),
    b'{"text": "caf\xe9"}',
    b'{"text": "a\x00b"}',
    b'{"text": "\\ud800"}',
    b"\x1f\x8b\x08\x00",
    b"PAR1",
    b"\x00" * 4_096,
    b"NaN",
    b"-",
    b"",
    b" ",
    b"null",
)

almost_json = st.one_of(
    st.builds(dumped, odd_values),
    st.builds(dumped, odd_values, escaped=st.just(False)),
    st.sampled_from([*TWICE, *HEAPED]),
)


def spoiled(whole: bytes, cuts: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Bytes with pieces taken out and others put in."""
    for at, length, instead in cuts:
        start = at % (len(whole) + 1)
        whole = whole[:start] + instead + whole[start + length :]
    return whole


def damaged(whole: bytes) -> SearchStrategy[bytes]:
    """Something whole with a few bytes wrong, cut off, or twice."""
    cut = st.tuples(st.integers(0, max(1, len(whole))), st.integers(0, 12), st.binary(max_size=6))
    return st.one_of(
        st.builds(spoiled, st.just(whole), st.lists(cut, min_size=1, max_size=4)),
        st.integers(0, len(whole)).map(lambda end: whole[:end]),
        st.just(whole * 2),
    )


any_bytes = st.one_of(st.binary(max_size=200), almost_json, odd_texts.map(dumped))

Path = tuple[str | int, ...]


def places(value: Any, here: Path = ()) -> list[Path]:
    """Where something stands in a JSON value, itself included."""
    found = [here]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*here, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += places(inner, (*here, place))
    return found


def changed(value: Any, path: Path, instead: Any, drop: bool) -> Any:
    """A JSON value with another thing at a place, or nothing there."""
    if not path:
        return instead
    made = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and drop:
        del made[path[0]]
    else:
        made[path[0]] = changed(value[path[0]], path[1:], instead, drop)
    return made


@st.composite
def almost(draw: st.DrawFn, record: bytes) -> bytes:
    """A record with some of its fields of another kind, huge, odd, or left out; or mere bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(any_bytes)
    if kind == 1:
        return draw(damaged(record))
    value = json.loads(record)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(value)))
        instead = _like(draw, value, path)
        value = changed(value, path, instead, drop=draw(st.integers(0, 4)) == 0)
        if not isinstance(value, dict):
            break
    return dumped(value, escaped=draw(st.booleans()))


def _like(draw: st.DrawFn, value: Any, path: Path) -> Any:
    """Mostly something of the same kind: what is of another kind the reader refuses at once."""
    for step in path:
        value = value[step]
    if draw(st.integers(0, 3)) == 0:
        return draw(odd_values)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return draw(odd_numbers)
    if isinstance(value, str):
        return draw(odd_texts)
    if isinstance(value, list):
        return draw(st.sampled_from([[], value * 3, [*value, None], [value]]))
    if isinstance(value, dict):
        return draw(st.sampled_from([{}, {**value, "unknown": 1}, [value]]))
    return draw(odd_values)


ids = st.one_of(odd_texts, st.sampled_from(["T1", "0", "texts/0/0", "part/x", "manifest/1"]))

HEADERS = (
    *("redstream-source", "redstream-text", "redstream-id", "redstream-row", "redstream-reading"),
    *("redstream-wrong", "redstream-requeued", "traceparent", "tracestate", "", "x"),
)

header_values = st.one_of(
    odd_texts,
    st.sampled_from(
        [
            *("\udcff", "texts/0/0", "texts/0", "2", "-1", "9" * 5_000, "text", "a.b.c", "."),
            *("a:1", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "00-" + "0" * 32, "٣"),
        ]
    ),
).filter(lambda value: not any("\ud800" <= letter < "\udc80" for letter in value))
"""As they come off the wire: of surrogates only those that stand for bytes."""

headers = st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=4)

keys = st.one_of(st.none(), st.binary(max_size=12), st.sampled_from([b"\xff", b"T1", b"x" * 9_999]))
