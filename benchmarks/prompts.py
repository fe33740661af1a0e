"""How many tokens a question takes: verify, choose among 5 and 20, all names, and as published."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.cases import case_of, exact_store
from benchmarks.context import Context
from benchmarks.data import Problem, draw
from benchmarks.dated import read_dated
from benchmarks.embeddings import vectors_of
from benchmarks.examples_shown import SHOWN as EXAMPLES
from benchmarks.examples_shown import examples_tell
from benchmarks.methods import fit_recipe, predict
from benchmarks.prices import Count, counter, guides_of, rendered
from benchmarks.report import Check, Record, Shown, Table
from judge.guides import Guide
from judge.llm.prompt import Limits, render_choose, render_verify, verify_examples
from judge.memory_store import MemoryExampleStore
from judge.policy import neighbours_of
from judge.question import Case
from models.classifier import Classifier

NAME = "prompts"
SUMMARY = "tokens of a rendered verify, choose among 5 and 20, all names, and the published prompt"
MINUTES = 4
SETS = ("clinc150", "onet_titles", "nvd_cwe")
DATED = ("nvd_cwe",)
"""Sets with dates: of each label so many texts to fit on, and TESTS to ask about."""
TESTS = 5
PANELS = 1
PER_LABEL = 30
AT_LEAST = 5
TEXTS = 300
SHOWN = 20
"""Examples in the published prompt."""

PUBLISHED = """\
A classifier gave this text the label "{name}". What the label means: {guide}
Texts that were validated as "{name}":
{examples}
Text: {text}
Is the label valid for the text? Answer with one word, valid or invalid.
"""

QUESTIONS = ("verify", "choose 5", "choose 20", "all names", "published")


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    whole = tuple(name for name in sets if name not in DATED)
    record = context.record(NAME, whole, per_label=PER_LABEL, texts=TEXTS)
    record["notes"] = [
        "Counted with the WordPiece tokenizer of all-MiniLM-L6-v2; other tokenizers count "
        "differently, the ratios much less. Without and with guides composed from examples "
        "(judge/guides/compose.py). Answers are not counted.",
        f"Published: the question of the published R.E.D. in our plain words, with the guide and "
        f"the {SHOWN} nearest examples of the label, and nothing against hostile texts. Ours shows "
        f"{verify_examples(Limits())} examples at most, half of them of rival labels; *choose* "
        f"{Limits().examples}.",
        "Why not a third on texts of one line: rules, form of the answer, question and markers, "
        "which keep a hostile text where it is, take about 150 tokens whatever is asked; a third "
        "of the published prompt is 50 to 110 there. Those tokens are the same in every question, "
        "so an endpoint that caches prefixes charges less for most of them; that is not counted.",
        "Recorded answers cannot show whether fewer examples cost accuracy: they did not read our "
        "prompt. In their place, what examples tell: a judge that only weighs the examples shown, "
        "by exp(20 x cosine), and holds the label valid unless another weighs more, asked about "
        "the right label and the classifier's best wrong one. A model reads more than that.",
    ]
    context.cells(len(sets))
    count = counter()
    for name in sets:
        problem = _problem(context, name, record)
        classifier = fit_recipe(problem)
        found = asyncio.run(_tokens(problem, classifier, count))
        cell: dict[str, Any] = {"set": name, "labels": problem.size}
        cell["text"] = float(np.median([count(text) for text in problem.texts]))
        for guided, by in found.items():
            cell[guided] = {
                question: {"median": float(np.median(n)), "p95": float(np.quantile(n, 0.95))}
                for question, n in by.items()
            }
        cell["told"] = asyncio.run(examples_tell(problem, classifier, count))
        record["cells"].append(cell)
        context.done(name)
        context.save(record)
    return record


def _problem(context: Context, name: str, record: Record) -> Problem:
    if name not in DATED:
        texts, vectors = context.load(name)
        return draw(texts, vectors, PER_LABEL, 0, at_least=AT_LEAST)
    texts = read_dated(context.data, name, 0).as_drawn(PER_LABEL, TESTS)
    record["sets"][name] = texts.about()
    vectors = vectors_of(context.encoder, texts, context.cache, context.say)
    return draw(texts, vectors, PER_LABEL, 0)


async def _tokens(
    problem: Problem, classifier: Classifier, count: Count
) -> dict[str, dict[str, list[int]]]:
    store = await exact_store(problem)
    names = dict(zip(problem.labels, problem.name_texts, strict=True))
    guides: dict[str, Mapping[str, Guide]] = {
        "names": {label: Guide.of(label, name) for label, name in names.items()},
        "guides": guides_of(problem),
    }
    found: dict[str, dict[str, list[int]]] = {kind: {q: [] for q in QUESTIONS} for kind in guides}
    rows = np.random.default_rng(0).permutation(len(problem.test_y))[:TEXTS]
    for i, prediction in zip(rows, predict(classifier, problem.test_x[rows]), strict=True):
        case = case_of(i, problem, prediction)
        for kind, known in guides.items():
            asked = await _asked(case, problem.labels, store, known)
            for question, text in asked.items():
                found[kind][question].append(count(text))
    return found


async def _asked(
    case: Case, labels: Sequence[str], store: MemoryExampleStore, guides: Mapping[str, Guide]
) -> dict[str, str]:
    first, five = case.contenders[0], case.contenders[:5]
    near = [n.label for n in await store.nearest(case.embedding, 400)]
    twenty = tuple(dict.fromkeys([*case.contenders, *near, *labels]))[:20]
    seen = await neighbours_of(store, case, [first], 3, 8)
    asked = {"verify": rendered(render_verify(case, first, seen, guides, "benchmark"))}
    for question, options, each in (
        ("choose 5", five, 3),
        ("choose 20", twenty, 1),
        ("all names", tuple(labels), 0),
    ):
        seen = await neighbours_of(store, case, options if each else (), each, 8)
        asked[question] = rendered(render_choose(case, options, seen, guides, "benchmark"))
    own = await store.nearest(case.embedding, SHOWN, first)
    asked["published"] = PUBLISHED.format(
        name=guides[first].name,
        guide=guides[first].text or guides[first].name,
        examples="\n".join(f"- {one.text}" for one in own),
        text=case.text,
    )
    return asked


def shown(record: Record) -> Shown:
    """Table and checks, from the record alone."""
    rows, checks = [], []
    for cell in record["cells"]:
        for kind in ("names", "guides"):
            by = cell[kind]
            counts = [f"{by[q]['median']:,.0f} ({by[q]['p95']:,.0f})" for q in QUESTIONS]
            rows.append(
                [f"{cell['set']}, {cell['labels']}, {kind}", f"{cell['text']:.0f}", *counts]
            )
    sizes = {cell["labels"]: cell for cell in record["cells"] if cell["set"] not in DATED}
    if len(sizes) == 2:
        few, many = (sizes[labels] for labels in sorted(sizes))
        for question in ("verify", "choose 5"):
            a, b = (c["names"][question]["median"] for c in (few, many))
            what = f"{question}: as many tokens at {many['labels']} labels as at {few['labels']}"
            checks.append(Check(what, f"{b:.0f}, {a:.0f}", b <= 1.1 * a))
    for cell in record["cells"]:
        for kind in ("names", "guides"):
            by = cell[kind]
            ratio = by["verify"]["median"] / by["published"]["median"]
            text = f"texts of {cell['text']:.0f} tokens, {kind}"
            what = f"{cell['set']}, {text}: verify at a third of the published prompt"
            checks.append(Check(what, f"{ratio:.2f}", ratio <= 1 / 3))
    head = ["set, labels", "a text", *(f"{q}, median (p95)" for q in QUESTIONS)]
    told = [
        [
            f"{cell['set']}, {cell['told']['questions']:,}",
            *(
                f"{one['right']:.3f} ({one['tokens']:.0f})"
                for one in (cell["told"][str(n)] for n in EXAMPLES)
            ),
        ]
        for cell in record["cells"]
    ]
    tables = [
        Table("Tokens of a question", head, rows),
        Table(
            "What examples tell: right answers (tokens of verify)",
            ["set, questions", *(f"{n} examples" for n in EXAMPLES)],
            told,
        ),
    ]
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Medians by question."""
    [panel] = axes
    for cell in record["cells"]:
        for kind, style in (("names", "-o"), ("guides", "--s")):
            values = [cell[kind][question]["median"] for question in QUESTIONS]
            label = f"{cell['set']}, {kind}"
            panel.plot(range(len(QUESTIONS)), values, style, markersize=4, label=label)
    panel.set_xticks(range(len(QUESTIONS)), QUESTIONS, fontsize=7)
    panel.set(ylabel="tokens", yscale="log")
    panel.legend(frameon=False, fontsize=7)
