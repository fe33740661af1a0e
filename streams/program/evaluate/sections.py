"""What stands on the page, one section after another."""

from __future__ import annotations

from collections.abc import Iterator

from streams.program.evaluate import findings as f
from streams.program.evaluate import pictures, tables
from streams.program.evaluate.markup import Html, join, key, tag
from streams.program.evaluate.words import counted, interval, many, percent


def all_of(found: f.Evaluation) -> Iterator[Html]:
    """Return every section that has something to say."""
    if found.about.compared:
        yield _decided(found)
        yield _course(found)
        yield _confidence(found.calibration)
        yield _thresholds(found.thresholds)
        yield tables.labels(found.labels)
        yield tables.confusions(found.confusions, found.about.with_texts)
    yield _taught(found.taught)
    yield tag(
        "div", _cost(found.cost), _dead(found.dead_letters, found.about.folder), class_="pair-of"
    )


def section(title: str, told: str, *parts: Html, id: str) -> Html:
    """Return a section with its title and what it shows in a sentence."""
    return tag("section", tag("h2", title), tag("p", told, class_="soft"), *parts, id=id)


def _decided(found: f.Evaluation) -> Html:
    a = found.accuracy
    rows = [("classifier", a.classifier), ("judge", a.judge), ("person", a.person)]
    rows = [(who, rate) for who, rate in rows if rate.whole or who != "person"]
    parts, whole = [], max(a.all.whole, 1)
    for who, rate in rows:
        for class_, count in ((who, rate.part), (f"{who} wrong", rate.whole - rate.part)):
            parts.append((class_, count, f"{who}, {'wrong' if 'wrong' in class_ else 'right'}"))
    parts += [("none", a.undecided, "undecided"), ("none wrong", a.waiting, "waiting")]
    bar = tag(
        "div",
        *(
            tag("span", class_=c, style=f"width:{100 * n / whole:.2f}%", title=f"{told}: {n:,}")
            for c, n, told in parts
            if n
        ),
        class_="bar",
        role="img",
        aria_label="; ".join(f"{told} {n:,}" for _, n, told in parts if n),
    )
    table = [(f"by the {who}", rate) for who, rate in rows]
    table += [
        ("nobody but the classifier asked", a.unasked),
        ("all that have a label", a.labelled),
        ("all texts, undecided counted as wrong", a.all),
    ]
    lines = [
        tag("tr", tag("td", told), *(tag("td", x) for x in (counted(rate), interval(rate))))
        for told, rate in table
    ]
    rest = [("undecided, held", a.undecided), ("waiting, not decided about yet", a.waiting)]
    lines += [
        tag("tr", tag("td", told), tag("td", f"{n:,}"), tag("td", "")) for told, n in rest if n
    ]
    head = tag("tr", tag("th", "decided"), tag("th", "right"), tag("th", "95% interval, in %"))
    shown = [(who, f"by the {who}") for who, _ in rows] + [("none", "undecided")]
    return section(
        "Who decided, and how often rightly",
        "Pale: wrong. Each text counts once, under the authority whose label holds.",
        bar,
        key(*shown),
        tag("div", tag("table", tag("thead", head), tag("tbody", *lines)), class_="scroll"),
        id="decided",
    )


def _course(found: f.Evaluation) -> Html:
    course = found.course
    colours = [
        ("good", "right, undecided counted as wrong (band: 95%)"),
        ("classifier", "the classifier's own first answer right"),
        ("pale", "share judged (below)"),
        ("ink", "a version of the model (ticks at the foot)"),
    ]
    listed = [_event(number, event) for number, event in enumerate(course.events, 1)]
    return section(
        "Along the stream",
        f"{many(len(course.windows), 'window')} of about"
        f" {many(course.windows[0].texts, 'gold text')} each, in order of arrival.",
        key(*colours),
        tag(
            "div",
            pictures.course(course, found.about.texts),
            pictures.judged(course, found.about.texts),
            class_="wide",
        ),
        tag("ol", *listed, class_="events") if listed else Html(""),
        id="course",
    )


def _event(number: int, event: f.Event) -> Html:
    quoted = [tag("blockquote", tag("bdi", text)) for text in (event.texts or [])[:3]]
    if event.kind == "drift" and event.labels:
        some = ", ".join(event.labels[:6]) + (", …" if len(event.labels) > 6 else "")
        quoted.insert(0, tag("span", f" Most under {some}", class_="soft"))
    named = {"drift": "Drift: ", "label": "", "round": ""}[event.kind]
    told = f"{named}{event.told}" if named else event.told[:1].upper() + event.told[1:]
    return tag(
        "li",
        tag("b", number),
        f"After {many(event.place, 'text')}. {told}.",
        *quoted,
        class_=event.kind,
    )


