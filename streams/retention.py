"""What a log on one machine can let go of: what every stage has read, and nobody will read again.

Topics that are only on their way (`Topic.passing`) are kept until every stage that reads them has
committed past a record, and what it derived from it is on the disk. Some is looked back at, and
stays as long: the newest labels that the trainer counts, what came since a round began, and what
the detectors of drift have not put into their snapshot. What is kept for ever makes up for the
rest: a lost ledger begins with `labeled-latest`.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.online import OUTPUTS
from streams.rounds import newest_round
from streams.snapshot import in_snapshot
from streams.stage import Reader
from streams.topology import LABELED, NOTICE, STAGES, TOPICS, TRAIN

Positions = Mapping[str, Mapping[str, int]]
"""By stage and topic, the offset up to which all is done, and on the disk."""


def floors(reader: Reader, durable: Positions) -> dict[str, int]:
    """Return by topic the offset before which nothing is needed any more."""

    def done(stage: str, topic: str) -> int:
        return durable.get(stage, {}).get(topic, 0)

    found = {
        topic.name: min(done(stage.name, topic.name) for stage in STAGES if topic in stage.reads)
        for topic in TOPICS
        if topic.passing
    }
    noticed = in_snapshot(reader)
    for topic in NOTICE.reads:
        if topic.passing:
            found[topic.name] = min(found[topic.name], noticed.get(f"{topic.name}/0", 0))
    newest = newest_round(reader)
    began = found[LABELED.name] if newest is None or newest.end else newest.labeled
    counted = max(0, done(TRAIN.name, LABELED.name) - OUTPUTS)
    found[LABELED.name] = min(found[LABELED.name], began, counted)
    return found
