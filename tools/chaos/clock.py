"""Imported first in a worker's process: its clock on the wall can be set while it runs.

`time.time` and `time.time_ns` are replaced, for our code and for the clients of Kafka alike; the
file that CHAOS_CLOCK names says by how many seconds they are wrong. `time.monotonic`, by which
loops measure, never jumps on a real machine either. `datetime.now` is not touched: nothing that a
worker does hangs on it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

VARIABLE = "CHAOS_CLOCK"
LOOK_SECONDS = 0.2

_real, _monotonic = time.time, time.monotonic
_looked, _wrong = -1.0, 0.0


def _now() -> float:
    global _looked, _wrong
    if _monotonic() - _looked > LOOK_SECONDS:
        _looked = _monotonic()
        with suppress(OSError, ValueError):
            _wrong = float(Path(os.environ[VARIABLE]).read_text())
    return _real() + _wrong


if VARIABLE in os.environ:
    time.time = _now
    time.time_ns = lambda: int(_now() * 1e9)
