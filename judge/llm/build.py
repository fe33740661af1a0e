"""An LLM judge from plain options: what a program's settings have to provide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from judge.guides import Guide
from judge.llm.budget import Budget, Cap, Price, Window
from judge.llm.cache import VerdictCache
from judge.llm.caller import Caller, Patience
from judge.llm.circuit import Circuit
from judge.llm.endpoint import Endpoint
from judge.llm.judge import LLMJudge
from judge.llm.pace import Pace
from judge.llm.prompt import Limits


@dataclass(frozen=True, slots=True)
class Options:
    """Where the LLM is, and how much of it may be used.

    `timeout` and `patience.total` in seconds, for one request and for one question with its
    waits and retries; `authority` a file of certificates, None for the usual ones; `per_minute`
    requests at most, None for no limit; `temperature` 0 for answers that repeat; `answer_tokens`
    is the longest answer: reasoning models need more.
    """

    url: str
    model: str
    key: SecretStr = field(default_factory=lambda: SecretStr(""))
    authority: Path | None = None
    timeout: float = 12.0
    temperature: float = 0.0
    answer_tokens: int = 400
    concurrency: int = 32
    per_minute: float | None = None
    patience: Patience = field(default_factory=Patience)
    price: Price = field(default_factory=Price)
    caps: Mapping[Window, Cap] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    seed: str = "redstream"


def build(
    options: Options,
    guides: Mapping[str, Guide] | None = None,
    cache: Path | None = None,
) -> LLMJudge:
    """Make the judge; nothing is sent yet. Close it when done.

    `cache` is a file of its own; without it no verdict is kept, and the budget per day and in
    all starts anew with every start.

    Raises:
        Fatal: the URL is none, or holds a secret.
        ValueError: `timeout` is not below `patience.total`.
    """
    kept = VerdictCache(cache) if cache is not None else None
    caller = caller_of(options, kept)
    return LLMJudge(caller, guides, kept, seed=options.seed, limits=options.limits)


def caller_of(options: Options, kept: VerdictCache | None = None) -> Caller:
    """What asks the endpoint, for a judge or a writer of guides; nothing is sent yet.

    `kept` is told what is spent; who goes on from what it knows restores the budget.

    Raises:
        Fatal: the URL is none, or holds a secret.
        ValueError: `timeout` is not below `patience.total`.
    """
    endpoint = Endpoint(
        options.url,
        options.model,
        options.key,
        authority=options.authority,
        timeout=options.timeout,
        temperature=options.temperature,
        answer_tokens=options.answer_tokens,
    )
    budget = Budget(options.caps, options.price)

    def save() -> None:
        if kept is not None:
            kept.save_spent(budget.state())

    return Caller(
        endpoint,
        Pace(options.concurrency, options.per_minute),
        budget,
        Circuit(),
        options.patience,
        options.answer_tokens,
        save,
    )
