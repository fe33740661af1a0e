"""How many texts a second the judge's stage puts through, before an LLM that takes 300 ms."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from benchmarks.cases import points_of
from benchmarks.context import Context
from benchmarks.data import Problem, draw
from benchmarks.methods import fit_recipe, predict
from benchmarks.report import Check, Record, Shown, Table
from judge.guides import Guide
from judge.llm.build import Options, build
from judge.policy import Policy
from judge.qdrant_edge import EdgeExampleStore
from streams.delivery import deliver
from streams.memory import settled
from streams.records import Contender, Labeled, Text, Uncertain
from streams.stage import Delivered
from streams.stages.judge import JudgeStage
from streams.topology import JUDGE, LABELED, UNCERTAIN
from streams.wire import Vector

NAME = "judge_stage"
SUMMARY = "texts a second through the judge's stage, a loopback LLM answering in 300 ms"
MINUTES = 3
SETS = ("clinc150",)
PANELS = 1
PER_LABEL = 30
SECONDS = 0.3
CONCURRENCY = 32
TEXTS = 1920
REFUSED = (0.0, 0.15)
"""Share of *verify* that the LLM answers with "invalid": a *choose* follows."""
ASKED = (90.0, 1.0)


def run(context: Context) -> Record:
    """Measure and record."""
    [name, *_] = context.usable(SETS)
    texts, vectors = context.load(name)
    problem = draw(texts, vectors, PER_LABEL, 0)
    record = context.record(NAME, (name,), per_label=PER_LABEL, texts=TEXTS, batch=JUDGE.batch)
    record["notes"] = [
        f"The stage as a run has it: batches of {JUDGE.batch}, one after the other, at most "
        f"{CONCURRENCY} questions at a time, examples from Qdrant Edge on disk, prompts rendered, "
        "answers read, records written; without encoder, classifier and log. The LLM is an "
        f"OpenAI-compatible server in another process on loopback, which waits {SECONDS} s. Time "
        "per text: from when its batch begins to when what follows from it can be published. Never "
        f"more than {CONCURRENCY / SECONDS:.0f} questions a second are possible.",
        f"A batch of {JUDGE.batch} of which 15% are refused is 74 questions, three rounds of "
        f"{CONCURRENCY} in whatever order: .9 s, or 71 texts a second at most. To fill the third "
        "round takes more than one batch in hand; a runner has one, so that positions are "
        "committed in order.",
    ]
    context.cells(len(REFUSED))
    cases = _cases(problem)
    for refused in REFUSED:
        cell = _served(refused, problem, cases)
        record["cells"].append({"refused": refused, **cell})
        context.done(f"{refused:.0%} refused: {cell['rate']} texts/s, p99 {cell['p99']} s")
        context.save(record)
    return record


def _cases(problem: Problem) -> list[Delivered]:
    rows = np.random.default_rng(0).permutation(len(problem.test_y))[:TEXTS]
    classifier = fit_recipe(problem)
    cases = []
    for n, (i, said) in enumerate(
        zip(rows, predict(classifier, problem.test_x[rows]), strict=True)
    ):
        case = Uncertain(
            text=Text(id=f"q{n}", text=problem.test_texts[i]),
            embedding=Vector.of(problem.test_x[i], classifier.encoder),
            contenders=[
                Contender(label=c.label, probability=c.probability) for c in said.contenders
            ],
            further=list(said.further),
            model=1,
        )
        cases.append(Delivered(UNCERTAIN.name, 0, n, case.text.id.encode(), case.encode()))
    return cases


def _served(refused: float, problem: Problem, cases: Sequence[Delivered]) -> dict[str, Any]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(theirs, refused), daemon=True)
    server.start()
    try:
        return asyncio.run(_measured(ours.recv(), problem, cases))
    finally:
        server.kill()
        server.join()


async def _measured(port: int, problem: Problem, cases: Sequence[Delivered]) -> dict[str, Any]:
    guides = {
        label: Guide.of(label, name)
        for label, name in zip(problem.labels, problem.name_texts, strict=True)
    }
    options = Options(f"http://127.0.0.1:{port}/v1", "loopback", concurrency=CONCURRENCY)
    with tempfile.TemporaryDirectory() as folder:
        store = EdgeExampleStore(Path(folder) / "edge", problem.x.shape[1])
        await store.upsert(points_of(problem))
        judge = build(options, guides, Path(folder) / "verdicts.sqlite")
        # Verify first for every text, so that a text is one question and sometimes two.
        stage = JudgeStage(judge, store, concurrency=CONCURRENCY, policy=lambda: Policy(first=5))
        await deliver(stage, cases[:1])  # the form of the answers is found out at the first one
        with settled():
            spent: list[float] = []
            labeled = 0
            began, used = time.perf_counter(), time.process_time()
            for start in range(1, len(cases), JUDGE.batch):
                batch = cases[start : start + JUDGE.batch]
                beginning = time.perf_counter()
                out = await deliver(stage, batch)
                spent += [time.perf_counter() - beginning] * len(batch)
                given = [r.value for r in out if r.topic == LABELED.name]
                labeled += sum(bool(Labeled.decode(value)) for value in given)
        seconds = time.perf_counter() - began
        status = judge.status()
        await judge.close()
        await store.close()
    return {
        "rate": round(len(spent) / seconds, 1),
        "p50": round(float(np.quantile(spent, 0.5)), 3),
        "p99": round(float(np.quantile(spent, 0.99)), 3),
        "questions_per_second": round(float(str(status["calls"])) / seconds, 1),
        "labeled": labeled / len(spent),
        "cpu_ms": round(1000 * (time.process_time() - used) / len(spent), 2),
    }


def _serve(out: Connection, refused: float) -> None:
    """A server that says "valid", or the first option; sends its port to `out`."""
    number = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal number
        body = await request.json()
        await asyncio.sleep(SECONDS)
        schema = body["response_format"]["json_schema"]["schema"]
        allowed = schema["properties"]["answer"]["enum"]
        number += 1
        said = allowed[0]
        if allowed[0] == "valid" and int(number * refused) > int((number - 1) * refused):
            said = "invalid"
        content = json.dumps({"evidence": [], "reason": "as shown", "answer": said})
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": "stop",
        }
        usage = {"prompt_tokens": 500, "completion_tokens": 30, "total_tokens": 530}
        return web.json_response(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "loopback",
                "choices": [choice],
                "usage": usage,
            }
        )

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        out.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def shown(record: Record) -> Shown:
    """Table and checks, from the record alone."""
    rows, checks = [], []
    for cell in record["cells"]:
        refused = f"{cell['refused']:.0%}"
        rows.append(
            [
                refused,
                f"{cell['rate']:.0f}",
                f"{cell['questions_per_second']:.0f}",
                f"{cell['p50']:.2f}",
                f"{cell['p99']:.2f}",
                f"{cell['cpu_ms']:.1f}",
                f"{cell['labeled']:.3f}",
            ]
        )
        if not cell["refused"]:
            checks += [
                Check("90 texts a second", f"{cell['rate']:.0f}", cell["rate"] >= ASKED[0]),
                Check("p99 below 1 s", f"{cell['p99']:.2f} s", cell["p99"] < ASKED[1]),
            ]
    head = ["refused", "texts/s", "questions/s", "p50, s", "p99, s", "CPU ms a text", "labelled"]
    return Shown([Table("Judge stage", head, rows)], checks)


def plot(record: Record, axes: Any) -> None:
    """Texts and questions a second."""
    [panel] = axes
    names = [f"{cell['refused']:.0%} refused" for cell in record["cells"]]
    for shift, key in ((-0.2, "rate"), (0.2, "questions_per_second")):
        heights = [cell[key] for cell in record["cells"]]
        panel.bar([i + shift for i in range(len(names))], heights, 0.4, label=key.split("_")[0])
    panel.axhline(CONCURRENCY / SECONDS, linestyle=":", color="grey")
    panel.set_xticks(range(len(names)), names)
    panel.set(ylabel="per second")
    panel.legend(["possible", "texts", "questions"], frameon=False)
