"""What a person reads after a fit: are the examples good enough, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.confidence import least_texts
from models.measures import Rate
from streams.program.screen import say

if TYPE_CHECKING:
    from streams.program.fit import Fitted
    from streams.program.fit_report import Report
    from streams.program.settings import Settings

NAMED = 5
"""Labels, pairs or texts named of a longer list."""

LONGEST = 90
"""Characters of a text that are shown."""

FOREIGN = 0.2
"""Share of other languages from which on they are told."""


def fitted(result: Fitted, settings: Settings) -> None:
    """Say what a fit ended in, and what it found in the examples."""
    manifest = result.version.manifest
    if result.again:
        say(
            f"{settings.var} is fitted from these examples already; it is now at model"
            f" {manifest.number} with {manifest.learnt} texts learnt."
        )
    else:
        say(f"Fitted {len(manifest.labels)} labels from {result.examples} examples: model 1.")
        left_out = sum(result.report.left_out.values()) if result.report else None
        least = least_texts(settings.target)
        if left_out is not None and left_out < least:
            cannot = " (those of the local judge cannot)" if settings.judge == "local" else ""
            say(
                f"Examples that could be left out and tried: {left_out}. A precision of"
                f" {settings.target:.2f} unasked takes {least} to be told at all: every text will"
                f" be judged, until a judge's answers vouch for the sure ones{cannot}."
            )
        elif manifest.threshold > 1:
            say(
                f"The examples cannot support a precision of {settings.target:.2f} unasked:"
                " every text will be judged until more are learnt."
            )
        else:
            say(
                f"Texts with a confidence of {manifest.threshold:.2f} or more are labelled unasked"
                f" (cross-validated for a precision of {settings.target:.2f})."
            )
    if result.report:
        for line in told(result.report, settings):
            say(line)


def told(report: Report, settings: Settings) -> list[str]:
    """Return what the examples are worth, line by line."""
    right = Rate(sum(report.right.values()), sum(report.left_out.values()))
    if right.value is None:
        lines = ["How good the examples are cannot be told: no label has two of them."]
    else:
        lines = [f"Examples that were left out and are told right: {right}."]
    if report.judged is not None and settings.judge != "local":
        lines.append(f"Of texts like them the judge would be asked about {report.judged:.0%}.")
    lines += _labels(report)
    lines += _texts(report)
    if weakest := report.weakest:
        worst = ", ".join(
            f"{label} ({report.right.get(label, 0)} of {report.left_out[label]})"
            for label in weakest[:NAMED]
        )
        lines.append(
            f"Right less often than half the time: {_more(worst, len(weakest))}. More examples,"
            " or a clearer line to the labels they are taken for, would help."
        )
    for one in report.confusions[:NAMED]:
        shown = "; ".join(f"“{_cut(text)}”" for text in one.texts)
        lines.append(f"  {one.label} taken for {one.said}, {one.count} times: {shown}")
    lines += _languages(report, settings)
    return lines


def _labels(report: Report) -> list[str]:
    lines = []
    if report.few:
        few = ", ".join(f"{label} {n}" for label, n in list(report.few.items())[:NAMED])
        lines.append(f"Labels with few examples: {_more(few, len(report.few))}.")
    if report.only_described:
        names = ", ".join(report.only_described[:NAMED])
        lines.append(
            f"Known by their guide alone: {_more(names, len(report.only_described))}. The judge"
            " can choose them; the classifier learns them from what it accepts."
        )
    if report.bare:
        names = ", ".join(report.bare[:NAMED])
        lines.append(
            f"Known by their name alone: {_more(names, len(report.bare))}. Write a guide"
            " (`redstream guides write`), or give examples."
        )
    return lines


def _texts(report: Report) -> list[str]:
    lines = []
    if report.repeated:
        lines.append(f"Examples that stood there twice: {report.repeated}; they count once.")
    if report.twins:
        lines.append(
            f"The same text, or nearly, under two labels: {report.twins_in_all}. One of each two is"
            " wrong, or the labels overlap:"
        )
    for twin in report.twins[:NAMED]:
        lines.append(
            f"  {twin.label}: “{_cut(twin.text)}” · {twin.other_label}: “{_cut(twin.other_text)}”"
        )
    return lines


def _languages(report: Report, settings: Settings) -> list[str]:
    foreign = sum(report.languages.values())
    if not settings.encoder.startswith("default") or foreign < FOREIGN * max(report.checked, 1):
        return []
    most = ", ".join(f"{language} {n}" for language, n in list(report.languages.items())[:3])
    return [
        f"Examples in other languages than English: {foreign} of {report.checked} ({most}). The"
        " default encoder reads English; for these fit with a multilingual one, for example"
        " --encoder sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2."
    ]


def _more(named: str, count: int) -> str:
    return f"{named} and {count - NAMED} more" if count > NAMED else named


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
