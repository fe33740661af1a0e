"""Keys of services: from a setting, or from a file that a setting names."""

from __future__ import annotations

from models.errors import Fatal
from streams.program.settings import Settings


def key_of(settings: Settings, service: str) -> str:
    """Return the key of "llm" or "qdrant"; empty where there is none.

    Raises:
        Fatal: the file cannot be read, both are given, or it is nothing that can be sent.
    """
    secret, path = getattr(settings, f"{service}_key"), getattr(settings, f"{service}_key_file")
    name = f"REDSTREAM_{service.upper()}_KEY"
    key = secret.get_secret_value() if secret else ""
    if path is not None:
        if key:
            raise Fatal(f"{name} and {name}_FILE are both set: unset one of them")
        try:
            key = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Fatal(f"cannot read {name}_FILE {path}: {why}") from None
        if not key.strip():
            raise Fatal(f"{name}_FILE {path} is empty: write the key into it")
        name = str(path)
    key = key.strip()
    # Its own words would be in the HTTP library's complaint.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Fatal(f"{name} holds characters that no key has: was it cut or wrapped?")
    return key
