"""Labels and confused pairs: what may be hundreds, the worst first."""

from __future__ import annotations

from streams.program.evaluate import findings as f
from streams.program.evaluate import pictures
from streams.program.evaluate.markup import Html, key, tag
from streams.program.evaluate.words import interval, many, percent

WORST = 10
"""Labels in the short table, and pairs that are shown at once."""

NONE = "none of the labels"
"""What a person said who gave it the label "" (docs/review.md)."""

OPEN = 3
"""Pairs whose examples are open."""


def labels(found: list[f.Label]) -> Html:
    """Return the section of labels."""
    surely = sum(one.right.high < 0.8 for one in found)
    told = (
        f"{many(len(found), 'label')} with gold texts, a line each: the 95% interval. With few"
        " texts of a label little is known of it."
    )
    parts = [
        key(
            ("bad", f"surely below 80% ({surely:,})"),
            ("judge", "either way"),
            ("good", "surely 80% or more"),
        ),
        tag("div", pictures.labels(found), class_="wide"),
    ]
    if len(found) > WORST:
        parts.append(tag("h3", f"The {WORST} that are surely worst"))
        parts.append(tag("div", _table(found[:WORST]), class_="scroll"))
        parts.append(
            tag(
                "details",
                tag("summary", f"All {len(found):,} labels"),
                tag("div", _table(found, "sorts"), class_="scroll"),
            )
        )
    else:
        parts.append(tag("div", _table(found), class_="scroll"))
    return tag(
        "section", tag("h2", "Label by label"), tag("p", told, class_="soft"), *parts, id="labels"
    )


def _table(found: list[f.Label], class_: str | None = None) -> Html:
    names = (
        "label",
        "right",
        "",
        "95%",
        "texts",
        "first answer",
        "precision",
        "judged",
        "undecided",
    )
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", name) for name in names))),
        tag("tbody", *(_row(one) for one in found)),
        class_=class_,
    )


def _row(one: f.Label) -> Html:
    right = one.right
    return tag(
        "tr",
        tag("td", tag("bdi", one.label)),
        _share(right),
        tag("td", _meter(right), data_value=right.high),
        tag("td", interval(right), data_value=right.low),
        tag("td", f"{right.whole:,}", data_value=right.whole),
        _share(one.first_answer),
        _share(one.precision),
        tag("td", f"{one.judged:,}", data_value=one.judged),
        tag("td", f"{one.undecided:,}", data_value=one.undecided),
    )


def _share(rate: f.Rate) -> Html:
    return tag("td", percent(rate.value), data_value=-1 if rate.value is None else rate.value)


def _meter(rate: f.Rate) -> Html:
    low, width = 100 * rate.low, 100 * (rate.high - rate.low)
    return tag(
        "span",
        tag("i", style=f"width:{100 * (rate.value or 0):.1f}%"),
        tag("u", style=f"left:{low:.1f}%;width:{width:.1f}%"),
        class_="meter",
    )


def confusions(found: f.Confusions, with_texts: bool) -> Html:
    """Return the section of confused pairs."""
    pairs = [_pair(one, with_texts, place < OPEN) for place, one in enumerate(found.worst)]
    more = [tag("details", tag("summary", "More pairs"), *pairs[WORST:])] if pairs[WORST:] else []
    told = (
        f"{many(found.wrong_texts, 'text')} have a wrong label, in {many(found.pairs, 'pair')} of"
        " labels. These have most."
        if found.wrong_texts
        else "No text that has a label has a wrong one."
    )
    return tag(
        "section",
        tag("h2", "What is taken for what"),
        tag("p", told, class_="soft"),
        *pairs[:WORST],
        *more,
        id="confusions",
    )


def _pair(one: f.Confusion, with_texts: bool, opened: bool) -> Html:
    quoted = [
        tag(
            "blockquote",
            tag("bdi", example.text if example.text is not None else "(no text kept)"),
            tag("small", example.id, f", by the {example.authority}", _sure(example.confidence)),
        )
        for example in one.examples
    ]
    chips = [tag("span", f"{who} {n:,}", class_=f"chip {who}") for who, n in one.by.items()]
    return tag(
        "article",
        tag("h3", tag("bdi", one.gold), " taken for ", tag("em", tag("bdi", one.given or NONE))),
        tag("p", f"{one.texts:,} of its {many(one.of, 'text')} ", *chips, class_="soft"),
        tag(
            "details",
            tag("summary", many(len(quoted), "example")),
            *quoted,
            open="" if opened else None,
        )
        if with_texts
        else None,
        class_="confusion",
    )


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f" at {confidence:.2f}"
