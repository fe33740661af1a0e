"""What is changed in Faust's consumer is what Faust uses."""

import inspect

from faust.transport.consumer import Consumer

from streams.kafka.fetching import LOOK_SECONDS, Fetching


async def test_a_fetch_is_asked_for_by_what_is_changed_here():
    # Named otherwise in another Faust, it would be as slow as before, and nothing would say so.
    assert "self._wait_next_records(timeout)" in inspect.getsource(Consumer.getmany)
    found = inspect.signature(Consumer._wait_next_records)
    assert list(found.parameters) == ["self", "timeout"]


async def test_with_no_room_anywhere_it_looks_again_soon():
    consumer = object.__new__(Fetching)
    consumer.flow_active = True
    consumer._active_partitions = set()
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    consumer.sleep = sleep
    assert await consumer._wait_next_records(1.0) == ({}, set())
    assert slept == [LOOK_SECONDS]