def _confidence(found: f.Calibration) -> Html:
    def one(of: f.Reliability, title: str, class_: str) -> Html:
        error = "-" if of.ece is None else f"{of.ece:.3f}"
        without = f"; {of.without:,} more state none" if of.without else ""
        told = f"{title}: ECE {error} over {many(of.texts, 'text')}{without}"
        return tag(
            "figure",
            pictures.reliability(of, title, class_),
            tag("figcaption", told),
            class_="small",
        )

    return section(
        "What a stated confidence is worth",
        "On the dashed line, of texts at 80% eighty of a hundred are right. Below it the program"
        " claims too much, above it too little. The larger a dot, the more texts.",
        tag(
            "div",
            one(found.first_answer, "The classifier's own first answer", "classifier"),
            one(found.emitted, "The label that holds", "good"),
            class_="pair-of",
        ),
        id="confidence",
    )


def _thresholds(found: f.Thresholds) -> Html:
    now = found.now
    lines = [
        tag("dt", "threshold in service"),
        tag("dd", "no text goes out unasked" if now.threshold > 1 else f"{now.threshold:.3f}"),
        tag("dt", "judged, over the whole stream"),
        tag("dd", percent(now.judged)),
        tag("dt", "right, of all"),
        tag("dd", percent(now.right)),
        tag("dt", "right, of what went out unasked"),
        tag("dd", counted(now.unasked)),
    ]
    note = (
        "Judged texts are as right as they came out. Those that were not are taken to be right as"
        f" often as audits: {percent(found.judged_right)}. What they would have taught is not"
        " played through. A run lies below the line where it judged texts it was sure of: audits,"
        " and everything at first, until its target is certified or out of reach."
        if found.judged_right is not None
        else "No text was judged: what a judge would have brought is not known."
    )
    return section(
        "Right against share judged",
        "What would have been right at other thresholds: to the left nobody is asked, to the right"
        " the judge about everything.",
        tag(
            "div",
            tag(
                "figure",
                pictures.thresholds(found),
                key(
                    ("judge", "right, of all (estimate)"),
                    ("classifier", "right, of what goes out unasked"),
                    ("ink", "this run as it was"),
                ),
                class_="small",
            ),
            tag("div", tag("dl", *lines), tag("p", note, class_="note")),
            class_="pair-of",
        ),
        id="thresholds",
    )


def _taught(found: f.Taught) -> Html:
    parts = []
    if found.taken_back:
        by = ", ".join(f"{n:,} by {who}" for who, n in found.taken_back.items())
        wrong = found.taken_back_wrong
        known = f" {wrong.part:,} of the {wrong.whole:,} with a gold label had been wrong."
        parts.append(tag("p", f"Taken back: {by}.{known if wrong.whole else ''}"))
    if found.wrong:
        lines = [
            tag("tr", tag("td", one.gold), tag("td", one.taught), tag("td", f"{one.texts:,}"))
            for one in found.wrong
        ]
        head = tag("tr", tag("th", "is"), tag("th", "was taught as"), tag("th", "texts"))
        table = tag("table", tag("thead", head), tag("tbody", *lines))
        parts.append(
            tag(
                "details",
                tag("summary", "What was taught wrong"),
                tag("div", table, class_="scroll"),
            )
        )
    told = (
        f"{many(found.texts, 'text')} under {many(found.labels, 'label')} stand as lessons. Of"
        f" those with a gold label {counted(found.right)} are right ({interval(found.right)}%)."
        if found.texts
        else "Nothing was taught."
    )
    return section("What was taught", told, *parts, id="taught")


def _cost(found: f.Cost) -> Html:
    estimated = f", {found.estimated:,} of them estimated" if found.estimated else ""
    lines = [
        ("questions", f"{found.calls:,}"),
        (
            "for 100 texts",
            "-" if found.calls_per_100_texts is None else f"{found.calls_per_100_texts:.1f}",
        ),
        ("about", f"{many(found.judged_texts, 'doubtful text')}, {many(found.audits, 'audit')}"),
        ("tokens", f"{found.tokens:,}{estimated}"),
        ("money", "no prices set" if found.money is None else f"{found.money:,.4f}"),
    ]
    lines += [(f"no verdict: {kind}", f"{n:,}") for kind, n in found.no_verdicts.items()]
    listed = join(*(join(tag("dt", name), tag("dd", value)) for name, value in lines))
    return section(
        "What it cost", "The judge, over all texts of the stream.", tag("dl", listed), id="cost"
    )


def _dead(found: f.DeadLetters, folder: str) -> Html:
    if not found.count:
        return section("Dead letters", "None: everything that came could be used.", id="dead")
    listed = join(*(join(tag("dt", k), tag("dd", f"{n:,}")) for k, n in found.by_error.items()))
    lines = [
        tag("li", tag("code", one.position), f" {one.stage}: {one.message or one.error}")
        for one in found.newest
    ]
    return section(
        "Dead letters",
        f"{many(found.count, 'record')} could not be used.",
        tag("dl", listed),
        tag("details", tag("summary", "The newest"), tag("ul", *lines)),
        tag("p", "All: ", tag("code", f"redstream deadletters list --var {folder}"), class_="soft"),
        id="dead",
    )
