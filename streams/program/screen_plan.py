"""What a person sees of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from streams.program.screen import console, say

if TYPE_CHECKING:
    from streams.program.plan import Planned, Spent
    from streams.program.settings import Settings


def planned(found: Planned, settings: Settings) -> None:
    """Print what each target takes."""
    say(
        f"{found.texts:,} texts, forecast from {found.sample:,} of {found.rows:,} rows with model"
        f" {found.version}; nothing was asked."
    )
    if found.unusable:
        say(f"Of the rows that were looked at, {found.unusable} are no usable texts.")
    table = Table(title="What a target takes", title_justify="left", title_style="bold")
    columns = ("target", "judged", "at first all of", "questions", "tokens in", "out", "money")
    for column in (*columns, "judge's time"):
        table.add_column(column, justify="right")
    for plan in found.plans:
        forecast, spent = plan.forecast, plan.spent
        own = forecast.target == settings.target
        table.add_row(
            f"{forecast.target:g}{' (set)' if own else ''}",
            f"{forecast.judged / forecast.texts:.0%}",
            _certified(forecast.state, forecast.certified_after),
            *_row(spent),
        )
    table.add_section()
    table.add_row("LLM alone", "100%", "-", *_row(found.directly))
    console.print(table)
    say(
        "Judged: while nobody knows how far the classifier can be trusted with these texts, all"
        " are; `at first all of` says how many. What the judge teaches is not"
        " counted: the more it helps, the less is judged later."
    )
    say(
        "Tokens are counted with the encoder's tokenizer: another model's count differs. Time is"
        f" for answers after {found.latency:g} s, {settings.concurrency} at once; the classifier"
        f" itself needs {_time(found.classifying)} beside it."
    )
    if found.directly.money is None:
        say(
            "For money, say what a million tokens cost: --llm-price-in and --llm-price-out"
            " (REDSTREAM_LLM_PRICE_IN, REDSTREAM_LLM_PRICE_OUT)."
        )


def _row(spent: Spent) -> tuple[str, str, str, str, str]:
    money = "-" if spent.money is None else f"{spent.money:,.2f}"
    return (
        _short(spent.calls),
        _short(spent.tokens_in),
        _short(spent.tokens_out),
        money,
        _time(spent.seconds),
    )


def _short(count: float) -> str:
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f}"


def _certified(state: str | None, after: int | None) -> str:
    if state is None:
        return "not sought"
    if after is not None:
        return f"{after:,}"
    return "until out of reach" if state in ("below", "too close") else "all there are"


def _time(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
