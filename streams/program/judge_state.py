"""How an LLM stands: kept small beside the log while a run is under way, for `redstream status`.

The verdicts themselves are in the ledger. What is only in the judge's own process (circuit,
budget, cache, tokens in and out) would otherwise be seen by nobody else.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from streams.derived import keep
from streams.wire import Record

if TYPE_CHECKING:
    from judge.port import Judge


class JudgeState(Record):
    """What a judge says of itself (`RemoteJudge.status`), at a time; counted since `began`.

    `budget` holds what was spent and the cap, by window and by what is limited; `budget_full` is
    the window without room. `resumes_in`: seconds until it, or the circuit, lets a request pass.
    `expected_verify` and `expected_choose` (among 5): tokens such a question is expected to take.
    """

    at: float
    began: float
    model: str
    prompt: str = ""
    mode: str = ""
    calls: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_estimated: int = 0
    expected_verify: float = 0.0
    expected_choose: float = 0.0
    money: float = 0.0
    money_in_all: float = 0.0
    cache_hits: int = 0
    cache_off: str | None = None
    circuit: str = "closed"
    last_failure: str = ""
    circuit_open_for: float = 0.0
    resumes_in: float = 0.0
    budget: dict[str, dict[str, tuple[float, float]]] = Field(default_factory=dict)
    budget_full: str | None = None


class JudgeWatch:
    """Looks at a judge and keeps what it saw in a file; a judge that cannot be away has none."""

    def __init__(self, judge: Judge, path: Path) -> None:
        from judge.port import RemoteJudge  # here: `status` reads the state without a judge

        self._judge = judge if isinstance(judge, RemoteJudge) else None
        self._path = path
        self._began = time.time()
        if self._judge is None:  # of an earlier run with another judge
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def look(self) -> JudgeState | None:
        """Return how it stands, and write it down; a disk that is full is no reason to stop."""
        if self._judge is None:
            return None
        state = JudgeState.model_validate(
            {"at": time.time(), "began": self._began, **self._judge.status()}
        )
        keep(self._path, state.encode())
        return state


def last_seen(path: Path) -> JudgeState | None:
    """Return what a run last wrote; None without such a run, or where the file is damaged."""
    try:
        return JudgeState.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
