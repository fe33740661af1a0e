"""A worker that stops every few seconds, and begins again: all in one process, so that joining and
leaving costs no start of Python.

It is the program's own `worker`, and stops as it does when it is told to; only that nobody has to.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from streams.program import worker
from streams.program.cli import main as program

VARIABLE = "CHAOS_STAY"
"""Seconds that it stays, and then is away."""


def main() -> None:
    """Run until killed."""
    stay = float(os.environ[VARIABLE])

    async def for_a_while(once: Callable[[asyncio.Event], Awaitable[None]], told: Any) -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(stay, stop.set)
        await worker._again_and_again(once, told, stop)

    worker._until_stopped = for_a_while
    while True:
        with suppress(SystemExit):
            program()
        time.sleep(stay)
