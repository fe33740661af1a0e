"""The contract of the runners: what every stage may rely on, whatever log it runs on."""

from itertools import pairwise

from streams.topology import DEADLETTERS, LABELED, RETRAIN, TEXTS, UNCERTAIN, VERDICTS
from tests.contract.runner_harness import Harness, Produced
from tests.contract.runner_stages import Copy, Numbers, by_key, copy, some, spec_of, values


async def test_every_record_is_handled_and_published_in_order_per_key(harness: Harness) -> None:
    await harness.produce(TEXTS.name, sent := some(25))
    assert await harness.run([copy()]) is True
    assert by_key(harness.read(LABELED.name)) == by_key(sent)
    assert harness.read(DEADLETTERS.name) == []


async def test_nothing_to_do_ends_at_once(harness: Harness) -> None:
    assert await harness.run([stage := copy()]) is True
    assert stage.handled == []


async def test_keys_headers_and_bytes_travel_unchanged(harness: Harness) -> None:
    sent: list[Produced] = [
        (b"\x00\xff", b"\xfe not utf-8 \x00", {"source": "file:1", "ünïcode": "✓"}),
        (None, b"", {}),
        (b"key", b" spaces \n", {"empty": ""}),
    ]
    await harness.produce(TEXTS.name, sent)
    await harness.run([copy()])
    found = [(r.key, r.value, dict(r.headers)) for r in harness.read(LABELED.name)]
    assert sorted(found, key=repr) == sorted(sent, key=repr)


async def test_a_batch_is_never_larger_than_the_stage_wants_it(harness: Harness) -> None:
    await harness.produce(TEXTS.name, some(11))
    await harness.run([stage := copy()])
    assert max(map(len, stage.handled)) <= stage.spec.batch
    assert sum(map(len, stage.handled)) == 11


async def test_a_stage_is_started_before_its_first_batch_and_closed_after_its_last(
    harness: Harness,
) -> None:
    await harness.produce(TEXTS.name, some(5))
    stage = copy(lambda batch: order.append((stage.began, stage.ended)))
    order: list[tuple[int, int]] = []
    await harness.run([stage])
    assert set(order) == {(1, 0)}
    assert (stage.began, stage.ended) == (1, 1)


async def test_a_second_run_handles_nothing_again(harness: Harness) -> None:
    await harness.produce(TEXTS.name, some(9))
    await harness.run([copy()])
    harness.restart()
    await harness.run([again := copy()])
    assert again.handled == []
    assert len(harness.read(LABELED.name)) == 9


async def test_a_second_run_takes_up_what_came_since(harness: Harness) -> None:
    await harness.produce(TEXTS.name, some(3))
    await harness.run([copy()])
    await harness.produce(TEXTS.name, [(b"late", b"later", {})])
    await harness.run([again := copy()])
    assert [values(batch) for batch in again.handled] == [[b"later"]]


async def test_chained_stages_end_with_every_record_through(harness: Harness) -> None:
    first = Copy(spec_of("first", TEXTS, batch=3), UNCERTAIN)
    second = Copy(spec_of("second", UNCERTAIN, batch=5), VERDICTS)
    await harness.produce(TEXTS.name, sent := some(23))
    assert await harness.run([first, second]) is True
    assert by_key(harness.read(VERDICTS.name)) == by_key(sent)


async def test_a_stage_that_reads_two_topics_gets_both(harness: Harness) -> None:
    stage = Copy(spec_of("both", TEXTS, RETRAIN), LABELED)
    await harness.produce(TEXTS.name, some(6))
    await harness.produce(RETRAIN.name, [(b"r", b"lesson", {})] * 6)
    assert await harness.run([stage]) is True
    topics = [record.topic for batch in stage.handled for record in batch]
    assert (topics.count(TEXTS.name), topics.count(RETRAIN.name)) == (6, 6)
    assert len(harness.read(LABELED.name)) == 12


async def test_two_stages_read_one_topic_independently(harness: Harness) -> None:
    await harness.produce(RETRAIN.name, some(9))
    stages = [Copy(spec_of(name, RETRAIN), LABELED) for name in ("remember", "train")]
    assert await harness.run(stages) is True
    assert len(harness.read(LABELED.name)) == 18
    for stage in stages:
        places = [record.offset for batch in stage.handled for record in batch]
        assert all(earlier < later for earlier, later in pairwise(places))


async def test_the_position_is_behind_the_last_record_handled(harness: Harness) -> None:
    await harness.produce(TEXTS.name, some(5))
    await harness.run([copy()])
    last = max(record.offset for record in harness.read(TEXTS.name))
    assert harness.position("copy", TEXTS.name) == last + 1
    assert harness.position("stranger", TEXTS.name) == 0


async def test_a_source_is_read_to_its_end(harness: Harness) -> None:
    assert await harness.run([copy()], Numbers(30)) is True
    assert by_key(harness.read(LABELED.name)) == by_key(some(30))
