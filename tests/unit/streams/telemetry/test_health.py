"""A worker that is not ready says what is missing; one whose loop hangs is not alive."""

import time

from streams.telemetry.health import FAILING_SECONDS, SILENT_SECONDS, STALLED_SECONDS, Health


def ready() -> Health:
    health = Health()
    health.begin(["judge", "train"], ["judge"])
    health.joined("judge", 2)
    health.joined("train", 0)
    health.serves(3, time.time())
    health.kafka = health.store = ""
    return health


def test_a_new_one_lives_and_is_not_ready() -> None:
    health = Health()
    assert health.alive
    told = health.answer()
    assert told["ready"] is False
    assert told["missing"] == [
        "no stage has begun",
        "no model is loaded",
        "the brokers were not asked yet",
    ]


def test_who_works_and_who_stands_by_are_both_ready() -> None:
    told = ready().answer()
    assert told["missing"] == []
    assert told["ready"] is True
    assert told["stages"] == {"judge": "works", "train": "stands by"}
    assert told["model"] == 3


def test_a_batch_that_goes_on_failing_and_an_absent_llm_are_named() -> None:
    health = ready()
    health.fails("train", "database or disk is full")
    assert health.missing() == []  # it has only begun to
    health.failing = {"train": (time.monotonic() - 2 * FAILING_SECONDS, "database or disk is full")}
    health.judge = "the LLM is away, asked again in 9 s"
    assert health.missing() == [
        "the LLM is away, asked again in 9 s",
        "train tries again: database or disk is full",
    ]
    assert health.fails_for("train") > FAILING_SECONDS
    health.goes_on("train")
    health.judge = ""
    assert health.missing() == []


def test_one_outage_is_one_reason() -> None:
    health = ready()
    health.store = "the example store: away"
    health.failing = {"judge": (time.monotonic() - 60, "away")}
    assert health.missing() == ["the example store: away"]


def test_each_thing_that_is_missing_is_named() -> None:
    health = ready()
    health.begin(["judge", "train"], ["judge"])
    health.joined("train", 1)
    health.kafka = "Kafka at x: no answer"
    health.store = "the example store: away"
    assert health.missing() == [
        "not in the group of judge",
        "Kafka at x: no answer",
        "the example store: away",
    ]


def test_a_store_that_no_stage_needs_is_not_missed() -> None:
    health = ready()
    health.begin(["train"])
    health.joined("train", 0)
    health.kafka = ""
    assert health.missing() == []


def test_brokers_that_do_not_answer_are_away_before_the_question_fails() -> None:
    health = ready()
    health.asked = time.monotonic()
    assert health.missing() == []
    health.asked -= SILENT_SECONDS + 1
    assert health.missing() == ["the brokers have not answered for 16 s"]


def test_a_loop_that_does_not_turn_is_neither_alive_nor_ready() -> None:
    health = ready()
    health.turned -= STALLED_SECONDS + 1
    assert not health.alive
    assert health.missing() == ["the event loop has not turned for 91 s"]
    health.turn()
    assert health.alive
