"""The encoder of a model, as the log names it; where it names none, as the settings do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import structlog

from models.encoder import Encoder, load_encoder
from models.errors import Fatal
from streams.encoding import Encodings
from streams.program.settings import Settings
from streams.records import Manifest

log = structlog.get_logger()


def encoder_of(settings: Settings, manifest: Manifest) -> Encoder:
    """Load the encoder whose vectors a version reads.

    Where a command moved the model to another one, the log names it, and that wins over the
    settings; these are tried where the name leads to nothing on this machine.

    Raises:
        EncoderMismatch: what loads gives other vectors.
        Fatal: it cannot be loaded.
    """
    named, made_by = manifest.encoded, manifest.encoder
    if named is None:
        return load_encoder(settings.encoder, settings.encoder_path, made_by=made_by)
    try:
        found = load_encoder(named.name, named.path, made_by=made_by)
    except Fatal:
        if settings.encoder == named.name:
            raise
        try:
            return load_encoder(settings.encoder, settings.encoder_path, made_by=made_by)
        except Fatal:
            pass
        raise
    if overruled(settings, manifest):
        log.warning(told(settings, manifest))
    return found


def overruled(settings: Settings, manifest: Manifest) -> bool:
    """Tell whether the settings name another encoder than the log does."""
    named = manifest.encoded
    return named is not None and settings.encoder not in (named.name, Path(named.name).name)


def told(settings: Settings, manifest: Manifest) -> str:
    """Return what to say then."""
    assert manifest.encoded is not None
    return (
        f"The model was moved to the encoder {manifest.encoded.name!r}, which is used;"
        f" {settings.encoder!r}, as it is set (REDSTREAM_ENCODER), is not"
    )


def encodings(settings: Settings, loaded: Encoder | None = None) -> Encodings:
    """Return what loads encoders by these settings when they are needed."""
    return Encodings(partial(encoder_of, settings), loaded)
