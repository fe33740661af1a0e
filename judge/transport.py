"""What holds for every way to a server: whether it is this machine, and whom certificates prove."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path

from models.errors import Fatal


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine. Names are not looked up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def unverified(error: BaseException | None) -> str | None:
    """Return why a certificate was not accepted, if that is what lies behind an error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None


def trusting(authority: Path | None, setting: str) -> ssl.SSLContext:
    """Return what checks certificates and host names: against a file of authorities, or the usual.

    Raises:
        Fatal: the file that the `setting` names cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
            why = "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        else:
            why = str(error.strerror)
        raise Fatal(f"cannot use {setting} {authority}: {why}") from None
