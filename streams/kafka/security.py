"""How brokers are spoken to: encrypted or not, and as whom. The same for every client."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

MECHANISMS = {
    "plain": "PLAIN",
    "scram-sha-256": "SCRAM-SHA-256",
    "scram-sha-512": "SCRAM-SHA-512",
}
"""What the settings call them, and Kafka."""

# When it tells everything it tells every request, that with the password as well.
logging.getLogger("aiokafka.conn").setLevel(logging.INFO)


@dataclass(frozen=True)
class Security:
    """By itself: plain text and nobody's name, for brokers on this machine.

    `tls` has to check certificates and host names. `mechanism` is one of Kafka's names; without
    one nobody logs in.
    """

    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))

    @property
    def protocol(self) -> str:
        """What Kafka calls it."""
        kind = "SSL" if self.tls else "PLAINTEXT"
        return f"SASL_{kind}" if self.mechanism else kind

    def client(self) -> dict[str, Any]:
        """Return what clients of aiokafka are made with."""
        made: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.mechanism:
            made |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return made

    def credentials(self) -> CredentialsT | None:
        """Return the same for Faust: without `ssl_context` its credentials go in plain text."""
        import faust  # here: whoever only reads topics does without it

        if self.mechanism:
            return faust.SASLCredentials(
                username=self.user,
                password=self.password.get_secret_value(),
                mechanism=self.mechanism,
                ssl_context=self.tls,
            )
        return faust.SSLCredentials(self.tls) if self.tls else None
