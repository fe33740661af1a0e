"""Servers on loopback that stand in for Qdrant and an LLM, and can go and come back.

They are those of the tests, in a thread each: of Qdrant its REST interface over the client's own
local mode, which keeps what it has while it is away, as a server with a disk does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.contract.loopback_qdrant import LoopbackQdrant
from tests.loopback.server import Loopback
from tools.broker import free_ports

LONGEST = 30.0
LARGEST = 32 * 2**20
CLOSE_SECONDS = 0.05


class StandIn:
    """One server; `start` and `stop` may be called again and again, the address stays."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        [self.port] = free_ports(1)
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        """Return what answers."""
        raise NotImplementedError

    def start(self) -> None:
        """Answer."""
        self._wait(self._start())

    def stop(self) -> None:
        """Be away: who connects is refused."""
        self._wait(self._stop())

    def close(self) -> None:
        """Be gone for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._runner = web.AppRunner(
            self.application(), access_log=None, shutdown_timeout=CLOSE_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(LONGEST)


class Qdrant(StandIn):
    """Stands in for a Qdrant server."""

    def __init__(self) -> None:
        super().__init__()
        self._server = LoopbackQdrant()

    def application(self) -> web.Application:
        """Return what answers."""
        app = web.Application(client_max_size=LARGEST)
        where = "/collections/{name}{slash:/?}{what:.*}"
        app.router.add_route("*", where, self._server.answer)
        return app

    @property
    def settings(self) -> dict[str, str]:
        """Return what workers have to be told."""
        return {"REDSTREAM_QDRANT": f"http://127.0.0.1:{self.port}"}


class LLM(StandIn):
    """Stands in for an LLM: it knows every text's label."""

    def __init__(self, right: Mapping[str, str]) -> None:
        super().__init__()
        self.server = Loopback(right=right)

    def application(self) -> web.Application:
        """Return what answers."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.server.asked)
        return app

    def fail(self) -> None:
        """Answer every request with an error of the server."""
        self.server.script = ("500",)

    def hang(self) -> None:
        """Take requests and never answer them."""
        self.server.script = ("dripping",)

    def recover(self) -> None:
        """Answer rightly."""
        self.server.script = ("right",)

    @property
    def settings(self) -> dict[str, str]:
        """Return what workers have to be told."""
        return {
            "REDSTREAM_JUDGE": "llm",
            "REDSTREAM_LLM_URL": f"http://127.0.0.1:{self.port}/v1",
            "REDSTREAM_LLM_MODEL": self.server.model,
            "REDSTREAM_LLM_KEY": self.server.key,
        }


@contextmanager
def standing(*servers: StandIn) -> Iterator[None]:
    """Have them answer while the block runs."""
    try:
        for one in servers:
            one.start()
        yield
    finally:
        for one in servers:
            one.close()
