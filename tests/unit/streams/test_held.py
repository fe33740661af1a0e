"""Undecided texts: held, examined again when a model changed, but never for ever."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.figures import RECENT_VERSIONS, Figures
from streams.held import MAX_ROUNDS, RECHECKS_PER_VERSION
from streams.ledger import Ledger
from streams.records import Authority, Manifest, Recheck, Round, RoundEnd
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply


@pytest.fixture
def path(tmp_var: Path) -> Path:
    return tmp_var / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger(path)) as opened:
        yield opened


def hold(
    ledger: Ledger, id: str = "t1", *, offset: int = 0, round: int = 1, model: int = 1
) -> None:
    case = make.uncertain(id, ("printer", "fire"), round=round, model=model)
    apply(ledger, make.undecided(case, event=f"{id}-{round}"), first=offset)


def rechecks(ledger: Ledger, manifest: Manifest, offset: int = 0) -> list[Recheck]:
    return apply(ledger, manifest, first=offset).rechecks


def held(path: Path) -> set[str]:
    with closing(Figures(path)) as figures:
        return {id for id in ("t1", "t2", "t3") if figures.story(id).held is not None}


def test_a_text_left_undecided_is_held(ledger: Ledger, path: Path) -> None:
    hold(ledger)
    assert held(path) == {"t1"}


def test_only_the_final_verdict_holds_a_text(ledger: Ledger, path: Path) -> None:
    apply(ledger, make.verdict(outcome="invalid"), make.verdict(event="2", outcome="no_verdict"))
    assert held(path) == set()


def test_a_touched_contender_brings_the_text_back_as_it_was(ledger: Ledger) -> None:
    hold(ledger)
    (recheck,) = rechecks(ledger, make.manifest(2, ["fire"]))
    case = make.uncertain()
    assert (recheck.text, recheck.embedding) == (case.text, case.embedding)
    assert (recheck.lead, recheck.round, recheck.model) == ("printer", 1, 2)


@pytest.mark.parametrize("touched", [[], ["oven"], ["Fire"]])
def test_a_version_that_touched_no_contender_brings_nothing_back(
    ledger: Ledger, touched: list[str]
) -> None:
    hold(ledger)
    assert rechecks(ledger, make.manifest(2, touched)) == []


def test_the_version_that_judged_a_text_does_not_bring_it_back(ledger: Ledger) -> None:
    """Verdicts and versions are two topics: the verdict may be read before its version."""
    hold(ledger, model=2)
    assert rechecks(ledger, make.manifest(2, ["oven"])) == []


def test_a_version_brings_a_text_back_once(ledger: Ledger) -> None:
    hold(ledger)
    assert len(rechecks(ledger, make.manifest(2, ["fire"]), 0)) == 1
    assert rechecks(ledger, make.manifest(3, ["oven"]), 1) == []
    assert len(rechecks(ledger, make.manifest(4, ["printer"]), 2)) == 1


def test_a_version_delivered_again_leads_to_the_same_rechecks(ledger: Ledger) -> None:
    """The crash may have come before they were published."""
    for place, id in enumerate(("t3", "t1", "t2")):
        hold(ledger, id, offset=place)
    first = rechecks(ledger, make.manifest(2, ["fire"]))
    assert [recheck.text.id for recheck in first] == ["t3", "t1", "t2"]
    assert rechecks(ledger, make.manifest(2, ["fire"])) == first


def test_after_the_last_round_a_text_waits_for_a_person(ledger: Ledger, path: Path) -> None:
    for round in range(1, MAX_ROUNDS + 1):
        hold(ledger, round=round, offset=round, model=round)
        asked = rechecks(ledger, make.manifest(round + 1, ["fire"]), round)
        assert [recheck.round for recheck in asked] == ([round] if round < MAX_ROUNDS else [])
    with closing(Figures(path)) as figures:
        assert (figures.counts().held, figures.counts().for_a_person) == (1, 1)
        assert figures.story("t1").rounds_left == 0


def test_one_version_examines_a_bounded_number_the_oldest_first(ledger: Ledger) -> None:
    count = RECHECKS_PER_VERSION + 3
    for place in range(count):
        hold(ledger, f"t{place}", offset=place)
    first = rechecks(ledger, make.manifest(2, ["fire"]), 0)
    assert [recheck.text.id for recheck in first] == [f"t{n}" for n in range(RECHECKS_PER_VERSION)]


def test_what_one_version_had_no_room_for_comes_first_with_the_next(ledger: Ledger) -> None:
    """Else the oldest are examined for ever and the others never."""
    count = RECHECKS_PER_VERSION + 3
    for place in range(count):
        hold(ledger, f"t{place}", offset=place)
    rechecks(ledger, make.manifest(2, ["fire"]), 0)
    second = [recheck.text.id for recheck in rechecks(ledger, make.manifest(3, ["fire"]), 1)]
    assert second[:3] == [f"t{n}" for n in range(RECHECKS_PER_VERSION, count)]


def test_a_label_releases_a_held_text(ledger: Ledger, path: Path) -> None:
    hold(ledger)
    apply(ledger, make.labeled(authority=Authority.CLASSIFIER, decision=2))
    assert held(path) == set()
    assert rechecks(ledger, make.manifest(3, ["fire"])) == []


def test_a_label_of_another_text_does_not(ledger: Ledger, path: Path) -> None:
    hold(ledger)
    apply(ledger, make.labeled("t2"))
    assert held(path) == {"t1"}


def test_the_verdict_delivered_again_does_not_hold_it_again(ledger: Ledger, path: Path) -> None:
    hold(ledger)
    apply(ledger, make.labeled(decision=2))
    hold(ledger)
    assert held(path) == set()


def test_a_verdict_read_after_the_label_does_not_hold_the_text(ledger: Ledger, path: Path) -> None:
    """Two topics: after a loss, all labels are read before all verdicts."""
    apply(ledger, make.labeled(decision=2))
    hold(ledger)
    assert held(path) == set()


def test_a_new_verdict_replaces_what_was_held(ledger: Ledger) -> None:
    hold(ledger)
    case = make.uncertain("t1", ("oven",), round=2, model=2)
    apply(ledger, make.undecided(case, event="second"), first=1)
    assert rechecks(ledger, make.manifest(3, ["printer", "fire"])) == []
    (recheck,) = rechecks(ledger, make.manifest(4, ["oven"]), 1)
    assert (recheck.lead, recheck.round) == ("oven", 2)


def test_a_renamed_contender_is_touched_under_its_new_name(ledger: Ledger) -> None:
    apply(ledger, make.undecided(make.uncertain(labels=("printer", "fire"))))
    assert rechecks(ledger, make.manifest(2, ["stove"], renamed={"oven": "stove"}), 1) == []
    (recheck,) = rechecks(ledger, make.manifest(3, ["blaze"], renamed={"fire": "blaze"}), 2)
    assert recheck.text.id == "t1"


# Rounds


def begun(version: int = 2, part: int = 1, **fields: object) -> Round:
    usual = {"number": 1, "before": 1, "texts": 0, "rechecks": 0, "verdicts": 0, "labeled": 0}
    return Round.model_validate({**usual, "version": version, "part": part, "at": 1.0, **fields})


def over(version: int = 2) -> Round:
    end = RoundEnd(
        examined=1, accepted=0, sure=0, refused=0, after=1, version=version, labeled=0, at=2.0
    )
    return begun(version, end=end)


def of_round(ledger: Ledger, round: Round, offset: int = 0) -> list[str]:
    return [recheck.text.id for recheck in apply(ledger, round, first=offset).rechecks]


def test_a_round_brings_back_what_its_version_has_not_examined(ledger: Ledger, path: Path) -> None:
    hold(ledger, "t1", offset=0)
    hold(ledger, "t2", offset=1, model=2)
    hold(ledger, "t3", offset=2, round=MAX_ROUNDS)
    with closing(Figures(path)) as figures:
        assert [figures.not_examined(version) for version in (1, 2, 3)] == [0, 1, 2]
        assert of_round(ledger, begun(2)) == ["t1"]
        assert [figures.not_examined(version) for version in (1, 2, 3)] == [0, 0, 2]


def test_a_round_delivered_again_brings_back_the_same(ledger: Ledger) -> None:
    for place, id in enumerate(("t3", "t1", "t2")):
        hold(ledger, id, offset=place)
    assert of_round(ledger, begun()) == of_round(ledger, begun()) == ["t3", "t1", "t2"]


def test_a_part_brings_back_so_many_and_the_next_the_others(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.held.RECHECKS_PER_PART", 2)
    for place, id in enumerate(("t3", "t1", "t2")):
        hold(ledger, id, offset=place)
    for _ in range(2):
        assert of_round(ledger, begun(part=1), 0) == ["t3", "t1"]
    assert of_round(ledger, begun(part=2), 1) == ["t2"]
    assert of_round(ledger, begun(part=3), 2) == []


def test_versions_bring_back_nothing_while_a_round_lasts_and_again_after_it(
    ledger: Ledger,
) -> None:
    hold(ledger)
    of_round(ledger, begun())
    assert rechecks(ledger, make.manifest(3, ["fire"]), 1) == []
    assert of_round(ledger, over(), 1) == []
    assert len(rechecks(ledger, make.manifest(4, ["fire"]), 2)) == 1


def test_what_was_brought_back_lately_and_resolved_is_counted(ledger: Ledger, path: Path) -> None:
    for place, id in enumerate(("t1", "t2", "t3")):
        hold(ledger, id, offset=place)
    apply(ledger, make.manifest(2, ["fire"]))
    apply(ledger, make.labeled("t1", decision=2), make.labeled("t9"))
    apply(ledger, begun(3))
    with closing(Figures(path)) as figures:
        assert (figures.counts().rechecked, figures.counts().resolved) == (3, 1)
        apply(ledger, make.manifest(2 + RECENT_VERSIONS), first=1)
        assert (figures.counts().rechecked, figures.counts().resolved) == (2, 0)
