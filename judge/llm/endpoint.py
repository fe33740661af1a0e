"""One request to an OpenAI-compatible endpoint: how it is spoken to, and what came back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import openai
from pydantic import SecretStr

from judge.llm.dialect import Dialect, content_of, field, first_of
from judge.llm.failure import Failed, Scrub, explain, timed_out
from judge.llm.prompt import Request
from judge.transport import trusting
from models.errors import Fatal

_NO_KEY: Final = "none"  # the SDK insists on one; local servers ask for none
_ODD_FORM: Final = (400, 422)


@dataclass(frozen=True, slots=True)
class Completion:
    """A completed request. `kind` is set where it holds no answer: "refused", "cut off".

    Tokens as the endpoint reports them; None where it does not.
    """

    content: str
    kind: str | None
    tokens_in: int | None
    tokens_out: int | None


class Endpoint:
    """Asks one model at one URL; what the endpoint can do is found out once.

    Until its first success questions go one at a time: so a wrong key costs one request, not
    as many as were waiting. A `Fatal` is remembered, and later questions are not sent at all.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: SecretStr,
        *,
        authority: Path | None = None,
        timeout: float = 12.0,
        temperature: float = 0.0,
        answer_tokens: int = 400,
        client: openai.AsyncOpenAI | None = None,
    ) -> None:
        """`timeout` in seconds for one request, first byte to last.

        Raises:
            Fatal: `url` is none, or holds a secret; the `authority`'s file cannot be used.
        """
        self.model = model
        self._url = _checked(url)
        self.timeout = timeout
        self._temperature = temperature
        self._answer_tokens = answer_tokens
        self._scrub = Scrub(key)
        self._client = client or openai.AsyncOpenAI(
            api_key=key.get_secret_value() or _NO_KEY,
            base_url=url,
            max_retries=0,  # ours obey the budget and the circuit
            timeout=timeout,
            http_client=_trusting(authority) if authority else None,
        )
        self._dialect = Dialect()
        self._settled = False
        self._broken: str | None = None
        self._finding = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Endpoint({self._url!r}, {self.model!r})"

    @property
    def mode(self) -> str:
        """How answers are constrained: "schema", "tool", "text", or "not known yet"."""
        return self._dialect.mode if self._settled else "not known yet"

    async def ask(self, prompt: Request, sent: Callable[[], None] = lambda: None) -> Completion:
        """Send one question; `sent` is called for every request, refused forms included.

        Raises:
            Failed: there is no completion; says what to do about it.
            Fatal: the key, the model or the URL is wrong.
        """
        if not self._settled:
            async with self._finding:
                if not self._settled:
                    return await self._first(prompt, sent)
        return await self._send(prompt, sent)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _first(self, prompt: Request, sent: Callable[[], None]) -> Completion:
        """Ask in ever simpler forms until one is accepted, and keep that one."""
        begun = self._dialect
        while True:
            try:
                completion = await self._send(prompt, sent)
            except Failed as failed:
                if failed.status not in _ODD_FORM:
                    raise
                simpler = self._dialect.simpler(failed.param)
                if simpler is not None:
                    self._dialect = simpler
                    continue
                forms_left = self._dialect.mode != "text"
                self._dialect = begun
                if forms_left:  # it is this text that it does not take
                    raise
                # Every form refused, and nothing ever answered: it may be the set-up. The
                # text must not be given up for that.
                reason = f"refuses every form of question ({failed.reason})"
                raise Failed("away", reason, down=True) from None
            self._settled = True
            return completion

    async def _send(self, prompt: Request, sent: Callable[[], None]) -> Completion:
        if self._broken is not None:
            raise Fatal(self._broken)
        arguments = self._dialect.arguments(prompt, self._temperature, self._answer_tokens)
        sent()
        try:
            # The SDK's own limit is for each read: a server that drips never reaches it.
            async with asyncio.timeout(self.timeout):
                # Not `chat.completions.create`: it walks through body and answer type by type,
                # which takes 1.7 ms a request instead of 1.0.
                return _read(
                    await self._client.post(
                        "/chat/completions",
                        cast_to=object,
                        body={"model": self.model, **arguments},
                    )
                )
        except TimeoutError:
            known: Failed | Fatal = timed_out()
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            known = explain(error, self._settled, self._scrub, self.model)
            if isinstance(known, Fatal):
                self._broken = str(known)
        # Raised out here, without the SDK's error behind it: that holds the request, and so
        # the key.
        raise known


def _read(got: object) -> Completion:
    """What a completion says. A page that is none raises `Failed`, as a broken body does."""
    choice = first_of(field(got, "choices"))
    message, finish = field(choice, "message"), field(choice, "finish_reason")
    if not isinstance(message, dict):
        raise Failed("away", "the body is not a completion", retry=True, down=True, billed=True)
    kind = None
    if finish == "content_filter" or message.get("refusal"):
        kind = "refused"
    elif finish == "length":
        kind = "cut off"
    usage = field(got, "usage")
    return Completion(
        content_of(message),
        kind,
        _count(field(usage, "prompt_tokens")),
        _count(field(usage, "completion_tokens")),
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 10**9 else None


def _trusting(authority: Path) -> openai.DefaultAsyncHttpxClient:
    context = trusting(authority, "REDSTREAM_LLM_CA_FILE")
    return openai.DefaultAsyncHttpxClient(verify=context)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        raise Fatal("the LLM's URL is none") from None
    if parts.username or parts.password or parts.query:
        raise Fatal("the LLM's URL holds a name, a password or a query: give the key by itself")
    if not usable:
        raise Fatal(f"the LLM's URL is none: {url!r} (it looks like http://localhost:8000/v1)")
    return url
