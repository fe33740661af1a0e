"""The settings of Kafka's security: what belongs together, what is refused, what is never shown."""

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from models.errors import Fatal
from streams.program.kafka_settings import connection
from streams.program.settings import Settings

SECRET = "correct-horse-battery"
LOGIN = {"kafka_sasl": "scram-sha-256", "kafka_user": "me", "kafka_password": SECRET}
AWAY = "broker.example.org:9092"


def settings(**given: Any) -> Settings:
    return Settings(**{"kafka": "127.0.0.1:9092", **given})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    mine, other = authority.issue_cert("me"), authority.issue_cert("other")
    mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "text.pem").write_text("no certificate\n")
    return tmp_path


def test_by_themselves_brokers_are_spoken_to_in_plain_text_by_nobody() -> None:
    made = connection(settings())
    assert made.client()["security_protocol"] == "PLAINTEXT"
    assert made.security.credentials() is None


def test_with_tls_certificates_and_names_are_checked(files: Path) -> None:
    for more in ({}, {"kafka_ca_file": files / "ca.pem"}, {"kafka_cert_file": files / "both.pem"}):
        made = connection(settings(kafka=AWAY, kafka_tls=True, **more)).client()
        assert made["security_protocol"] == "SSL"
        assert made["ssl_context"].check_hostname
        assert made["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_who_logs_in_does_so_with_every_client_and_through_tls_where_it_is_set() -> None:
    made = connection(settings(kafka=AWAY, kafka_tls=True, **LOGIN))
    told = made.client()
    assert (told["security_protocol"], told["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-256")
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("me", SECRET)
    faust: Any = made.security.credentials()
    assert (faust.protocol.value, faust.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-256")
    assert (faust.username, faust.password) == ("me", SECRET)
    assert faust.ssl_context is told["ssl_context"]


@pytest.mark.parametrize("brokers", ["127.0.0.1:9092", "localhost:9092, [::1]:9093", "127.1.2.3:1"])
def test_a_password_may_travel_unencrypted_on_this_machine(brokers: str) -> None:
    made = connection(settings(kafka=brokers, **LOGIN))
    assert made.client()["security_protocol"] == "SASL_PLAINTEXT"


@pytest.mark.parametrize("brokers", [AWAY, f"127.0.0.1:9092,{AWAY}", "10.0.0.1:9092", "kafka"])
def test_a_password_travels_unencrypted_to_another_machine_only_where_asked_for(
    brokers: str,
) -> None:
    with pytest.raises(Fatal, match="unencrypted: set REDSTREAM_KAFKA_TLS=true") as told:
        connection(settings(kafka=brokers, **LOGIN))
    assert SECRET not in str(told.value)
    made = connection(settings(kafka=brokers, kafka_plain_password=True, **LOGIN))
    assert made.client()["security_protocol"] == "SASL_PLAINTEXT"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kafka_user": "me"}, "set REDSTREAM_KAFKA_SASL to one of plain, scram"),
        ({"kafka_password": SECRET}, "set REDSTREAM_KAFKA_SASL"),
        ({"kafka_sasl": "plain", "kafka_user": "me"}, "needs REDSTREAM_KAFKA_USER and REDSTREAM"),
        ({"kafka_sasl": "plain", "kafka_password": SECRET}, "needs REDSTREAM_KAFKA_USER and"),
        ({**LOGIN, "kafka_password": "two\nlines " + SECRET}, "holds characters that no password"),
        ({**LOGIN, "kafka_password_file": "text.pem"}, "are both set: unset one"),
        ({"kafka_ca_file": "ca.pem"}, "CA_FILE is set, but .* in plain text"),
        ({"kafka_cert_file": "both.pem"}, "CERT_FILE is set, but .* in plain text"),
        ({"kafka_tls": True, "kafka_key_file": "key.pem"}, "but no REDSTREAM_KAFKA_CERT_FILE"),
        ({"kafka_tls": True, "kafka_ca_file": "none.pem"}, "KAFKA_CA_FILE .*No such file"),
        ({"kafka_tls": True, "kafka_ca_file": "text.pem"}, "holds no certificate in PEM form"),
        ({"kafka_tls": True, "kafka_cert_file": "none.pem"}, "CERT_FILE .*No such file"),
        ({"kafka_tls": True, "kafka_cert_file": "cert.pem"}, "have to be PEM, the key of this"),
        (
            {"kafka_tls": True, "kafka_cert_file": "cert.pem", "kafka_key_file": "other.pem"},
            "have to be PEM, the key of this certificate",
        ),
    ],
)
def test_what_does_not_belong_together_is_told_without_the_secret(
    files: Path, given: dict[str, Any], says: str
) -> None:
    named = {
        name: files / value if name.endswith("_file") else value for name, value in given.items()
    }
    with pytest.raises(Fatal, match=says) as told:
        connection(settings(**named))
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_password_may_lie_in_a_file_with_an_end_of_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" with spaces ünd more \n", encoding="utf-8")
    login = {**LOGIN, "kafka_password": None, "kafka_password_file": tmp_path / "password"}
    made = connection(settings(**login))
    assert made.client()["sasl_plain_password"] == " with spaces ünd more "


def test_no_form_in_which_a_connection_is_shown_has_the_password() -> None:
    made = connection(settings(**LOGIN))
    for shown in (repr(made), str(made), repr(made.security), repr(made.security.credentials())):
        assert SECRET not in shown


def test_the_client_does_not_log_requests_that_hold_the_password() -> None:
    connection(settings(**LOGIN))
    assert not logging.getLogger("aiokafka.conn").isEnabledFor(logging.DEBUG)
