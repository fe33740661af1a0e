"""The settings of an LLM, checked before anything is loaded: a mistake is one line that helps."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from judge.transport import is_loopback
from models.errors import Fatal
from streams.program.keys import key_of
from streams.program.settings import Settings

SMALLEST = 300
"""Tokens of about the smallest question: what is asked, and a text without any examples."""


def check(settings: Settings) -> None:
    """Find out early what would stop the run later, without loading anything.

    Raises:
        Fatal: settings that belong together are not; names the one to change.
    """
    given = {"LLM_URL": settings.llm_url, "LLM_MODEL": settings.llm_model}
    if settings.judge != "llm":
        for name, value in given.items():
            if value is not None:
                raise Fatal(
                    f"REDSTREAM_{name} is set, but the judge is {settings.judge!r}: add"
                    f" --judge llm (REDSTREAM_JUDGE=llm), or unset it"
                )
        return
    check_endpoint(settings, settings.llm_model)


def check_endpoint(settings: Settings, model: str | None) -> None:
    """The same for whoever asks the LLM, judge or not.

    Raises:
        Fatal: no endpoint or no model is set, or the settings do not fit; names the one to change.
    """
    for name, value in {"LLM_URL": settings.llm_url, "LLM_MODEL": model}.items():
        if not value:
            flag, what = "--" + name.lower().replace("_", "-"), name[4:].lower()
            what = "endpoint" if what == "url" else what
            example = "http://127.0.0.1:11434/v1" if name == "LLM_URL" else "gpt-4o-mini"
            raise Fatal(
                f"no LLM {what} is set: REDSTREAM_{name}, or {flag} of run, for example {example};"
                " docs/judge.md has more"
            )
    if settings.llm_timeout >= settings.llm_patience:
        raise Fatal(
            f"REDSTREAM_LLM_TIMEOUT ({settings.llm_timeout:g} s, one request) has to be below"
            f" REDSTREAM_LLM_PATIENCE ({settings.llm_patience:g} s, one question with its waits and"
            " retries): lower the one or raise the other"
        )
    _check_caps(settings)
    host = where(settings)
    plain = urlsplit(settings.llm_url or "").scheme == "http"
    if key_of(settings, "llm") and plain and not is_loopback(host) and not settings.llm_plain_key:
        raise Fatal(
            f"the LLM's key would travel to {host} unencrypted: use https://, or say"
            " REDSTREAM_LLM_PLAIN_KEY=true where the network between is your own"
        )


def where(settings: Settings) -> str:
    """Return the host of the URL: what may be shown of it.

    Raises:
        Fatal: it has none, or it holds a secret; before anything is written, the command line (in
            the folder's lock) included.
    """
    try:
        parts = urlsplit((settings.llm_url or "").strip())
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username or parts.password or parts.query:
        raise Fatal(
            "REDSTREAM_LLM_URL holds a name, a password or a query: give the key by itself, as"
            " REDSTREAM_LLM_KEY"
        )
    if not host:
        raise Fatal("REDSTREAM_LLM_URL is no URL: it looks like http://localhost:8000/v1")
    return host


def caps_of(settings: Settings, window: str) -> dict[str, Any]:
    return {
        what: getattr(settings, f"llm_{window}_{what}") for what in ("calls", "tokens", "money")
    }


def _check_caps(settings: Settings) -> None:
    """A cap that never holds, or that lets nothing through, is a mistake of whoever set it."""
    priced = settings.llm_price_in or settings.llm_price_out
    for window in ("minute", "day", "all"):
        caps, name = caps_of(settings, window), f"REDSTREAM_LLM_{window.upper()}"
        if caps["money"] is not None and not priced:
            raise Fatal(
                f"{name}_MONEY is set, but no price: set REDSTREAM_LLM_PRICE_IN and"
                " REDSTREAM_LLM_PRICE_OUT, per million tokens"
            )
        least = SMALLEST + settings.llm_answer_tokens
        if caps["tokens"] is not None and caps["tokens"] < least:
            raise Fatal(
                f"{name}_TOKENS ({caps['tokens']}) has no room for one question (about {least} with"
                " REDSTREAM_LLM_ANSWER_TOKENS): raise it, or unset it"
            )
