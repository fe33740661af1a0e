"""`redstream examples` as a user meets it. Each start of the program takes seconds: few of them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.contract.loopback_qdrant import served, status
from tests.e2e.program import redstream

TEXTS = {
    "printer": ["printer jam paper", "toner empty printer", "print queue stuck", "printer offline"],
    "room": ["book a meeting room", "room double booked", "cancel the room", "room calendar"],
}
KEY = "s3cret-key-nobody-may-see"

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local:UserWarning"),
]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    rows = [{"label": label, "text": text} for label, texts in TEXTS.items() for text in texts]
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    redstream("fit", str(folder / "examples.jsonl"), "--var", str(folder / "var"))
    return folder / "var"


def test_examples_are_exported_imported_rebuilt_and_shown(var: Path, tmp_path: Path) -> None:
    at = ("--var", str(var))
    rows = [json.loads(line) for line in redstream("examples", "export", *at).splitlines()]
    assert sorted(row["text"] for row in rows) == sorted(
        text for texts in TEXTS.values() for text in texts
    )
    rows.append({"id": "p1", "label": "room", "text": "the big room [urgent]"})
    edited = tmp_path / "edited.jsonl"
    edited.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = redstream("examples", "import", str(edited), *at)
    assert "1 examples taught, 8 known already; the model is at version 2." in told
    shutil.rmtree(var / "examples")
    assert "examples holds 9 examples." in redstream("examples", "rebuild", *at)
    shown = redstream("examples", "show", "room", *at)
    (line,) = [line for line in shown.splitlines() if "p1" in line]
    for word in ("the big room [urgent]", "gold", "import", "yes"):
        assert word in line
    assert "5 taught, 5 stored." in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "lunch"), "there is no example of 'lunch'"),
        (("import", "missing.jsonl"), "cannot read missing.jsonl"),
        (("rebuild", "--var", "unfitted"), "redstream fit"),
    ],
)
def test_an_error_is_one_line(
    var: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    where = () if "--var" in arguments else ("--var", str(var))
    arguments = tuple(str(tmp_path / part) if part == "unfitted" else part for part in arguments)
    error = redstream("examples", *arguments, *where, fails=True)
    assert told in error
    assert error.count("\n") == 1


async def test_a_server_is_filled_by_rebuild_and_a_wrong_key_is_one_line(var: Path) -> None:
    rebuild = ("examples", "rebuild", "--var", str(var))
    async with served(KEY) as server:
        there = {"REDSTREAM_QDRANT": server.url, "REDSTREAM_QDRANT_KEY": KEY}
        told = await asyncio.to_thread(redstream, *rebuild, **there)
        assert f"collection 'redstream' of {server.url} holds 8 examples." in told
        server.requests.clear()
        server.fail(status(403, f"{KEY} may not"), forever=True)
        error = await asyncio.to_thread(redstream, *rebuild, fails=True, **there)
    assert "refuses us (403): check REDSTREAM_QDRANT_KEY" in error
    assert KEY not in error
    assert error.count("\n") == 1
    assert len(server.requests) == 1
