"""Secrets of services: from a setting, or from a file that a setting names."""

from __future__ import annotations

from models.errors import Fatal
from streams.program.plain import hide
from streams.program.settings import Settings


def key_of(settings: Settings, service: str) -> str:
    """Return the key of "llm" or "qdrant"; empty where there is none.

    Raises:
        Fatal: the file cannot be read, both are given, or it is nothing that can be sent.
    """
    key, where = _given(settings, f"{service}_key")
    key = key.strip()
    # Its own words would be in the HTTP library's complaint.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Fatal(f"{where} holds characters that no key has: was it cut or wrapped?")
    hide(key)
    return key


def password_of(settings: Settings, service: str) -> str:
    """Return the password for "kafka", without an end of line; empty where there is none.

    Raises:
        Fatal: the file cannot be read, both are given, or it is nothing that can be sent.
    """
    password, where = _given(settings, f"{service}_password")
    password = password.rstrip("\r\n")
    if not password.isprintable():
        raise Fatal(f"{where} holds characters that no password has: is it one line of text?")
    hide(password)
    return password


def _given(settings: Settings, setting: str) -> tuple[str, str]:
    """Return a secret as it was given, and where: what may be shown of it."""
    secret, path = getattr(settings, setting), getattr(settings, f"{setting}_file")
    name = f"REDSTREAM_{setting.upper()}"
    given = secret.get_secret_value() if secret else ""
    if path is None:
        return given, name
    what = setting.rpartition("_")[2]
    if given:
        raise Fatal(f"{name} and {name}_FILE are both set: unset one of them")
    try:
        given = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Fatal(f"cannot read {name}_FILE {path}: {why}") from None
    if not given.strip():
        raise Fatal(f"{name}_FILE {path} is empty: write the {what} into it")
    return given, str(path)
