"""Judges, cases and neighbours for the tests of the LLM judge."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr

from judge.guides import Guide
from judge.llm.build import Options, build
from judge.llm.caller import Patience
from judge.llm.judge import LLMJudge
from judge.question import Case, Neighbour
from tests.loopback.server import Loopback

QUICK = Patience(total=20.0, attempts=3, first=0.01, longest=0.05, jitter=0.01)
VECTOR = np.ones(2, np.float32)
RIGHT = {f"text {i}": "abc"[i % 3] for i in range(30)}
NEAR = (
    Neighbour("n1", "a", "an example of a", 0.9),
    Neighbour("n2", "b", "an example of b", 0.8),
)


def case(text: str = "text 0", contenders: Sequence[str] = ("a", "b", "c")) -> Case:
    return Case(f"id of {text[:20]}", text, VECTOR, tuple(contenders))


@asynccontextmanager
async def judge_of(
    server: Loopback, cache: Path | None = None, guides: dict[str, Guide] | None = None, **more: Any
) -> AsyncIterator[LLMJudge]:
    given = {"key": SecretStr(server.key), "model": server.model, "patience": QUICK, **more}
    judge = build(Options(server.url, **given), guides, cache)
    try:
        yield judge
    finally:
        await judge.close()


Serve = Callable[..., Any]
