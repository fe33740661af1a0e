"""A stage that one worker has to itself: who of several gets it, and who has it afterwards."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from streams.kafka.owner import OneOwner

PARTITIONS = {"labels": {0}, "uncertain": {0, 1, 2}}

EVERYTHING = {(topic, part) for topic, parts in PARTITIONS.items() for part in parts}


class Cluster:
    def partitions_for_topic(self, topic: str) -> set[int]:
        return PARTITIONS[topic]


def member(name: str) -> OneOwner:
    """An assignor as each worker has one."""
    app = SimpleNamespace(
        tables=SimpleNamespace(changelog_topics=set()),
        conf=SimpleNamespace(canonical_url=f"http://{name}"),
    )
    return OneOwner(app)


def rebalance(leader: OneOwner, members: dict[str, OneOwner]) -> dict[str, set[tuple[str, int]]]:
    """One round of the group's protocol; what each member has after it."""
    told: dict[str, Any] = {}
    for name, one in members.items():
        said = one.metadata(set(PARTITIONS)).encode()
        told[name] = ConsumerProtocolMemberMetadata.decode(said)
    for name, assignment in leader._perform_assignment(Cluster(), told).items():
        members[name].on_assignment(assignment)
    return {
        name: {(part.topic, part.partition) for part in one.assigned_actives()}
        for name, one in members.items()
    }


def test_a_worker_alone_gets_every_partition_of_every_topic() -> None:
    first = member("a")
    assert rebalance(first, {"a": first}) == {"a": EVERYTHING}


def test_of_several_that_begin_together_one_gets_everything() -> None:
    members = {name: member(name) for name in ("b", "a", "c")}
    assert rebalance(members["c"], members) == {"a": EVERYTHING, "b": set(), "c": set()}


@pytest.mark.parametrize("leader", ["a", "z"])
def test_who_has_it_keeps_it_when_others_join(leader: str) -> None:
    members = {"z": member("z")}
    rebalance(members["z"], members)
    members["a"] = member("a")
    for _ in range(2):
        assert rebalance(members[leader], members) == {"a": set(), "z": EVERYTHING}


def test_another_takes_over_when_the_owner_leaves() -> None:
    members = {"z": member("z")}
    rebalance(members["z"], members)
    members |= {"a": member("a"), "b": member("b")}
    rebalance(members["b"], members)
    del members["z"]
    assert rebalance(members["b"], members) == {"a": EVERYTHING, "b": set()}


def test_what_nobody_reads_is_nobodys_and_a_topic_that_is_not_there_has_no_partitions() -> None:
    one = member("a")
    metadata = one.metadata({"labels"})
    assignment = one._perform_assignment(Cluster(), {"a": metadata})["a"]
    one.on_assignment(assignment)
    assert {part.topic for part in one.assigned_actives()} == {"labels"}
