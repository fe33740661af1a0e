"""The page: one HTML file that asks nothing of anybody, and works without its script."""

from __future__ import annotations

import base64
import hashlib
import time
from importlib.resources import files

from streams.program.evaluate import findings as f
from streams.program.evaluate import sections
from streams.program.evaluate.markup import Html, tag
from streams.program.evaluate.words import interval, many, percent


def page(found: f.Evaluation) -> str:
    """Return the HTML of an evaluation."""
    style, script = _file("page.css"), _file("page.js")
    title = f"redstream: {found.about.folder}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        # Even what should escape the escaping can neither run nor fetch anything.
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        _header(found),
        tag("main", _tiles(found), *sections.all_of(found)),
        _footer(found.about),
        tag("script", Html(script)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';"
        " base-uri 'none'; form-action 'none'"
    )


def _header(found: f.Evaluation) -> Html:
    about, right = found.about, found.accuracy.all
    left_out = []
    if about.never_seen:
        left_out.append(
            f"{many(about.never_seen, 'gold label')} of texts that never came:"
            f" {', '.join(about.never_seen_ids)}{' …' if about.never_seen > 10 else ''}."
        )
    if about.unknown_labels:
        some = ", ".join(about.unknown_labels[:10])
        left_out.append(f"Gold labels that the model does not have: {some}.")
    if about.waiting:
        left_out.append(
            f"{many(about.waiting, 'text')} of the stream still wait in the log: a run is under"
            " way, was stopped, or its judge is away. They count as wrong so far."
        )
    if "simulated" in about.judges:
        left_out.append(
            "The judge was a simulated one, which knows the gold labels and errs on purpose:"
            " no LLM."
        )
    told = (
        f"{percent(right.value)} of {many(right.whole, 'text')} with a gold label have the right"
        f" label ({interval(right)}% with 95% confidence), among {many(about.labels, 'label')}."
        if right.whole
        else "No text of the stream has a gold label: there is nothing to compare."
    )
    return tag(
        "header",
        tag(
            "div",
            tag("p", "redstream", class_="brand"),
            tag("h1", f"How right is {about.folder}?"),
            tag("p", told, class_="lead"),
            *(tag("p", line, class_="note") for line in left_out),
        ),
    )


def _tiles(found: f.Evaluation) -> Html:
    a, about, cost = found.accuracy, found.about, found.cost
    promised = f"promised: {percent(about.target, 0)}"
    state = {"certified": ", certified by audits", None: ", from the examples"}.get(about.claim)
    ece = found.calibration.first_answer.ece
    calls = cost.calls_per_100_texts
    tiles = [
        ("Right, of all texts", percent(a.all.value), f"{interval(a.all)}; undecided is wrong"),
        ("Right, nobody asked", percent(a.unasked.value), promised + (state or ", not certified")),
        ("Right, judged", percent(a.judged.value), f"of {many(a.judged.whole, 'text')}"),
        ("Asked about", percent(a.judged_share.value), "of the texts, doubtful ones and audits"),
        ("Undecided", f"{a.undecided:,}", "held, for a person in the end"),
        ("Questions", "-" if calls is None else f"{calls:.1f}", "for 100 texts"),
        ("First answer", percent(a.first_answer.value), "the classifier alone, right"),
        ("Off by", "-" if ece is None else f"{100 * ece:.1f}", "points: stated confidence (ECE)"),
    ]
    return tag(
        "div",
        *(
            tag(
                "div",
                tag("span", what, class_="what"),
                tag("b", figure),
                tag("span", more),
                class_="tile",
            )
            for what, figure, more in tiles
        ),
        class_="tiles",
    )


def _footer(about: f.About) -> Html:
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(about.made))
    quoted = (
        "This page quotes texts of the stream: pass it on only to those who may read them"
        " (--no-texts leaves them out)."
        if about.with_texts
        else "No text of the stream is quoted in this page."
    )
    return tag(
        "footer",
        tag("p", quoted),
        tag(
            "p",
            f"Made {made} by redstream {about.redstream}; version {about.version} of the model is"
            " in service. Intervals are Clopper and Pearson's, for 95% confidence. The gold labels"
            " were read for this page alone: nothing that predicts has seen them",
            " but the simulated judge." if "simulated" in about.judges else ".",
        ),
    )
