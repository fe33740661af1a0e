"""How a stream went, read back from a folder: what a person sees drawn."""

from contextlib import closing
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.ledger import Ledger
from streams.program.course import BLOCKS, LEAST, Block, course
from streams.program.course_plot import draw_into
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.records import Authority, Drift, Labeled, Round, RoundEnd
from streams.stage import Outgoing, outgoing
from streams.textindex import TextIndex
from streams.topology import DRIFT, LABELED, ROUNDS, TEXTS
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply

TEXTS_SEEN = 100


@pytest.fixture
def streamed(settings: Settings) -> Settings:
    """A hundred texts: the first half judged (every second one corrected), the last ten held."""
    ids = [f"t{n:03d}" for n in range(TEXTS_SEEN)]
    folder = Folder(settings.var)
    with closing(TextIndex(folder.texts)) as index:
        index.claim([(make.delivered(TEXTS, b"", n), make.text(id)) for n, id in enumerate(ids)])
    records = []
    for n, id in enumerate(ids[:90]):
        records.append(make.labeled(id, "printer").model_copy(update={"at": float(n)}))
        if n < 50:
            records.append(make.verdict(id, audit=True, at=float(n)))
        if n < 50 and n % 2:
            corrected = make.labeled(id, "room", Authority.JUDGE)
            records.append(corrected.model_copy(update={"at": float(n)}))
    held = [make.undecided(make.uncertain(id), at=float(n)) for n, id in enumerate(ids[90:], 90)]
    with closing(Ledger(folder.ledger)) as ledger:
        apply(ledger, *records, *held)
    with closing(SqliteLog(folder.log)) as log:
        log.append([Outgoing(LABELED.name, b"", b"no event")])
        log.append(outgoing(LABELED, r.id, r) for r in records if isinstance(r, Labeled))
    return settings


GOLD = {f"t{n:03d}": "room" if n < 50 and n % 2 else "printer" for n in range(TEXTS_SEEN)}


def test_a_stream_is_told_in_blocks_of_its_texts(streamed: Settings) -> None:
    blocks = course(streamed, None).blocks
    assert blocks == [
        Block(20, 1.0, 0.0),
        Block(40, 1.0, 0.0),
        Block(60, 0.5, 0.0),
        Block(80, 0.0, 0.0),
        Block(100, 0.5, 0.5),  # what is held was judged in vain
    ]
    assert len(blocks) <= BLOCKS
    assert blocks[0].texts == LEAST


def test_with_gold_labels_it_is_told_what_was_right_at_first_and_now(streamed: Settings) -> None:
    blocks = course(streamed, GOLD).blocks
    assert [(b.first, b.right) for b in blocks] == [
        (0.5, 1.0),
        (0.5, 1.0),
        (0.75, 1.0),
        (1.0, 1.0),
        (1.0, 0.5),
    ]
    assert course(streamed, {"t000": "room"}).blocks[-1].right is None  # none of its texts is known


def test_drift_stands_where_it_began_and_where_it_was_noticed(streamed: Settings) -> None:
    drift = Drift(kind="shares", labels=["room"], since=30.0, at=60.0)
    with closing(SqliteLog(Folder(streamed.var).log)) as log:
        log.append([Outgoing(DRIFT.name, b"", b"no drift"), outgoing(DRIFT, "shares", drift)])
    assert course(streamed, None).drifts == [(30, 60, drift)]


def test_stream_and_rounds_are_drawn(streamed: Settings, tmp_path: Path) -> None:
    end = RoundEnd(
        examined=10, accepted=4, sure=0, refused=6, after=6, version=2, labeled=50, at=2.0
    )
    offsets = {"texts": 100, "rechecks": 0, "verdicts": 0, "labeled": 40}
    drift = Drift(kind="shares", labels=["room"], since=30.0, at=60.0)
    with closing(SqliteLog(Folder(streamed.var).log)) as log:
        for one in (None, end):
            ended = Round(number=1, version=1, before=10, **offsets, end=one, at=1.0)
            log.append([outgoing(ROUNDS, "1", ended)])
        log.append([outgoing(DRIFT, "shares", drift)])
    found = course(streamed, GOLD)
    assert len(found.rounds) == 1
    assert len(found.right) == 2
    for known in (GOLD, None):
        draw_into(tmp_path / "course.svg", course(streamed, known))
        drawn = (tmp_path / "course.svg").read_text()
        assert "<svg" in drawn
    with pytest.raises(Fatal, match="cannot draw"):
        draw_into(tmp_path / "course.doc", found)


def test_before_anything_was_labelled_there_is_nothing_to_draw(
    settings: Settings, tmp_path: Path
) -> None:
    folder = Folder(settings.var)
    Ledger(folder.ledger).close()
    TextIndex(folder.texts).close()
    with pytest.raises(Fatal, match="nothing was labelled yet"):
        draw_into(tmp_path / "course.svg", course(settings, None))
