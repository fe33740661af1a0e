"""Calls to a Qdrant server: bounded time, a few tries, and errors that say what to do.

What the server or the way to it can do to a call, and what becomes of it:

| what happens | error |
| --- | --- |
| no connection, no answer in time, cut off in mid-answer, 408, 429, 5xx | `Away` (Transient) |
| 401, 403, a certificate that cannot be verified, a redirect, another 4xx | `Fatal` |
| 400, 413, 422: what was sent does not fit | `Permanent` |
| an answer that is not Qdrant's | `Garbled`, and `Fatal` where it never answered as Qdrant does |
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import stamina
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from judge.transport import is_loopback, unverified
from models.errors import Fatal, Permanent, RedstreamError, Transient

_T = TypeVar("_T")

_LONGEST_WAIT = 1.0  # seconds between two tries here; whoever gets the error waits longer
_SHOWN = 200  # characters of an answer that are quoted


class Away(Transient):
    """The server is away, slow or busy; `after` is how many seconds it asked for."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Garbled(Away):
    """An answer came, but not one that Qdrant gives."""


def checked_url(url: str, has_key: bool, plain_key: bool) -> str:
    """Return the URL as it may be shown and used.

    Raises:
        Fatal: it is none, it carries a password, or a key would travel in the clear.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username is not None or parts.password is not None:
        raise Fatal(
            "the Qdrant URL carries a user or password: give the key by REDSTREAM_QDRANT_KEY"
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise Fatal(f"{url!r} is no address of a Qdrant server: write http(s)://HOST[:PORT]")
    if has_key and parts.scheme == "http" and not is_loopback(host) and not plain_key:
        raise Fatal(
            f"the key of the Qdrant server would travel to {host} unencrypted: use https://, or"
            " say REDSTREAM_QDRANT_PLAIN_KEY=true where the network between is your own"
        )
    return parts.geturl().rstrip("/")


def checked_key(key: str | None) -> str | None:
    """Return the key without the blanks around it, None for an empty one.

    Raises:
        Fatal: it cannot be sent; the HTTP library's own error would show it.
    """
    key = (key or "").strip()
    if not key.isascii() or not key.isprintable():
        raise Fatal("REDSTREAM_QDRANT_KEY holds characters that no key has: was it cut or wrapped?")
    return key or None


class Caller:
    """Makes calls to one server, known as `where`; `key` is only needed to keep it unseen."""

    def __init__(self, where: str, key: str | None, timeout: float, attempts: int) -> None:
        self.where = where
        self.proven = False  # it answered as a Qdrant server does, once at least
        self._key = key
        self._timeout = timeout
        self._attempts = attempts

    async def ask(self, work: Callable[[], Awaitable[_T]], patience: float = 1.0) -> _T:
        """Make one call, again where it may help; `patience` stretches its time limit.

        It takes at most attempts * (timeout * patience + 2 s).
        """
        limit = self._timeout * patience
        try:
            async for attempt in stamina.retry_context(
                _again, self._attempts, None, wait_max=_LONGEST_WAIT, wait_jitter=0.2
            ):
                with attempt:
                    answer = await self._once(work, limit)
        except Garbled as error:
            if self.proven:
                raise
            raise Fatal(f"{error}. Is this the address of a Qdrant server?") from error
        self.proven = True
        return answer

    async def _once(self, work: Callable[[], Awaitable[_T]], limit: float) -> _T:
        try:
            async with asyncio.timeout(limit):
                return await work()
        except RedstreamError:
            raise
        except Exception as error:  # the client lets through whatever its parts raise
            raise self._told(error, limit) from error

    def _told(self, error: Exception, limit: float) -> RedstreamError:
        if isinstance(error, ResponseHandlingException):
            error = error.source
        match error:
            case UnexpectedResponse():
                return self._refused(error)
            case ResourceExhaustedResponse():
                return Away(f"{self.where} is busy (429)", float(error.retry_after_s))
            case QdrantException():  # a Retry-After that is a date
                return Away(f"{self.where} is busy (429)")
            case TimeoutError() | httpx.TimeoutException():
                return Away(f"{self.where} did not answer within {limit:g} s")
            case httpx.TransportError() if unverified(error):
                return Fatal(
                    f"the certificate of {self.where} cannot be verified: {self._quiet(error)}."
                    " Name your authority's file by REDSTREAM_QDRANT_CA_FILE"
                )
            case httpx.TransportError():
                said = self._quiet(error) or type(error).__name__
                return Away(f"{self.where} cannot be reached: {said}")
        said = f"{type(error).__name__}: {self._quiet(error)}"
        return Garbled(f"{self.where} does not answer as Qdrant does ({said})")

    def _refused(self, error: UnexpectedResponse) -> RedstreamError:
        status = error.status_code or 0
        said = self._quiet(_message(error.content))
        if status in (401, 403):
            todo = "check REDSTREAM_QDRANT_KEY" if self._key else "set REDSTREAM_QDRANT_KEY"
            return Fatal(f"{self.where} refuses us ({status}): {todo}; it needs one that may write")
        if status in (408, 425, 429) or status >= 500:
            return Away(f"{self.where} answers {status}: {said}")
        if status in (400, 413, 422):
            return Permanent(f"{self.where} refuses what it was sent ({status}): {said}")
        if status == 404 and self.proven:
            return Fatal(
                f"{self.where} has lost the collection (404): {said}. Start again: it is made anew"
                " and filled from the log (or by `redstream examples rebuild`)"
            )
        return Fatal(f"{self.where} answers {status}: {said}. Is this the address of Qdrant?")

    def _quiet(self, said: object) -> str:
        """Return what was said on one line, shortened, and without the key."""
        line = " ".join(str(said).split())
        if self._key:
            line = line.replace(self._key, "[key]")
        return line if len(line) <= _SHOWN else line[:_SHOWN] + " ..."


def _again(error: Exception) -> bool | float:
    if not isinstance(error, Away):
        return False
    if error.after is None:
        return True
    return error.after if 0 < error.after <= _LONGEST_WAIT else False


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["status"]["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return content[: 2 * _SHOWN].decode(errors="replace") or "no reason given"
