"""Every setting: its name (`REDSTREAM_` in front), its default and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from flags, then from the environment (`REDSTREAM_NAME`), then the defaults here."""

    model_config = SettingsConfigDict(env_prefix="REDSTREAM_", extra="ignore", frozen=True)

    var: Path = Field(Path("var"), description="folder of everything that is kept")
    encoder: str = Field(
        "default",
        description="sentence-transformers name, or 'hashing'; NAME+words reads letters too",
    )
    encoder_path: Literal["fp32", "bfloat16", "auto"] = Field(
        "auto", description="the encoder's arithmetic; auto measures once, when fitting"
    )
    judge: Literal["local", "simulated"] = Field("local", description="who validates")
    gold: Path | None = Field(None, description="gold labels, for the simulated judge only")
    judge_error: float = Field(0.1, ge=0, lt=1, description="share of wrong simulated answers")
    target: float = Field(0.95, gt=0, lt=1, description="precision of what nobody is asked about")
    audit: float = Field(0.05, ge=0, le=1, description="share of confident texts judged too")
    qdrant: str | None = Field(
        None, description="address of a Qdrant server; none: the examples lie in the folder"
    )
    qdrant_key: SecretStr | None = Field(None, description="API key of the Qdrant server")
    qdrant_collection: str = Field(
        "redstream", min_length=1, description="collection on the Qdrant server, one per folder"
    )
    qdrant_plain_key: bool = Field(
        False, description="send the key unencrypted to another machine, over http://"
    )
    guides: Path | None = Field(None, description="file of label guides; none: VAR/guides.md")
    llm_url: str | None = Field(None, description="OpenAI-compatible endpoint, mostly .../v1")
    llm_model: str | None = Field(None, description="the model's name there")
    llm_key: SecretStr | None = Field(None, description="its API key")
    llm_timeout: float = Field(12.0, gt=0, description="seconds for one request to it")
    seed: int = Field(0, description="fixes every random choice")
    concurrency: int = Field(32, ge=1, description="questions to the judge at a time")
    max_text: int = Field(20_000, ge=1, description="longest text, in characters")
    batch: int | None = Field(None, ge=1, description="most records in one batch of any stage")
