"""What a person sees of the judge: how it stands, and what it was asked and said."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.program.judge_state import JudgeState
    from streams.records import Reliability, Verdict

SHOWN = 12
"""Options of one question that are shown by name."""


def standing(state: JudgeState) -> Iterator[str]:
    """Tell how an LLM stands, in lines."""
    estimated = f" ({state.tokens_estimated} of them estimated)" if state.tokens_estimated else ""
    yield (
        f"LLM {state.model} from {clock(state.began)} to {clock(state.at)}: {state.calls} calls,"
        f" {state.retries} of them retries; tokens: {state.tokens_in} in, {state.tokens_out} out"
        f"{estimated}; {state.cache_hits} answers from the cache."
    )
    if state.expected_verify:
        yield (
            f"Expected of a question: {state.expected_verify:.0f} tokens to verify a label,"
            f" {state.expected_choose:.0f} to choose among 5."
        )
    if state.money_in_all:
        yield f"Money: {state.money:.4f}, in all {state.money_in_all:.4f}."
    for window, caps in state.budget.items():
        if caps:
            used = ", ".join(f"{has:.6g} of {cap:.6g} {what}" for what, (has, cap) in caps.items())
            yield f"Budget ({_NAMES[window]}): {used}."
    if trouble := waiting(state):
        yield f"At {clock(state.at)}: {trouble}."
    if state.cache_off:
        yield f"The verdict cache is off ({state.cache_off}): questions may be paid twice."


def waiting(state: JudgeState) -> str:
    """Say what the judge waits for; empty if nothing."""
    again = f"asked again in {_span(state.resumes_in)}" if state.resumes_in else "asked again now"
    if state.circuit != "closed":
        why = f" ({state.last_failure})" if state.last_failure else ""
        return f"LLM away since {clock(state.at - state.circuit_open_for)}{why}, {again}"
    if state.budget_full == "all":
        return "the budget in all is used up, what is doubtful stays undecided"
    return f"budget ({_NAMES[state.budget_full]}) used up, {again}" if state.budget_full else ""


_NAMES = {"minute": "this minute", "day": "this day, UTC", "all": "in all"}


def without_verdict(kinds: Mapping[str, int]) -> str:
    """Say how often there was no verdict, by kind."""
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    return f"No verdict: {told}."


def asked(verdict: Verdict) -> Iterator[str]:
    """Tell one question and its answer, in lines."""
    options = ", ".join(verdict.options[:SHOWN])
    if more := len(verdict.options) - SHOWN:
        options += f" and {more} more" if more > 0 else ""
    occasion = "audit" if verdict.audit else f"round {verdict.round}"
    said = verdict.label or verdict.kind
    yield (
        f"  {verdict.signed} ({occasion}, model {verdict.model} proposed {verdict.proposed}"
        f" at {verdict.confidence:.2f}): {verdict.question} {options} → {verdict.outcome}"
        f"{f' {said}' if said else ''}{f', {verdict.reason}' if verdict.reason else ''}"
    )
    if told := outweighed(verdict):
        yield f"    {told}"
    facts = []
    if verdict.neighbours:
        facts.append(f"evidence {', '.join(verdict.neighbours)}")
    if verdict.calls or verdict.tokens:
        about = "about " if verdict.estimated else ""
        facts.append(f"{about}{verdict.tokens} tokens in {verdict.calls} calls")
    elif verdict.prompt and verdict.outcome != "no_verdict":
        facts.append("from the cache")
    if verdict.prompt:
        facts.append(f"prompt {verdict.prompt}, guides {verdict.guide}")
    if facts:
        yield f"    {'; '.join(facts)}"


def outweighed(verdict: Verdict) -> str:
    """Tell what an answer came to beside the classifier's own probabilities; empty if believed."""
    found = verdict.weighed
    if found is None or found.label is None:
        return ""
    lead = f"the classifier's own {verdict.confidence:.2f} for {verdict.proposed}"
    said = verdict.label or "none of them"
    if found.label == verdict.label:
        return f"weighed with {lead}: {found.label} at {found.probability:.2f}"
    return (
        f"the judge said {said}; weighed with {lead}, {found.label} stands at"
        f" {found.probability:.2f}"
    )


def worth(trust: Reliability) -> str:
    """Say what the judge's answers are worth, and what is done about it."""
    if trust.believed:
        return "The stream has changed: for a while the judge's answers are believed, not weighed."
    low, high = trust.steps[0], trust.steps[-1]
    return (
        f"The judge's answers are weighed: estimated right in {trust.reliable:.2f}"
        f" ({low:.2f} where the classifier is unsure, {high:.2f} where it is sure)."
    )


def clock(at: float) -> str:
    """Return the time of day, with the date where it is another one."""
    then, today = time.localtime(at), time.localtime()
    form = "%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M:%S"
    return time.strftime(form, then)


def _span(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
