"""`redstream judge measure`: gold texts put to the judge of a folder, which decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np

from judge.local import LocalJudge
from judge.measure import (
    ChooseMeasure,
    OrderMeasure,
    VerifyMeasure,
    measure_choose,
    measure_order,
    measure_verify,
)
from judge.measuring import Answers, Trial, put
from judge.port import Judge
from judge.question import Case
from judge.replay import ReplayJudge
from judge.similar import similar_labels
from judge.simulated import SimulatedJudge
from models.classifier import Classifier
from models.encoder import Encoder
from models.errors import Fatal
from streams.feed import Feed, Version
from streams.program.assembly import seed_examples, store_of
from streams.program.encoding import encoder_of
from streams.program.folder import working
from streams.program.gold import GoldText, read_gold_texts, read_recorded
from streams.program.lessons import training_set
from streams.program.llm import build_measured
from streams.program.reading import Columns
from streams.program.settings import Settings, columns_beside
from streams.stage import Log

KINDS: Final = ("local", "simulated", "replay", "llm")


@dataclass(frozen=True)
class Measured:
    """What was found, on how many texts, and which were left out of the file, and why."""

    signature: str
    texts: int
    left_out: dict[str, int]
    verify: VerifyMeasure
    choose: ChooseMeasure
    order: OrderMeasure
    answers: Answers

    @property
    def is_no_judge(self) -> str:
        """Return why this judge cannot be used to validate, in one line; empty where it can."""
        if self.verify.says_yes:
            rate = self.verify.wrong
            return f"it says yes to everything: of {rate.whole} wrong labels it refused {rate.part}"
        if self.verify.says_no:
            rate = self.verify.right
            return f"it says no to everything: of {rate.whole} right labels it accepted {rate.part}"
        return ""


def measure(
    settings: Settings,
    path: Path,
    kind: str,
    most: int,
    recorded: Path | None,
    told: Callable[[int, int], None],
    wanted: Columns | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Measured:
    """Ask a judge about up to `most` texts of a gold file; `told` gets done and all.

    `wanted` are columns of that file; `tell` is told how it is read.

    Texts that were taught are left out: the judge would be shown the very text with its label.
    Which texts are asked about depends on their ids and the seed, not on their order in the file.

    Raises:
        Fatal: the file, the folder or the judge cannot be used, or nothing got a verdict.
    """
    gold = read_gold_texts(path, wanted, tell)
    with working(settings) as log:
        version = Feed(log).newest()
        taught = {lesson.text for lesson in training_set(log).values()}
        labels = set(version.classifier.labels)
        usable = [one for one in gold if one.label in labels and one.text not in taught]
        left_out = {
            "of labels that the model does not have": sum(one.label not in labels for one in gold),
            "that were taught": sum(one.label in labels and one.text in taught for one in gold),
        }
        if not usable:
            raise Fatal(f"{path}: no text is left: {_told(left_out)}")
        if len(labels) < 2:
            raise Fatal("there is one label only: nothing to confuse it with")
        sample = sorted(usable, key=lambda one: _place(settings.seed, one.id))[:most]
        judge = build(settings, kind, log, version.classifier, gold, recorded)
        encoder = encoder_of(settings, version.manifest)
        trials = trials_of(sample, encoder, version.classifier)
        answers = asyncio.run(_asked(settings, judge, version, trials, told))
    if answers.asked == sum(answers.kinds.values()):
        kinds = ", ".join(f"{name} {n}" for name, n in answers.kinds.most_common())
        raise Fatal(f"the judge gave no verdict on any of {answers.asked} questions ({kinds})")
    return Measured(
        judge.signature,
        len(sample),
        {why: count for why, count in left_out.items() if count},
        measure_verify(answers.verified),
        measure_choose(answers.chosen),
        measure_order(answers.orders),
        answers,
    )


def trials_of(gold: Sequence[GoldText], encoder: Encoder, model: Classifier) -> list[Trial]:
    """Return what is asked about each text: the classifier's contenders, the right label with them.

    The wrong label is the classifier's best one that is not right: what the judge is really asked.
    """
    rows = encoder.encode([one.text for one in gold])
    trials = []
    for one, row, said in zip(gold, rows, model.predict(rows), strict=True):
        if not row.any():
            raise Fatal(f"{one.where}: the encoder finds nothing in {one.text[:60]!r}")
        contenders = [contender.label for contender in said.contenders]
        wrong = next((label for label in contenders if label != one.label), None)
        wrong = wrong or next(label for label in model.labels if label != one.label)
        options = contenders if one.label in contenders else [*contenders[:-1], one.label]
        if wrong not in options:
            options.append(wrong)
        case = Case(one.id, one.text, np.asarray(row, np.float32), tuple(options))
        trials.append(Trial(case, one.label, wrong))
    return trials


def build(
    settings: Settings,
    kind: str,
    log: Log,
    model: Classifier,
    gold: Sequence[GoldText],
    recorded: Path | None,
) -> Judge:
    """Return the judge to be measured; the simulated one knows the labels of the gold file.

    Raises:
        Fatal: there is no such judge, or what it needs is not set.
    """
    if kind == "local":
        return LocalJudge()
    if kind == "simulated":
        known = {one.id: one.label for one in gold if one.label in model.infos}
        similar = similar_labels(*seed_examples(log))
        return SimulatedJudge(
            known, model.labels, similar, error=settings.judge_error, seed=settings.seed
        )
    if kind == "replay":
        if recorded is None:
            raise Fatal("the replay judge needs recorded answers: name a file with --recorded")
        return ReplayJudge(read_recorded(recorded, columns_beside(settings)), recorded.name)
    if kind == "llm":
        return build_measured(settings, log, model)
    raise Fatal(f"there is no judge {kind!r}: {', '.join(KINDS)}")


async def _asked(
    settings: Settings,
    judge: Judge,
    version: Version,
    trials: Sequence[Trial],
    told: Callable[[int, int], None],
) -> Answers:
    store = store_of(settings, version)
    try:
        return await put(
            judge,
            store,
            trials,
            seed=settings.seed,
            concurrency=settings.concurrency,
            told=lambda done: told(done, len(trials)),
        )
    finally:
        await store.close()
        close = getattr(judge, "close", None)
        if close is not None:
            await close()


def _place(seed: int, text_id: str) -> bytes:
    key = f"measure\0{seed}\0{text_id}".encode(errors="surrogatepass")
    return blake2b(key, digest_size=16).digest()


def _told(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
