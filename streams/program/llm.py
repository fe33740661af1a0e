"""The LLM judge, made from the settings.

What it stands on is imported where it is needed: the client alone takes two seconds to load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from judge.policy import Policy
from judge.port import RemoteJudge
from models.classifier import Classifier
from models.errors import Fatal
from streams.feed import Feed
from streams.forgotten import GoneNow
from streams.labelset import LabelSet
from streams.program.folder import Folder
from streams.program.guides import follow_labels, open_guides
from streams.program.keys import key_of
from streams.program.llm_settings import caps_of, check_endpoint
from streams.program.settings import Settings
from streams.stage import Reader

if TYPE_CHECKING:
    from judge.llm.build import Options
    from judge.llm.judge import LLMJudge

FIRST = 5
"""Contenders offered before the choice is widened."""


def build_llm(
    settings: Settings, log: Reader, feed: Feed
) -> tuple[RemoteJudge, Callable[[], Policy]]:
    """Return the judge, and its policy; both follow the labels of the model in service.

    Raises:
        Fatal: the settings cannot be used, or the file with the guides is broken.
    """
    from judge.llm.build import build

    version = feed.newest()
    labels = LabelSet.of(version.manifest)
    guides = open_guides(settings, log, version.classifier, labels)
    judge = _fitting(lambda: build(options_of(settings), guides, Folder(settings.var).verdicts))
    told, gone = _told(version.classifier), GoneNow()

    def policy() -> Policy:
        nonlocal version, told
        forgotten = gone.news(log)  # guides may quote it
        if forgotten or feed.newest() is not version:
            version = feed.newest()
            if told != (told := _told(version.classifier)) or forgotten:
                labels = LabelSet.of(version.manifest)
                follow_labels(guides, settings, log, version.classifier, labels)
        return Policy(
            judge.expected_tokens,
            first=FIRST,
            wide=settings.llm_wide,
            names=tuple(told) if settings.llm_all_names else (),
        )

    return judge, policy


def _told(classifier: Classifier) -> dict[str, tuple[str, str]]:
    """What the model knows of its labels in words: name and guide, by label."""
    infos = classifier.infos
    return {label: (infos[label].name, infos[label].guide) for label in classifier.labels}


def build_measured(settings: Settings, log: Reader, classifier: Classifier) -> RemoteJudge:
    """Return the judge by itself, to be measured: without the verdicts of earlier runs.

    Raises:
        Fatal: the settings cannot be used, or the file with the guides is broken.
    """
    from judge.llm.build import build

    options = options_of(settings)
    return _fitting(lambda: build(options, open_guides(settings, log, classifier)))


def _fitting(made: Callable[[], LLMJudge]) -> LLMJudge:
    import stamina.instrumentation

    # A line for every retry says nothing that the status does not say.
    stamina.instrumentation.set_on_retry_hooks([])
    try:
        return made()
    except ValueError as error:
        raise Fatal(f"the LLM's settings do not fit: {error}") from None


def options_of(settings: Settings, model: str | None = None, **more: Any) -> Options:
    """Return how the LLM is asked; `model` instead of the settings', `more` as `Options` has it.

    Raises:
        Fatal: no endpoint or no model is set, or the settings do not fit.
    """
    model = model or settings.llm_model
    check_endpoint(settings, model)
    from judge.llm.budget import Cap, Price, Window
    from judge.llm.build import Options
    from judge.llm.caller import Patience
    from judge.llm.prompt import Limits

    windows: tuple[Window, ...] = ("minute", "day", "all")
    made = Options(
        url=settings.llm_url or "",
        model=model or "",
        key=SecretStr(key_of(settings, "llm")),
        authority=settings.llm_ca_file,
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
    return replace(made, **more)
