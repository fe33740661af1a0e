"""judge: a case in; verdicts out, a label where one was accepted, and what it teaches.

Accepted: a labelled event, and a line for `retrain`, if the answer is believed or outweighs what
the classifier holds (`streams.weighing`). Undecided: the ledger holds the text.
The judge away: the case goes to `uncertain-later` and comes back; that is never "invalid".
None of its contenders a label any more: it is classified again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from judge.examples import ExampleStore
from judge.policy import Decision, Policy, decide
from judge.port import Judge, RemoteJudge
from judge.question import Answer, Case
from models.errors import Permanent
from streams.asking import AWAY_SECONDS
from streams.decided import labelled, verdicts_of
from streams.errors import NotYet
from streams.feed import Feed
from streams.followed import again, to_ask
from streams.forgotten import GoneNow
from streams.labelset import LabelSet
from streams.records import Contender, Uncertain
from streams.stage import Delivered, Outgoing, Reader, dead_letter, outgoing, sort_out
from streams.stores import Stores
from streams.topology import JUDGE, UNCERTAIN_LATER
from streams.weighing import Scales, Weighing

BATCH_SECONDS = 20.0
"""How long a batch is held; what is not answered by then is asked later."""

TIMEOUTS = 6
"""A text over which the judge took too long this often is not put to it again."""

AHEAD = 2
"""Cases in hand for every question that may be out: the next prompts are ready when a question
comes back. The judge itself sees to how many questions are out."""


class JudgeStage:
    """Puts every case to the judge, which takes `concurrency` questions at a time.

    It asks for smaller batches where the judge is too slow, or its rate too low, for all of one
    to get a turn: what gets none has to go round through `uncertain-later`.
    """

    spec = JUDGE

    def __init__(
        self,
        judge: Judge,
        store: ExampleStore | Stores,
        *,
        concurrency: int,
        policy: Callable[[], Policy] = Policy,
        seconds: float = BATCH_SECONDS,
        feed: Feed | None = None,
        weighing: Weighing | None = None,
    ) -> None:
        """`policy` is asked once for every batch, so that it may follow the labels; `seconds`
        is how long a batch is held; with a `feed`, contenders follow the labels too; with
        `weighing` the answers of a judge that teaches are weighed.
        """
        self._judge = judge
        self._stores = store if isinstance(store, Stores) else Stores.only(store)
        self._policy = policy
        self._seconds = seconds
        self._feed = feed
        self._weighing = weighing if judge.teaches else None
        self._slots = asyncio.Semaphore(AHEAD * concurrency)
        self._without_turn = 0  # of the batch in hand
        self._reader: Reader | None = None
        self._gone = GoneNow()

    async def start(self, reader: Reader) -> None:
        """Nothing is derived: the example store is filled by `remember`."""
        self._reader = reader
        self._forget()

    def _forget(self) -> None:
        """Have the judge keep no words either, where a text was forgotten since it was looked."""
        news = self._reader is not None and self._gone.news(self._reader)
        if news and isinstance(self._judge, RemoteJudge):
            self._judge.forget_words(len(self._gone))

    def share(self, part: float) -> None:
        """Of rate and budget, as much as of the work is here."""
        if isinstance(self._judge, RemoteJudge):
            self._judge.share(part)

    async def close(self) -> None:
        """Store and judge are closed by who opened them."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Judge every case of the batch; what is published keeps the batch's order.

        Raises:
            NotYet: the judge is away; the batch stays where it is.
            Fatal: the judge is not set up rightly.
        """
        if wait := self._resumes_in():
            raise NotYet("the judge is away", delay=wait)
        self._forget()
        asked = [one for one in batch if not self._gone.about(one)]
        cases, dead = sort_out(asked, self.spec.name, lambda d: Uncertain.decode(d.value))
        policy, until = self._policy(), asyncio.get_running_loop().time() + self._seconds
        gone: list[tuple[Delivered, Uncertain]] = []
        if self._feed is not None:
            cases, gone = to_ask(cases, LabelSet.of(self._feed.newest().manifest))
        self._without_turn = 0
        scales = self._weighing.now() if self._weighing else None
        answered = await asyncio.gather(
            *(self._judged(case, policy, until, scales) for _, case in cases),
            return_exceptions=True,
        )
        for (delivered, _), answer in zip(cases, answered, strict=True):
            if isinstance(answer, Permanent):
                dead.append(dead_letter(delivered, self.spec.name, answer))
            elif isinstance(answer, BaseException):
                raise answer
        self._resize(len(cases) - self._without_turn)
        self._forget()
        dead += [again(case) for _, case in gone]
        return dead + [
            record for answer in answered if isinstance(answer, list) for record in answer
        ]

    def _resumes_in(self) -> float:
        seconds = self._judge.resumes_in if isinstance(self._judge, RemoteJudge) else 0.0
        return seconds if math.isfinite(seconds) else 0.0

    def _resize(self, served: int) -> None:
        batch = max(1, served) if self._without_turn else min(JUDGE.batch, 2 * self.spec.batch)
        self.spec = replace(JUDGE, batch=batch)

    async def _judged(
        self, uncertain: Uncertain, policy: Policy, until: float, scales: Scales | None
    ) -> list[Outgoing]:
        case = Case(
            id=uncertain.text.id,
            text=uncertain.text.text,
            embedding=uncertain.embedding.array(),
            contenders=tuple(contender.label for contender in uncertain.contenders),
            probabilities=_probabilities(uncertain.contenders),
            further=tuple(uncertain.further),
            refused=tuple(uncertain.rejected),
        )
        manifest = self._feed.newest().manifest if self._feed else None
        near = self._stores.near(uncertain.embedding, manifest)
        decision = await self._decided(case, near, policy, until)
        if decision is None:
            return [outgoing(UNCERTAIN_LATER, case.id, self._postponed(uncertain, tried=False))]
        if decision.kind == "away" and decision.answers[-1].kind == "timed out":
            uncertain = uncertain.model_copy(update={"timeouts": uncertain.timeouts + 1})
            if uncertain.timeouts >= TIMEOUTS:
                decision = replace(decision, kind="undecided")
        weighed = scales.weighed(uncertain, decision) if scales else None
        records = verdicts_of(uncertain, decision, self._judge, weighed)
        if decision.kind == "away":
            later = self._postponed(uncertain, tried=self._tried(decision.answers[-1]))
            records.append(outgoing(UNCERTAIN_LATER, case.id, later))
        else:
            records += labelled(uncertain, decision, self._judge, weighed)
        return records

    async def _decided(
        self, case: Case, near: ExampleStore, policy: Policy, until: float
    ) -> Decision | None:
        """None: its turn came so late that the rest of the batch's time would not do."""
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout_at(until - self._seconds / 2):
                await self._slots.acquire()
        except TimeoutError:
            return None
        try:
            return await decide(self._judge, near, case, policy=policy, within=until - clock())
        finally:
            self._slots.release()

    def _tried(self, answer: Answer) -> bool:
        """Tell whether a question was sent; a stand-in does not count what it sends."""
        remote = isinstance(self._judge, RemoteJudge)
        return not remote or answer.calls > 0 or answer.kind == "timed out"

    def _postponed(self, uncertain: Uncertain, *, tried: bool) -> Uncertain:
        """Return the case, due when the judge is there again, and not before its own backoff.

        The backoff grows where the case was `tried` and failed. One that only found no turn
        (rate, circuit, budget) would otherwise wait minutes for a judge that has time again.
        """
        self._without_turn += not tried
        first, longest = AWAY_SECONDS
        backoff = min(longest, first * 2 ** min(uncertain.attempt, 10)) if tried else first
        due = time.time() + max(backoff, self._resumes_in())
        return uncertain.model_copy(update={"attempt": uncertain.attempt + 1, "due": due})


def _probabilities(contenders: Sequence[Contender]) -> tuple[float, ...]:
    """Return all of them within 0 to 1, or none where one is no number."""
    given = [contender.probability for contender in contenders]
    known = all(math.isfinite(probability) for probability in given)
    return tuple(min(1.0, max(0.0, probability)) for probability in given) if known else ()
