"""The LLM as a judge: renders, asks, reads, and signs with the model's name."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from judge.guides import Guide
from judge.llm import prompt as prompts
from judge.llm.answer import Malformed, Said, parse
from judge.llm.cache import VerdictCache, key_of
from judge.llm.caller import Caller
from judge.llm.prompt import Limits, Prompt
from judge.llm.usage import Use
from judge.question import Answer, Case, Neighbour, Question, no_verdict, picked, verified

# What one question takes, for `decide` to compare. Measured on the help desk example (30 labels,
# composed guides of 505 characters, 200 texts, the tokenizer of all-MiniLM-L6-v2), medians: verify
# 419, choose among 5 1,131, among 20 1,370; without guides 269, 390, 476.
_FIXED: Final = 140.0  # system text, question, frame
_TEXT: Final = 30.0
_EXAMPLE: Final = 22.0
_OPTION: Final = 8.0
_ANSWER: Final = 45.0
_CHARACTERS_PER_TOKEN: Final = 4.0


class LLMJudge:
    """Fits `judge.port.RemoteJudge`. Every failure of the endpoint is an answer without a verdict.

    Kinds that come back later: "away", "timed out", "budget". Kinds that leave a text
    undecided: "malformed", "refused", "cut off", and "spent" (the budget in all is used up).
    A verdict from the cache costs nothing, and says so: no calls, no tokens.
    """

    teaches = True

    def __init__(
        self,
        caller: Caller,
        guides: Mapping[str, Guide] | None = None,
        cache: VerdictCache | None = None,
        *,
        seed: str = "redstream",
        limits: Limits | None = None,
    ) -> None:
        """`seed` shuffles the options and makes the markers; keep it, or the cache is of no use.

        `guides` is looked up at every question: whoever holds it may change it.
        """
        self._caller = caller
        self._guides = guides if guides is not None else {}
        self._cache = cache
        self._seed = seed
        self._limits = limits or Limits()
        self._outcomes: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self.prompt_version = prompts.version()
        if cache is not None:
            caller.budget.restore(cache.spent())

    def __repr__(self) -> str:
        return f"LLMJudge({self._caller.endpoint!r})"

    @property
    def signature(self) -> str:
        """The model's name."""
        return self._caller.endpoint.model

    def reseeded(self, seed: str) -> "LLMJudge":
        """The same judge, with the options shuffled by another seed."""
        other = LLMJudge(self._caller, self._guides, None, seed=seed, limits=self._limits)
        other._cache = self._cache  # not given above: the budget must not go back to what it kept
        return other

    def shown(self, case: Case, options: Sequence[str]) -> tuple[str, ...]:
        """The options in the order in which the model sees them."""
        return tuple(prompts.shown_order(case.text, options, self._seed))

    def share(self, part: float) -> None:
        """Take only this part of rate and budget; answers that are kept cost nothing."""
        self._caller.budget.share(part)
        self._caller.pace.share(part)

    @property
    def resumes_in(self) -> float:
        """Seconds until circuit and budget let a request pass; 0 if they do, or never will."""
        budget = self._caller.budget.resumes_in()
        return max(self._caller.circuit.resumes_in, budget if math.isfinite(budget) else 0.0)

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        """Ask whether the label is valid. Raises `Fatal`: the set-up is wrong."""
        prompt = prompts.render_verify(
            case, label, neighbours, self._guides, self._seed, self._limits
        )
        return await self._asked((label,), prompt)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        """Ask which of the options it is, or none. Raises `Fatal`: the set-up is wrong."""
        prompt = prompts.render_choose(
            case, options, neighbours, self._guides, self._seed, self._limits
        )
        return await self._asked(tuple(options), prompt)

    def expected_tokens(self, question: Question, options: int) -> float:
        """About what a question costs, read and written; a fixed function, for repeatable runs."""
        shown = 1 if question == "verify" else options
        longest = prompts.guide_length(shown, self._limits)
        texts = list(self._guides.values())[:1_000]
        guide = sum(min(len(known.text), longest) for known in texts)
        described = guide / len(texts) / _CHARACTERS_PER_TOKEN if texts else 0.0
        most = self._limits.examples
        examples = _EXAMPLE * (
            prompts.verify_examples(self._limits) if question == "verify" else most
        )
        return _FIXED + _TEXT + _ANSWER + examples + shown * (_OPTION + described)

    def status(self) -> dict[str, object]:
        """Counters since the start, and how things stand: plain values, ready to print."""
        caller, cache = self._caller, self._cache
        counts, budget = caller.counts, caller.budget
        return {
            "model": self.signature,
            "prompt": self.prompt_version,
            "mode": caller.endpoint.mode,
            "circuit": caller.circuit.state,
            "last_failure": caller.last_failure,
            "circuit_opened": caller.circuit.opened,
            "circuit_open_for": caller.circuit.open_for,
            "resumes_in": self.resumes_in,
            "budget": budget.limits(),
            "budget_full": budget.full,
            "running": caller.pace.running,
            "waiting": caller.pace.waiting,
            "calls": counts.calls,
            "retries": counts.retries,
            "tokens_in": counts.tokens_in,
            "tokens_out": counts.tokens_out,
            "tokens_estimated": counts.estimated_tokens,
            "expected_verify": self.expected_tokens("verify", 1),
            "expected_choose": self.expected_tokens("choose", 5),
            "money": counts.money,
            "money_today": budget.spent("day").money,
            "money_in_all": budget.spent("all").money,
            "outcomes": dict(self._outcomes),
            "no_verdicts": dict(self._kinds),
            "cache_hits": cache.hits if cache else 0,
            "cache_misses": cache.misses if cache else 0,
            "cache_off": cache.off if cache else "not set",
        }

    def forget_words(self, forgotten: int) -> None:
        """Keep what was answered, and neither reasons nor examples: they may quote a text."""
        if self._cache is not None:
            self._cache.forget_words(forgotten)

    async def close(self) -> None:
        """Let go of connections and cache."""
        await self._caller.endpoint.close()
        if self._cache is not None:
            self._cache.close()

    async def _asked(self, options: tuple[str, ...], prompt: Prompt) -> Answer:
        key = key_of(self.signature, self.prompt_version, prompt)
        known = self._cache.get(key) if self._cache is not None else None
        if known is not None and known.answer in prompt.answers:
            return self._verdict(options, prompt, known, Use())
        reply = await self._caller.put(prompt)
        if reply.kind is not None:
            return self._none(options, prompt, reply.kind, reply.reason, reply.use)
        try:
            said = parse(reply.content, prompt.answers, prompt.evidence)
        except Malformed as error:
            return self._none(options, prompt, "malformed", str(error), reply.use)
        if self._cache is not None:
            self._cache.put(key, said)
        return self._verdict(options, prompt, said, reply.use)

    def _verdict(self, options: tuple[str, ...], prompt: Prompt, said: Said, use: Use) -> Answer:
        if prompt.question == "verify":
            made = verified(options[0], said.answer == "valid", said.reason, said.evidence)
        else:
            made = picked(prompt.answers[said.answer], options, said.reason, said.evidence)
        return self._signed(made, prompt, use)

    def _none(
        self, options: tuple[str, ...], prompt: Prompt, kind: str, reason: str, use: Use
    ) -> Answer:
        return self._signed(no_verdict(prompt.question, options, kind, reason), prompt, use)

    def _signed(self, answer: Answer, prompt: Prompt, use: Use) -> Answer:
        self._outcomes[answer.outcome] += 1
        if answer.kind is not None:
            self._kinds[answer.kind] += 1
        return replace(
            answer,
            tokens=use.tokens,
            calls=use.calls,
            estimated=use.estimated,
            prompt=self.prompt_version,
            guide=prompt.guides,
        )
