"""What was right after each round, by whoever's word held then."""

from streams.embedded.log import SqliteLog
from streams.program.summary import by_round
from streams.records import Authority, Record, Round, RoundEnd
from streams.reviewed import decided, event_of
from streams.stage import outgoing
from streams.topology import LABELED, ROUNDS, Topic
from tests.unit.streams import make


def put(log: SqliteLog, topic: Topic, *records: Record) -> None:
    log.append([outgoing(topic, "t1", record) for record in records])


def test_a_persons_word_holds_until_it_is_withdrawn(log: SqliteLog) -> None:
    case = make.uncertain("t1")
    events = [
        make.labeled("t1", "fire", Authority.JUDGE),
        event_of(decided(case, "oven", 1)),
        event_of(decided(case, None, 2, withdrawn=True)),
    ]
    for number, event in enumerate(events, 1):
        put(log, LABELED, event)
        begun = Round(
            number=number, version=number, before=1, texts=1, rechecks=0, verdicts=0,
            labeled=number, at=1.0,
        )  # fmt: skip
        end = RoundEnd(
            examined=1, accepted=0, sure=0, refused=0, after=1, version=number, labeled=number,
            at=1.0,
        )  # fmt: skip
        put(log, ROUNDS, begun, begun.model_copy(update={"end": end}))
    right = [(share.part, share.whole) for share in by_round(log, ["t1"], {"t1": "oven"})]
    assert right == [(0, 1), (0, 1), (1, 1), (0, 1)]
