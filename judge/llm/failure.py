"""What a failed request means: is the endpoint away, does it refuse, or is the set-up wrong?

```
401, wrong URL, unknown model,
unknown certificate at first         Fatal: a person has to act, nothing is asked again
403                                  Fatal before the first success; later the text was refused
                                     (a gateway's moderation), or any hostile text could stop all
429, 5xx, 408, 409, connection, body "away": retried, then later
402, 429 without credit              "away", not retried: only money helps
no answer in time                    "timed out": later
400, 413, 422 and the rest           "refused": asking again changes nothing
```
"""

import email.utils
import math
import re
import time
from typing import Any, Final
from urllib.parse import quote

import openai
from pydantic import SecretStr

from judge.llm.answer import tidy
from judge.transport import unverified
from models.errors import Fatal, RedstreamError

# A server that says "in a year" is not believed; it is asked again within the hour.
LONGEST_RETRY_AFTER: Final = 3_600.0
_KEYS: Final = re.compile(
    r"[^\s'\"]*\*{3,}[^\s'\"]*|\bBearer\s+\S+|\bsk-[\w.\-]{4,}", re.IGNORECASE
)
_WORDS: Final = 200  # characters of a server's message that are kept


class Failed(RedstreamError):
    """A request without an answer; never leaves `judge.llm`, whose answers are no exceptions.

    `down` counts against the circuit; `billed` says that the endpoint may have worked for it
    all the same; `wait` is what it asked to be left alone for, in seconds.
    """

    def __init__(
        self,
        kind: str,
        reason: str,
        *,
        retry: bool = False,
        down: bool = False,
        billed: bool = False,
        wait: float | None = None,
        status: int | None = None,
        param: str = "",
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.retry = retry
        self.down = down
        self.billed = billed
        self.wait = wait
        self.status = status
        self.param = param


class Scrub:
    """Takes the key, and whatever looks like one, out of what others say."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def __call__(self, text: str) -> str:
        """One printable line without the key."""
        if secret := self._key.get_secret_value():
            for form in (secret, quote(secret, safe="")):
                text = text.replace(form, "***")
        # Shortened first: the pattern takes quadratic time.
        return tidy(_KEYS.sub("***", text[: 5 * _WORDS]), _WORDS)


def explain(error: Exception, settled: bool, scrub: Scrub, model: str) -> Failed | Fatal:
    """What `error`, raised by the SDK, means; `settled` after a first success."""
    if isinstance(error, openai.APITimeoutError):
        return timed_out()
    if isinstance(error, openai.APIStatusError):
        return _by_status(error, settled, scrub, model)
    if isinstance(error, openai.APIConnectionError):
        if (why := unverified(error)) and not settled:
            return Fatal(
                f"the LLM endpoint's certificate cannot be verified ({why}): name the file of who"
                " signed it by REDSTREAM_LLM_CA_FILE"
            )
        cause = type(error.__cause__ or error).__name__
        return Failed("away", f"no connection ({cause})", retry=True, down=True)
    # The body was no JSON, or no completion: a proxy's page, or a connection cut in the middle.
    return Failed("away", "the body is not a completion", retry=True, down=True, billed=True)


def timed_out() -> Failed:
    """No answer within the deadline. Not tried again at once: the same would take as long."""
    return Failed("timed out", "no answer in time", down=True, billed=True)


def _by_status(
    error: openai.APIStatusError, settled: bool, scrub: Scrub, model: str
) -> Failed | Fatal:
    status, said = error.status_code, scrub(_said(error))
    text = f"HTTP {status}: {said}"
    if status == 401:
        return Fatal(
            f"the LLM endpoint does not accept the key ({text}): correct REDSTREAM_LLM_KEY"
        )
    if status == 403 and not settled:
        return Fatal(f"the LLM endpoint forbids this ({text}): has the key access to {model!r}?")
    if status == 404 and not settled:
        return Fatal(
            f"the LLM endpoint knows no model {model!r} there ({text}): "
            "correct the model's name, or the URL, which mostly ends in /v1"
        )
    wait = retry_after(error.response.headers)
    code = str(error.code or "")
    if status == 402 or (status == 429 and "insufficient" in code):
        return Failed("away", text, down=True, wait=LONGEST_RETRY_AFTER / 6, status=status)
    if status in (404, 408, 409, 425, 429) or status >= 500:
        return Failed("away", text, retry=status != 404, down=True, wait=wait, status=status)
    return Failed("refused", text, status=status, param=f"{error.param or ''} {code} {said}")


def _said(error: openai.APIStatusError) -> str:
    """The server's own message, without the SDK's frame around it."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return said if isinstance(said, str) else error.message


def retry_after(headers: Any) -> float | None:
    """Seconds to wait as the headers say (a number, or a date), within reason; else None."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        given = headers.get(name)
        if given is None:
            continue
        try:
            seconds = float(given) * scale
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
    return None
