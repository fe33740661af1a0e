"""A plan as a picture: what a target costs, and how the judged share falls along the stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streams.program.drawing import plotter, save

if TYPE_CHECKING:
    from streams.program.plan import Planned


def draw_into(path: Path, found: Planned) -> None:
    """Write an SVG, PNG or PDF file, by its suffix.

    Raises:
        Fatal: it cannot be written, or not in that format.
    """
    figure, (price, course) = plotter().subplots(1, 2, figsize=(9.2, 3.6))
    plans = found.plans
    money = found.directly.money is not None
    cost = [plan.spent.money if money else plan.spent.tokens_in / 1e6 for plan in plans]
    directly = found.directly.money if money else found.directly.tokens_in / 1e6
    names = [f"{plan.forecast.target:g}" for plan in plans]
    price.bar(names, cost, color="#4477aa", width=0.6)
    price.axhline(directly, color="#bb5566", linestyle="--", linewidth=1)
    price.annotate("an LLM about every text", (0, directly), (0, 3), textcoords="offset points")
    price.set_xlabel("target")
    price.set_ylabel("money" if money else "million tokens read")
    price.set_title(f"What {found.texts:,} texts cost", loc="left")
    for plan in plans:
        texts, judged = plan.forecast.course.T
        course.plot(texts[1:], judged[1:] / texts[1:], label=f"{plan.forecast.target:g}")
    course.set_xlabel("texts so far")
    course.set_ylabel("share of them judged")
    course.set_ylim(0, 1.03)
    course.set_title("Judged so far, by target", loc="left")
    course.legend(frameon=False)
    save(figure, (price, course), path)
