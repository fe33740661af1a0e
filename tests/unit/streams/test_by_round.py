"""What was right after each round, by whoever's word held then."""

from contextlib import closing
from pathlib import Path

from streams.embedded.log import SqliteLog
from streams.ledger import Ledger
from streams.program.grades import by_round
from streams.records import Authority, Round, RoundEnd
from streams.reviewed import decided, event_of
from streams.stage import outgoing
from streams.topology import LABELED, ROUNDS
from tests.unit.streams import make


def test_a_persons_word_holds_until_it_is_withdrawn(log: SqliteLog, tmp_path: Path) -> None:
    case = make.uncertain("t1")
    events = [
        make.labeled("t1", "fire", Authority.JUDGE),
        event_of(decided(case, "oven", 1)),
        event_of(decided(case, None, 2, withdrawn=True)),
    ]
    for number, event in enumerate(events, 1):
        # Events lie between a round's end and the next one's beginning: nothing is under way then.
        event = event.model_copy(update={"at": number - 0.5})
        with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
            ledger.apply([(make.delivered(LABELED, event, number), event)])
        begun = Round(
            number=number, version=number, before=1, texts=1, rechecks=0, verdicts=0,
            labeled=number, at=float(number),
        )  # fmt: skip
        end = RoundEnd(
            examined=1, accepted=0, sure=0, refused=0, after=1, version=number, labeled=number,
            at=float(number),
        )  # fmt: skip
        rounds = (begun, begun.model_copy(update={"end": end}))
        log.append([outgoing(ROUNDS, "t1", record) for record in rounds])
    right = [
        (share.part, share.whole)
        for share in by_round(log, tmp_path / "ledger.sqlite", {"t1": "oven"})
    ]
    assert right == [(0, 1), (0, 1), (1, 1), (0, 1)]
