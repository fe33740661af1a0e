"""`/livez`, `/readyz` and `/metrics` over HTTP, in a thread of its own.

A worker's own loop may stand still while a question to the brokers is out: this one answers then
as well, and says so.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from models.errors import Fatal
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics

STOP_SECONDS = 2.0

QUIET = logging.getLogger("redstream.port")
QUIET.disabled = True
"""What aiohttp says of requests that are none: a page of log lines each, in the sender's words."""


def application(metrics: Metrics, health: Health) -> web.Application:
    """Return the three pages; nothing else answers, and nothing is written."""

    async def livez(request: web.Request) -> web.Response:
        told = {"alive": health.alive, "loop_turned_seconds_ago": round(health.stalled, 1)}
        return web.json_response(told, status=200 if health.alive else 503)

    async def readyz(request: web.Request) -> web.Response:
        told = health.answer()
        return web.json_response(told, status=200 if told["ready"] else 503)

    async def shown(request: web.Request) -> web.Response:
        metrics.ready.set(not health.missing())
        metrics.kafka.set(not health.brokers)
        for stage in health.needing_store if health.store is not None else ():
            metrics.store.labels(stage).set(health.store == "")
        for stage in health.stages:
            metrics.failing.labels(stage).set(health.fails_for(stage))
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application(client_max_size=0)
    app.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", shown)]
    )
    return app


@contextmanager
def serving(metrics: Metrics, health: Health, host: str, port: int) -> Iterator[int]:
    """Answer while the block runs; gives the port, which the system chooses where it is 0.

    Raises:
        Fatal: the address cannot be had.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="metrics", daemon=True)
    thread.start()
    runner = web.AppRunner(
        application(metrics, health),
        access_log=None,
        logger=QUIET,
        shutdown_timeout=STOP_SECONDS,
    )

    async def begin() -> int:
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        return int(runner.addresses[0][1])

    try:
        yield _begun(asyncio.run_coroutine_threadsafe(begin(), loop), host, port)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(2 * STOP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _begun(port_of: Future[int], host: str, port: int) -> int:
    try:
        return port_of.result()
    except OSError as error:
        raise Fatal(
            f"metrics cannot be served on {host}:{port}: {error.strerror or error}; name another"
            " port with --metrics, or none"
        ) from None
