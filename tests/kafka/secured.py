"""A broker that asks who one is: TLS with certificates made on the spot, users with passwords."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from streams.program.settings import Settings
from tools.broker import Broker, Secured, start

NOBODY = "bob"
"""May log in, with the same password, and nothing else."""

USER, PASSWORD = "alice", 'correct horse; "battery'
WRONG = "a wrong-password-of-hers"

# Escaped once for JAAS and once for the file of properties; StorageTool takes it as it is.
JAAS = PASSWORD.replace('"', '\\\\"')

PROPERTIES = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^.*$/{user}/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{user};User:ANONYMOUS
listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{user}="{jaas}" user_{nobody}="{jaas}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


@dataclass(frozen=True)
class SecuredBroker:
    """`broker` with its files beside it: who signs, who signs nothing here, a client's own."""

    broker: Broker
    folder: Path

    def at(self, protocol: str, host: str = "127.0.0.1") -> str:
        """Return the address of the listener that speaks a protocol."""
        if protocol == "PLAINTEXT":
            return self.broker.bootstrap
        return f"{host}:{self.broker.listeners[protocol]}"

    def settings(self, protocol: str, **more: object) -> Settings:
        """Return the settings of somebody who knows the broker's authority."""
        if "SSL" in protocol:
            more = {"kafka_tls": True, "kafka_ca_file": self.folder / "ca.pem", **more}
        if "SASL" in protocol:
            login = {"kafka_user": USER, "kafka_password": PASSWORD, "kafka_sasl": "scram-sha-512"}
            more = {**login, **more}
        return Settings(**{"kafka": self.at(protocol), **more})  # type: ignore[arg-type]


def secured(jars: Path, folder: Path) -> SecuredBroker:
    """Make certificates and start the broker.

    Raises:
        Unavailable: it does not start.
    """
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other-ca.pem")
    for name, cert in {
        "broker": authority.issue_cert("127.0.0.1"),
        "client": authority.issue_cert("alice@example.org"),
    }.items():
        chain = b"".join(one.bytes() for one in cert.cert_chain_pems)
        key = load_pem_private_key(cert.private_key_pem.bytes(), None)
        # Kafka reads keys in this form only.
        told = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(told + chain)
    made = Secured(
        ("SASL_SSL", "SSL"),
        PROPERTIES.format(folder=folder, user=USER, nobody=NOBODY, jaas=JAAS),
        [f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"],
    )
    return SecuredBroker(start(jars, folder, made), folder)
