"""Every setting: its name (`REDSTREAM_` in front), its default and what it means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from streams.program.reading.columns import Columns


class Settings(BaseSettings):
    """By themselves: what is given, then the environment (`REDSTREAM_NAME`), then these defaults.

    The program reads `redstream.toml` as well (`streams.program.configuration`).
    """

    model_config = SettingsConfigDict(env_prefix="REDSTREAM_", extra="ignore", frozen=True)

    var: Path = Field(Path("var"), description="folder of everything that is kept")
    encoder: str = Field(
        "default",
        description="sentence-transformers name, or 'hashing'; NAME+words reads letters too."
        " Where `redstream encoder change` moved the model to another, that one is used",
    )
    encoder_path: Literal["fp32", "bfloat16", "auto"] = Field(
        "auto", description="the encoder's arithmetic; auto measures once, when fitting"
    )
    judge: Literal["local", "simulated", "llm"] = Field("local", description="who validates")
    gold: Path | None = Field(None, description="gold labels, for the simulated judge only")
    judge_error: float = Field(0.1, ge=0, lt=1, description="share of wrong simulated answers")
    target: float = Field(0.95, gt=0, lt=1, description="precision of what nobody is asked about")
    audit: float = Field(0.05, ge=0, le=1, description="share of confident texts judged too")
    certify: bool = Field(
        True,
        description="judge everything at first, until the target is certified or out of reach",
    )
    answers: Literal["believe", "weigh", "auto"] = Field(
        "auto",
        description="believe the judge, or weigh what it says against the classifier;"
        " auto weighs where left-out examples are right in .8 or more",
    )
    rounds: int = Field(
        5, ge=0, description="most rounds over the undecided texts when the input has ended"
    )
    shares: bool = Field(
        True, description="let the label shares that the classifier expects follow the stream"
    )
    weights: bool = Field(
        True, description="let the weights of the evidence follow what was judged (adr/0019)"
    )
    qdrant: str | None = Field(
        None, description="address of a Qdrant server; none: the examples lie in the folder"
    )
    qdrant_key: SecretStr | None = Field(None, description="API key of the Qdrant server")
    qdrant_key_file: Path | None = Field(None, description="a file that holds the key instead")
    qdrant_collection: str = Field(
        "redstream", min_length=1, description="collection on the Qdrant server, one per folder"
    )
    qdrant_plain_key: bool = Field(
        False, description="send the key unencrypted to another machine, over http://"
    )
    qdrant_ca_file: Path | None = Field(
        None, description="certificates of who signs the Qdrant server's; none: the usual ones"
    )
    text_column: str | None = Field(
        None,
        description="column or field of the texts, dotted where it is within another; none:"
        " found by its name",
    )
    label_column: str | None = Field(
        None, description="the same of the labels, in files of examples and gold"
    )
    id_column: str | None = Field(None, description="the same of the ids")
    guides: Path | None = Field(None, description="file of label guides; none: VAR/guides.md")
    kafka: str | None = Field(
        None, description="Kafka brokers, as host:port,host:port; none: the log lies in the folder"
    )
    kafka_prefix: str = Field("redstream.", description="begins the names of topics and groups")
    kafka_partitions: int = Field(
        6,
        ge=1,
        description="partitions where work is shared out: the most workers of a stage",
    )
    kafka_replication: int = Field(1, ge=1, description="replicas of each topic")
    kafka_session: float = Field(
        10.0, ge=6, description="seconds without a heartbeat after which a worker counts as dead"
    )
    kafka_tls: bool = Field(
        False, description="speak TLS with the brokers, and check their certificates and names"
    )
    kafka_ca_file: Path | None = Field(
        None, description="certificates of who signs the brokers'; none: the system's"
    )
    kafka_cert_file: Path | None = Field(
        None, description="our own certificate, for brokers that want one"
    )
    kafka_key_file: Path | None = Field(
        None, description="the private key of our certificate; none: it is in the same file"
    )
    kafka_sasl: Literal["plain", "scram-sha-256", "scram-sha-512"] | None = Field(
        None, description="how to log in at the brokers; none: not at all"
    )
    kafka_user: str | None = Field(None, description="the user that logs in at the brokers")
    kafka_password: SecretStr | None = Field(None, description="password of the user of Kafka")
    kafka_password_file: Path | None = Field(
        None, description="a file that holds the password instead"
    )
    kafka_plain_password: bool = Field(
        False, description="log in at brokers on another machine unencrypted, without TLS"
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="port for /metrics, /livez and /readyz of a worker; none: it has no server",
    )
    metrics_host: str = Field(
        "127.0.0.1", description="address that the metrics are served on; nobody is asked who he is"
    )
    log: Literal["text", "json"] = Field(
        "text", description="log lines for people, or as JSON objects"
    )
    seed: int = Field(0, description="fixes every random choice")
    concurrency: int = Field(32, ge=1, description="questions to the judge at a time")
    max_text: int = Field(20_000, ge=1, description="longest text, in characters")
    batch: int | None = Field(None, ge=1, description="most records in one batch of any stage")

    llm_url: str | None = Field(
        None, description="address of an OpenAI-compatible endpoint; it mostly ends in /v1"
    )
    llm_model: str | None = Field(None, description="the model's name, as the endpoint knows it")
    llm_key: SecretStr | None = Field(None, description="API key; none for most local endpoints")
    llm_key_file: Path | None = Field(None, description="a file that holds the key instead")
    llm_plain_key: bool = Field(
        False, description="send the key unencrypted to another machine, over http://"
    )
    llm_ca_file: Path | None = Field(
        None, description="certificates of who signs the endpoint's; none: the usual ones"
    )
    llm_timeout: float = Field(12.0, gt=0, description="seconds for one request")
    llm_patience: float = Field(
        20.0, gt=0, le=600, description="seconds for one question with its waits and retries"
    )
    llm_temperature: float = Field(0.0, ge=0, le=2, description="0 for answers that repeat")
    llm_answer_tokens: int = Field(
        400, ge=1, description="longest answer; models that think first need more"
    )
    llm_per_minute: float | None = Field(None, gt=0, description="most requests in a minute")
    llm_price_in: float = Field(0.0, ge=0, description="money per million tokens read")
    llm_price_out: float = Field(0.0, ge=0, description="money per million tokens written")
    llm_minute_calls: int | None = Field(None, ge=1, description="most requests in a minute")
    llm_minute_tokens: int | None = Field(None, ge=1, description="most tokens in a minute")
    llm_minute_money: float | None = Field(None, gt=0, description="most money in a minute")
    llm_day_calls: int | None = Field(None, ge=1, description="most requests in a day (UTC)")
    llm_day_tokens: int | None = Field(None, ge=1, description="most tokens in a day (UTC)")
    llm_day_money: float | None = Field(None, gt=0, description="most money in a day (UTC)")
    llm_all_calls: int | None = Field(None, ge=1, description="most requests for this folder")
    llm_all_tokens: int | None = Field(None, ge=1, description="most tokens for this folder")
    llm_all_money: float | None = Field(None, gt=0, description="most money for this folder")
    llm_examples: int = Field(
        8, ge=0, description="most examples shown with a choice; half of them with a verify"
    )
    llm_wide: int = Field(
        20, ge=0, description="labels offered when none of the contenders is right; 0: none"
    )
    llm_all_names: bool = Field(
        False, description="offer the names of all labels when none of those is right either"
    )


def columns(settings: Settings) -> Columns:
    """Return the columns that are asked for by name."""
    from streams.program.reading.columns import Columns  # here: all ways to read load with it

    return Columns(settings.text_column, settings.label_column, settings.id_column)


def columns_beside(settings: Settings, **insisted: str | None) -> Columns:
    """Return those of a file beside the texts, gold labels for one: the names that are set may be
    of the texts, and only what is `insisted` on (text, label, id) has to be there.
    """
    elsewhere = frozenset({"text", "label", "id"} - {role for role in insisted if insisted[role]})
    return replace(columns(settings), elsewhere=elsewhere)
