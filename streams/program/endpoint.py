"""The LLM endpoint that the settings name, as `judge.llm` takes it."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from judge.llm.build import Options
from models.errors import Fatal
from streams.program.settings import Settings


def options_of(settings: Settings, model: str | None = None, **more: Any) -> Options:
    """Return how to ask the endpoint; `model` instead of the settings', `more` as `Options` has it.

    Raises:
        Fatal: no endpoint or no model is set.
    """
    model = model or settings.llm_model
    if not settings.llm_url:
        raise Fatal("no LLM endpoint is set: REDSTREAM_LLM_URL, as http://localhost:8000/v1")
    if not model:
        raise Fatal("no model is named: REDSTREAM_LLM_MODEL, or --model")
    given = {"timeout": settings.llm_timeout, **more}
    return Options(settings.llm_url, model, settings.llm_key or SecretStr(""), **given)
