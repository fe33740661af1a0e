"""What is set otherwise than in the run before: told, since nothing else would show it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from streams.program.configuration import secrets
from streams.program.settings import Settings

MEANS = {
    "answers": "what was decided stays",
    "audit": "from now on; what was audited before counts as it was drawn",
    "certify": "",
    "concurrency": "",
    "encoder_path": "",
    "gold": "",
    "guides": "",
    "judge": "what the other one decided stays",
    "judge_error": "",
    "llm_all_names": "",
    "llm_examples": "",
    "llm_model": "what the other one answered stays, and is asked anew where it comes again",
    "llm_temperature": "",
    "llm_url": "",
    "llm_wide": "",
    "max_text": "texts in the dead letters come back with `redstream deadletters requeue`",
    "qdrant": "`redstream examples rebuild` fills the store there",
    "qdrant_collection": "`redstream examples rebuild` fills it",
    "rounds": "",
    "shares": "",
    "target": "what was judged so far is weighed anew for it; what went out, went out",
    "weights": "",
}
"""Settings on which results hang, and what another value means where that needs saying."""


def changed(settings: Settings, path: Path) -> list[str]:
    """Return what differs from the run before, a line each, and keep how it is now.

    A file that is lost or damaged is a first run. Secrets are not in it.
    """
    now = _plain(settings)
    before: dict[str, object] = {}
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        before = found if isinstance(found, dict) else {}
    with suppress(OSError):
        path.write_text(json.dumps(now, indent=1))
    return [
        f"{name} is {_said(now[name])} now, and was {_said(before[name])} in the run before"
        f"{f': {means}' if means else ''}."
        for name, means in MEANS.items()
        if name in before and before[name] != now[name]
    ]


def _plain(settings: Settings) -> dict[str, object]:
    dumped = settings.model_dump(mode="json", include=set(MEANS) - secrets())
    return {name: dumped[name] for name in MEANS}


def _said(value: object) -> str:
    return "not set" if value is None else str(value)
