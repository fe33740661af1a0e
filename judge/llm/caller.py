"""Puts a prompt to the endpoint: when allowed, again when it may help, never past a deadline."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import stamina

from judge.llm.budget import Budget, Reservation
from judge.llm.circuit import Circuit
from judge.llm.endpoint import Completion, Endpoint
from judge.llm.failure import Failed
from judge.llm.pace import Pace
from judge.llm.prompt import Request
from judge.llm.usage import Counts, Use, count_tokens, estimate


@dataclass(frozen=True, slots=True)
class Patience:
    """`total` seconds for one question, waiting and retries included; `attempts` of asking.

    A batch of the judge's stage may be held for 20 seconds: a question that takes longer is
    better asked later. No request begins that might not end within the total: what is cut off
    in the middle is paid for nothing. Waits between attempts double from `first` to `longest`
    seconds, with up to `jitter` seconds on top: those who failed together do not return together.
    """

    total: float = 20.0
    attempts: int = 4
    first: float = 0.5
    longest: float = 8.0
    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """Content to be read, or (with `kind`) why there is none."""

    content: str
    kind: str | None
    reason: str
    use: Use


class Caller:
    """One endpoint with its pace, budget and circuit."""

    def __init__(
        self,
        endpoint: Endpoint,
        pace: Pace,
        budget: Budget,
        circuit: Circuit,
        patience: Patience | None = None,
        answer_tokens: int = 400,
        spent: Callable[[], None] = lambda: None,
    ) -> None:
        """`spent` is called after every change of the budget.

        Raises `ValueError`: one request may take as long as a question, which leaves no wait.
        """
        patience = patience or Patience()
        if endpoint.timeout >= patience.total:
            raise ValueError(
                f"a request's timeout ({endpoint.timeout:g} s) has to be below the time for a "
                f"question with its waits and retries ({patience.total:g} s)"
            )
        self.endpoint = endpoint
        self.pace = pace
        self.budget = budget
        self.circuit = circuit
        self.counts = Counts()
        self.last_failure = ""  # that counted against the circuit
        self._patience = patience
        self._start_within = patience.total - endpoint.timeout
        self._answer_tokens = answer_tokens
        self._spent = spent

    async def put(self, prompt: Request) -> Reply:
        """Ask; every failure but a wrong set-up is a reply with a kind.

        Raises:
            Fatal: the key, the model or the URL is wrong.
        """
        use = Use()
        begin_by = asyncio.get_running_loop().time() + self._start_within
        try:
            async with asyncio.timeout(self._patience.total):
                got = await self._retried(prompt, use, begin_by)
            return Reply(got.content, got.kind, got.kind or "", use)
        except TimeoutError:
            kind = "timed out" if use.calls else "away"
            return Reply("", kind, f"no answer within {self._patience.total:g} s", use)
        except Failed as failed:
            return Reply("", failed.kind, failed.reason, use)

    async def _retried(self, prompt: Request, use: Use, begin_by: float) -> Completion:
        patience = self._patience
        async for attempt in stamina.retry_context(
            on=self._wait_before_retry,
            attempts=patience.attempts,
            timeout=self._start_within,
            wait_initial=patience.first,
            wait_max=patience.longest,
            wait_jitter=patience.jitter,
        ):
            with attempt:
                return await self._once(prompt, use, begin_by, again=attempt.num > 1)
        raise AssertionError("stamina returns or raises")

    def _wait_before_retry(self, error: Exception) -> bool | float:
        """Whether to try again, and after how many seconds (True: stamina's own backoff)."""
        if not isinstance(error, Failed) or not error.retry:
            return False
        if error.wait is None:
            return True
        # Never earlier than asked for, and not all at the same moment.
        return error.wait + random.uniform(0, self._patience.jitter)

    async def _once(self, prompt: Request, use: Use, begin_by: float, *, again: bool) -> Completion:
        if not self.circuit.passes:
            raise self._left_alone()
        reading, writing = estimate(prompt), self._answer_tokens
        price = self.budget.price
        tokens, money = reading + writing, price.of(reading, writing)
        if not self.budget.fits(tokens, money):  # or it would come back for ever
            raise Failed("refused", f"one question of {tokens} tokens is over a cap by itself")
        kept = self.budget.reserve(tokens, money)
        if isinstance(kept, str):
            # Minute and day come round again. What is used up for good is left to a person.
            kind = "spent" if kept == "all" else "budget"
            raise Failed(kind, f"the budget ({kept}) has no room")
        took = Use()
        entered = False

        def sent() -> None:
            took.calls += 1
            self.counts.retries += again

        try:
            async with self._turn(begin_by):
                if not self.circuit.enter():
                    raise self._left_alone()
                entered = True
                got = await self.endpoint.ask(prompt, sent)
                self._read(got, reading, took)
                entered = False
                self.circuit.succeeded()
                return got
        except Failed as failed:
            if entered:
                entered = False
                self._tell(failed)
                if failed.billed:
                    took.tokens_in, took.estimated = reading, True
            raise
        except asyncio.CancelledError:
            if took.calls and not took.tokens:  # in flight: it may be billed all the same
                took.tokens_in, took.estimated = reading, True
            raise
        finally:
            if entered:  # given up here: nothing is known about the endpoint's health
                self.circuit.dropped()
            self._count(kept, took, use)

    @asynccontextmanager
    async def _turn(self, begin_by: float) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout_at(begin_by):
                    await stack.enter_async_context(self.pace.turn())
            except TimeoutError:
                raise Failed("away", f"no turn within {self._start_within:g} s") from None
            yield

    def _tell(self, failed: Failed) -> None:
        """Let circuit and pace know; a wait longer than our patience ends the retries."""
        if not failed.down:
            self.circuit.succeeded()
            return
        self.last_failure = failed.reason
        too_long = failed.wait is not None and failed.wait >= self._start_within
        self.circuit.failed(failed.wait if too_long else None)
        if too_long:
            failed.retry = False
        elif failed.wait is not None:
            self.pace.pause(failed.wait)

    def _left_alone(self) -> Failed:
        seconds = self.circuit.resumes_in
        return Failed("away", f"left alone after failures, for {seconds:.0f} s more")

    def _read(self, got: Completion, reading: int, took: Use) -> None:
        written = count_tokens(got.content) if got.tokens_out is None else got.tokens_out
        took.tokens_in = reading if got.tokens_in is None else got.tokens_in
        took.tokens_out = written
        took.estimated = got.tokens_in is None or got.tokens_out is None

    def _count(self, kept: Reservation, took: Use, use: Use) -> None:
        money = self.budget.price.of(took.tokens_in, took.tokens_out)
        self.budget.settle(kept, took.calls, took.tokens, money)
        for total in (use, self.counts):
            total.calls += took.calls
            total.tokens_in += took.tokens_in
            total.tokens_out += took.tokens_out
        use.estimated = use.estimated or (took.estimated and took.tokens > 0)
        self.counts.money += money
        self.counts.estimated_tokens += took.tokens if took.estimated else 0
        self._spent()
