"""`redstream models`, in this process: what versions are, how they differ, what a person reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from models.errors import Fatal
from streams.errors import NoVersion
from streams.feed import MANIFEST, Feed
from streams.program.cli import app
from streams.program.folder import working
from streams.program.rollback import rollback, set_pin
from streams.program.settings import Settings
from streams.program.versions import Exemplars, compare, list_versions, show_version
from streams.records import Claim, Refusal
from streams.stage import outgoing
from streams.topology import MODELS
from tests.unit.streams import tiny
from tests.unit.streams.folder import SEEDS, damage, lesson, revoked, served, teach

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def taught(settings: Settings) -> Settings:
    """Version 1 is of the examples, 2 has a lesson on travel, 3 one on printers."""
    teach(settings, lesson("visa for a trip"), lesson("printer out of ink", "printer"))
    return settings


@pytest.fixture
def call(taught: Settings) -> Callable[..., Result]:
    def call(*arguments: object) -> Result:
        given = ["models", *map(str, arguments), "--var", str(taught.var)]
        result = CliRunner().invoke(app, given, env={"COLUMNS": "100"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def test_the_list_says_which_is_in_service_pinned_or_damaged(taught: Settings) -> None:
    set_pin(taught, 1, pinned=True)
    damage(taught, "head/000", 2)
    found = list_versions(taught)
    assert [one.manifest.number for one in found] == [1, 2, 3]
    assert [one.serving for one in found] == [False, False, True]
    assert [one.pinned for one in found] == [True, False, False]
    assert [one.missing for one in found] == [[], ["head/000"], []]


def test_what_is_newest_but_refused_is_not_called_in_service(taught: Settings) -> None:
    damage(taught, "head/000", 3)
    found = list_versions(taught)
    assert [one.manifest.number for one in found if one.serving] == [2]
    assert found[2].missing == ["head/000"]


def test_looking_is_possible_beside_a_run(taught: Settings) -> None:
    with working(taught):
        assert len(list_versions(taught)) == 3
        assert show_version(taught, 2).listed.manifest.number == 2
        assert compare(taught, 1, 2).b.number == 2


def test_parts_are_counted_by_kind_and_what_is_shared_is_told(taught: Settings) -> None:
    shown = show_version(taught, 2)
    assert shown.before == 1
    assert sum(one.count for one in shown.parts) == len(served(taught, 2).classifier.digests())
    packed = served(taught, 2).classifier.to_parts()
    assert sum(one.size for one in shown.parts) == sum(map(len, packed.values()))
    parts = {one.kind: one for one in shown.parts}
    assert (parts["heads"].count, parts["heads"].shared) == (1, 0)
    assert (parts["examples in use"].count, parts["examples in use"].shared) == (4, 3)
    fit = parts["the fit"]
    assert (fit.shared, fit.shared_size) == (fit.count, fit.size)


def test_the_first_version_shares_nothing(taught: Settings) -> None:
    shown = show_version(taught, 1)
    assert shown.before is None
    assert sum(one.shared for one in shown.parts) == 0


def test_lessons_left_out_are_counted_without_those_taken_back(taught: Settings) -> None:
    teach(taught, lesson("ferry ticket"), revoked("ferry ticket"))
    rollback(taught, 1)
    assert show_version(taught, 6).left_out == 2


def test_a_difference_names_labels_examples_and_heads(taught: Settings) -> None:
    with working(taught) as log:
        feed = Feed(log)
        version = feed.newest()
        info = version.classifier.infos["room"]
        grown = version.classifier.retire_label("room").add_label(
            type(info)(label="desk", name="desk", embedding=info.embedding)
        )
        log.append(feed.publish(grown, applied=SEEDS + 2, learnt=2, touched=["desk"]))
    found = compare(taught, 1, None)
    assert (found.a.number, found.b.number) == (1, 4)
    assert (found.added, found.removed, found.guides) == (["desk"], ["room"], [])
    before = len(tiny.EXAMPLES["travel"])
    assert found.exemplars == [
        Exemplars("printer", before, before + 1, 1, 0),
        Exemplars("travel", before, before + 1, 1, 0),
    ]
    assert sorted(map(sorted, found.heads)) == [["desk"], ["password", "printer", "travel"]]
    assert not found.fitted
    assert not found.weights


def test_versions_that_hold_the_same_do_not_differ(taught: Settings) -> None:
    rollback(taught, 1)
    found = compare(taught, 1, 4)
    assert (found.exemplars, found.heads, found.added, found.removed) == ([], [], [], [])


@pytest.mark.parametrize("numbers", [(1, 9), (9, 1), (9, None)])
def test_a_difference_from_what_is_not_there_says_so(
    taught: Settings, numbers: tuple[int, int | None]
) -> None:
    with pytest.raises(NoVersion, match="there is no version 9; there are 1 to 3"):
        compare(taught, *numbers)


def test_a_folder_without_a_model_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(Fatal, match="run `redstream fit` first"):
        list_versions(settings.model_copy(update={"var": settings.var / "no"}))


def test_the_list_is_read_line_by_line(call: Callable[..., Result]) -> None:
    assert call("pin", 1).output == "Version 1 is pinned.\n"
    assert call("pin", 1).output == "Version 1 is pinned already.\n"
    rows = call("list").output.splitlines()
    assert rows[0].split() == (
        ["no", "made", "labels", "learnt", "applied", "threshold", "hash", "touched"]
    )
    assert rows[1].split()[3:6] == ["4", "0", str(SEEDS)]
    assert rows[1].rstrip().endswith("pinned")
    assert rows[3].split()[:1] + rows[3].split()[3:6] == ["3", "4", "2", str(SEEDS + 2)]
    assert rows[3].rstrip().endswith("in service")
    assert call("unpin", 1).output == "Version 1 is no longer pinned.\n"
    assert call("unpin", 1).output == "Version 1 is not pinned.\n"


def test_a_rollback_tells_what_it_leaves_out_and_how_to_undo_it(
    call: Callable[..., Result],
) -> None:
    told = call("rollback", 1).output
    assert "Version 4 is in service: back to 1, from 3." in told
    assert "2 lessons taught since are LEFT OUT." in told
    assert "`redstream models rollback 3` undoes it." in told
    assert "nothing to go back to" in call("rollback", 4).output
    assert "holds what version 1 does: nothing to go back to" in " ".join(
        call("rollback", 1).output.split()
    )
    assert call("list").output.splitlines()[4].rstrip().endswith("in service, back to 1")
    shown = " ".join(call("show", 4).output.split())
    assert f"Left out by rollbacks: 2 lessons, at {SEEDS} to {SEEDS + 1} of the" in shown


def test_a_difference_is_told_in_words(call: Callable[..., Result]) -> None:
    told = call("diff", 1, 3).output
    assert "From version 1 (" in told
    assert "Learnt: 0 → 2 lessons" in told
    assert "Head solved anew, 4 labels: password, printer, room, travel" in told
    assert [line.split()[1::2] for line in told.splitlines() if "│ travel" in line] == [
        ["travel", "6", "7", "+1", "-0"]
    ]
    call("rollback", 1)
    assert "The model is the same" in call("diff", 1, 4).output


def test_the_terms_and_refused_lessons_are_told(
    taught: Settings, call: Callable[..., Result]
) -> None:
    claim = Claim(
        state="certified", target=0.95, bound=0.955, agreement=0.981, judged=212, reason=""
    )
    refusal = Refusal(lessons=["t1", "t2"], texts=400, lost=12, won=0, p=0.0002)
    manifest = served(taught).manifest.model_copy(
        update={"number": 4, "threshold": 0.7, "audit": 0.05, "claim": claim, "refused": refusal}
    )
    with working(taught) as log:
        log.append([outgoing(MODELS, f"{MANIFEST}4", manifest)])
    shown = " ".join(call("show", 4).output.split())
    assert "The target of 0.95 is certified" in shown
    assert "Refused: 2 lessons that the judge accepted, since with them 12 of 400" in shown
    told = call("diff", 3, 4).output
    assert f"Threshold: {served(taught, 3).manifest.threshold:.3f} → 0.700" in told
    assert "Audits of what goes out unasked: as the settings say → 5.0%" in told
    rollback(taught, 1)
    rollback(taught, 4)
    assert served(taught).manifest.refused is None


@pytest.mark.parametrize("arguments", [("show", "two"), ("rollback",), ("diff", "1", "2", "3")])
def test_what_is_no_number_is_a_usage_error(
    call: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    assert call(*arguments).exit_code == 2
