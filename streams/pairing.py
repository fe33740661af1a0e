"""A version of the model and the encoder whose vectors it reads: both change together.

When a version comes whose encoder is not the one that is loaded, it is loaded in a thread, and the
version before goes on serving with its own until then; where it cannot be loaded, for as long as
that takes, which is said aloud and tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from models.encoder import Encoder
from models.errors import Fatal
from streams.encoding import Encodings, NotHere
from streams.feed import Feed, Version

AGAIN_SECONDS = 10.0
"""After which an encoder that could not be loaded is tried again."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Pair:
    """One version, and the encoder whose vectors it reads."""

    version: Version
    encoder: Encoder


class Pairing:
    """Follows a feed with the right encoder beside it."""

    def __init__(
        self,
        encoder: Encoder,
        feed: Feed,
        encodings: Encodings | None = None,
        behind: Callable[[str], None] = lambda why: None,
    ) -> None:
        """Without `encodings` the encoder never changes. `behind` is told why the newest version
        cannot be served, and "" when it is.
        """
        self._encoder = encoder
        self._feed = feed
        self._encodings = encodings
        self._behind = behind
        self._pair: Pair | None = None
        self._loading: asyncio.Task[Encoder] | None = None
        self._again = 0.0

    async def start(self) -> None:
        """Begin with the newest version.

        Raises:
            Fatal: its encoder is not the one that is set.
            NotHere: its encoder cannot be loaded.
        """
        version = self._feed.newest()
        if version.manifest.encoder != self._encoder.identity:
            if self._encodings is None:
                raise Fatal(
                    f"the model was made with encoder {version.manifest.encoder}, the setting gives"
                    f" {self._encoder.identity}: set REDSTREAM_ENCODER as it was, or fit again into"
                    " another --var"
                )
            self._encoder = await asyncio.to_thread(self._encodings.of, version.manifest)
        self._pair = Pair(version, self._encoder)
        self._behind("")

    def now(self) -> Pair:
        """Return what serves now, for one batch; called in the event loop."""
        version, before = self._feed.newest(), self._pair
        if before is None or version.manifest.encoder == before.encoder.identity:
            self._serve(Pair(version, before.encoder if before else self._encoder))
        elif self._encodings is not None:
            self._load(version, before, self._encodings)
        assert self._pair is not None
        return self._pair

    def _serve(self, pair: Pair) -> None:
        if self._loading is not None or self._again:  # it went back meanwhile, or is there
            self._loading, self._again = None, 0.0
            self._behind("")
        self._pair = pair

    def _load(self, version: Version, before: Pair, encodings: Encodings) -> None:
        """Begin to load, look whether it is done, or wait until it is tried again."""
        if self._loading is None:
            if time.monotonic() >= self._again:
                log.info("loading another encoder", model=version.number, encoder=_named(version))
                loading = asyncio.to_thread(encodings.of, version.manifest)
                self._loading = asyncio.create_task(loading)
            return
        if not self._loading.done():
            return
        done, self._loading = self._loading, None
        try:
            encoder = done.result()
        except NotHere as error:
            self._again = time.monotonic() + AGAIN_SECONDS
            why = f"{error}; model {before.version.number} serves until it can be"
            log.error("the newest model cannot be served", why=why, again=AGAIN_SECONDS)
            self._behind(why)
            return
        if encoder.identity != version.manifest.encoder:  # it was moved once more meanwhile
            return
        self._again = 0.0
        self._behind("")
        self._pair = Pair(version, encoder)
        log.info("serving with another encoder", model=version.number, encoder=_named(version))

    async def close(self) -> None:
        """Wait for what is being loaded: a thread cannot be stopped."""
        if self._loading is not None:
            await asyncio.wait({self._loading})


def _named(version: Version) -> str:
    return version.manifest.called
