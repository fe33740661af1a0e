"""One worker holds all of a stage, the others stand by: for stages that build on one order."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor


class OneOwner(PartitionAssignor):
    """Gives every partition of every topic to one member: the one that has them, if it is there.

    Faust's own assignor would part topics with different numbers of partitions.
    """

    def _perform_assignment(
        self, cluster: Any, member_metadata: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        clients = {
            member: self._get_client_metadata(metadata)
            for member, metadata in member_metadata.items()
        }
        self._update_member_urls(clients)
        holding = [name for name, one in clients.items() if any(one.assignment.actives.values())]
        owner = min(holding or clients)
        topics = {topic for one in member_metadata.values() for topic in one.subscription}
        everything = {
            topic: sorted(cluster.partitions_for_topic(topic) or ()) for topic in sorted(topics)
        }
        assignments = {
            name: ClientAssignment(actives=everything if name == owner else {}, standbys={})
            for name in clients
        }
        groups = {topic: number for number, topic in enumerate(sorted(topics))}
        nothing: dict[str, Any] = {self._member_urls[name]: {} for name in clients}
        return self._protocol_assignments(assignments, nothing, nothing, groups)
