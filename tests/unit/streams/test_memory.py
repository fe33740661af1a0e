"""What a run freezes it lets go, and memory that it freed goes back to the system."""

import asyncio
import ctypes
import gc
from contextlib import closing

import pytest

from streams import memory
from streams.memory import give_back, giving_back, settled, share_one_arena


def test_frozen_while_it_works_and_let_go_at_the_end() -> None:
    before = gc.get_freeze_count()
    with settled():
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == 0


def test_let_go_after_a_failure_too() -> None:
    try:
        with settled():
            raise ValueError("of the work")
    except ValueError:
        pass
    assert gc.get_freeze_count() == 0


def test_what_is_freed_between_what_is_kept_goes_back() -> None:
    if memory._glibc("malloc_trim") is None:
        assert not give_back()  # nothing to ask on this system, and no failure
        return
    blocks = [bytes(20_000) for _ in range(2_000)]
    del blocks[::2]
    assert give_back()
    assert len(blocks) == 1_000


def test_a_system_that_knows_no_such_call_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_such(name: None) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", none_such)
    assert not give_back()
    assert not share_one_arena()


def test_it_goes_on_beside_the_work_until_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    called = asyncio.Event()
    calls: list[int] = []

    def third() -> None:
        calls.append(1)
        if len(calls) == 3:
            loop.call_soon_threadsafe(called.set)

    monkeypatch.setattr(memory, "give_back", third)
    loop = asyncio.new_event_loop()

    async def work() -> None:
        beside = asyncio.create_task(giving_back(every=0.001))
        await called.wait()
        beside.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beside

    with closing(loop):
        loop.run_until_complete(asyncio.wait_for(work(), 30))
        loop.run_until_complete(loop.shutdown_default_executor())
