"""The LLM judge, made from the settings.

What it stands on is imported where it is needed: the client alone takes two seconds to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

from judge.guides import Guide
from judge.policy import Policy
from judge.port import RemoteJudge
from models.errors import Fatal
from streams.feed import Feed, Version
from streams.program.folder import Folder
from streams.program.llm_settings import caps_of, check, key_of
from streams.program.settings import Settings

if TYPE_CHECKING:
    from judge.llm.build import Options

FIRST = 5
"""Contenders offered before the choice is widened."""


def build_llm(settings: Settings, feed: Feed) -> tuple[RemoteJudge, Callable[[], Policy]]:
    """Return the judge, and its policy, which follows the labels of the model in service.

    Raises:
        Fatal: the settings cannot be used.
    """
    check(settings)
    import stamina.instrumentation

    from judge.llm.build import build

    # A line for every retry says nothing that the status does not say.
    stamina.instrumentation.set_on_retry_hooks([])
    guides: dict[str, Guide] = {}
    try:
        judge = build(options_of(settings), guides, Folder(settings.var).verdicts)
    except ValueError as error:
        raise Fatal(f"the LLM's settings do not fit: {error}") from None
    followed: Version | None = None

    def policy() -> Policy:
        nonlocal followed
        version = feed.newest()
        if version is not followed:
            guides.clear()
            guides.update(guides_of(version))
            followed = version
        return Policy(
            judge.expected_tokens,
            first=FIRST,
            wide=settings.llm_wide,
            names=tuple(version.manifest.labels) if settings.llm_all_names else (),
        )

    return judge, policy


def guides_of(version: Version) -> dict[str, Guide]:
    """Return what each label means, as the model in service knows it."""
    infos = version.classifier.infos
    return {label: Guide.of(label, info.name, info.guide) for label, info in infos.items()}


def options_of(settings: Settings) -> Options:
    """Return what the LLM is made from."""
    from judge.llm.budget import Cap, Price, Window
    from judge.llm.build import Options
    from judge.llm.caller import Patience
    from judge.llm.prompt import Limits

    windows: tuple[Window, ...] = ("minute", "day", "all")
    return Options(
        url=settings.llm_url or "",
        model=settings.llm_model or "",
        key=SecretStr(key_of(settings)),
        timeout=settings.llm_timeout,
        temperature=settings.llm_temperature,
        answer_tokens=settings.llm_answer_tokens,
        concurrency=settings.concurrency,
        per_minute=settings.llm_per_minute,
        patience=Patience(total=settings.llm_patience),
        price=Price(settings.llm_price_in, settings.llm_price_out),
        caps={window: Cap(**caps_of(settings, window)) for window in windows},
        limits=Limits(examples=settings.llm_examples),
    )
