"""`redstream labels` on a fitted folder that nobody holds, and on one that somebody does."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from judge.qdrant_edge import EdgeExampleStore
from judge.simulated import SimulatedJudge
from models.encoder import HashingEncoder
from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.errors import BadCommand, NoModel
from streams.feed import Feed, Version
from streams.labelset import LabelSet
from streams.program import labels as program
from streams.program.assembly import build_judge
from streams.program.examples_store import exported, rebuild, show
from streams.program.folder import Folder, working
from streams.program.guides import open_desk
from streams.program.labels import Done, change, rename
from streams.program.labels_add import add
from streams.program.labels_list import listed
from streams.program.lessons import take_in, teach, training_set
from streams.program.settings import Settings
from streams.records import LabelCommand, Retrain
from streams.topology import LABELS
from tests.unit.streams import tiny

COFFEE = ["coffee machine leaks", "no coffee beans", "espresso machine broken"]


def nothing(step: str, share: float) -> None: ...


def added(settings: Settings, label: str = "coffee", *texts: str, **more: str) -> Done:
    path = None
    if texts:
        path = settings.var / "new.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    usual: dict[str, str | None] = {"name": None, "guide": ""}
    given = {**usual, **more}
    return add(
        settings,
        label,
        name=given["name"],
        guide=given["guide"] or "",
        examples=path,
        progress=nothing,
    )


def command(what: str, label: str, into: str | None = None) -> LabelCommand:
    return LabelCommand.model_validate(
        {"command": what, "label": label, "into": into, "at": time.time()}
    )


def served(settings: Settings) -> Version:
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        return Feed(log).newest()


def stored(settings: Settings) -> dict[str, set[str]]:
    """Ids in the example store, by label."""

    async def ask() -> dict[str, set[str]]:
        store = EdgeExampleStore(settings.var / "examples", 384)
        found = {label: await store.ids(label) for label in (*tiny.LABELS, "coffee", "hall")}
        await store.close()
        return {label: ids for label, ids in found.items() if ids}

    return asyncio.run(ask())


def lessons(settings: Settings) -> dict[str, Retrain]:
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        return training_set(log, LabelSet.of(Feed(log).newest().manifest))


def test_a_label_with_examples_is_in_the_model_and_before_the_judge_at_once(
    settings: Settings,
) -> None:
    assert added(settings, "coffee", *COFFEE, guide="The coffee machine.") == Done(2, 3)
    version = served(settings)
    info = version.classifier.infos["coffee"]
    assert (info.name, info.guide) == ("coffee", "The coffee machine.")
    assert info.embedding is not None
    assert len(version.classifier.shelves["coffee"]) == 3
    assert version.classifier.shelves["coffee"].gold.all()
    assert len(stored(settings)["coffee"]) == 3
    (row,) = [row for row in listed(settings).rows if row.label == "coffee"]
    assert (row.exemplars, row.gold, row.learnt) == (3, 3, 3)
    assert row.added == pytest.approx(time.time(), abs=60)
    assert row.subset == version.classifier.subset_of("coffee") > 0


def test_the_very_same_label_again_is_no_work(settings: Settings) -> None:
    given = {"name": "The coffee", "guide": "All about coffee."}
    assert added(settings, "coffee", *COFFEE, **given) == Done(2, 3)
    before = served(settings)
    assert added(settings, "coffee", *reversed(COFFEE), **given) == Done(2, 0)
    assert added(settings, "room", *tiny.EXAMPLES["room"]) == Done(2, 0)
    assert served(settings).manifest == before.manifest
    for texts, more, differs in [
        (COFFEE[:2], given, "other examples$"),
        (COFFEE, {"guide": given["guide"]}, "other name$"),
        ([*COFFEE, "tea"], {**given, "guide": "Tea."}, "other guide and examples$"),
    ]:
        with pytest.raises(BadCommand, match=f"a label 'coffee' already, added with {differs}"):
            added(settings, "coffee", *texts, **more)
    change(settings, command("retire", "coffee"))
    assert added(settings, "coffee", *COFFEE, **given) == Done(4, 3)


def test_the_name_alone_is_enough_and_is_the_label_as_words(settings: Settings) -> None:
    assert added(settings, "coffee_machine") == Done(2, 0)
    classifier = served(settings).classifier
    assert classifier.infos["coffee_machine"].name == "coffee machine"
    text = HashingEncoder().encode(["coffee machine"])
    assert classifier.predict(text)[0].label == "coffee_machine"


def test_a_retired_label_is_gone_and_comes_back_with_its_examples(settings: Settings) -> None:
    assert change(settings, command("retire", "room")).version == 2
    assert "room" not in served(settings).manifest.labels
    assert "room" not in stored(settings)
    assert "room" not in {lesson.label for lesson in lessons(settings).values()}
    assert listed(settings).retired == ["room"]
    assert rebuild(settings).examples == 18
    assert added(settings, "room", "book the hall") == Done(3, 7)
    assert len(served(settings).classifier.shelves["room"]) == 7
    assert len(stored(settings)["room"]) == 7


def test_a_rename_is_followed_everywhere(settings: Settings) -> None:
    ids = stored(settings)["room"]
    old = settings.var / "old.jsonl"
    old.write_text("\n".join(line for line in exported(settings, embeddings=False)))
    assert rename(settings, "room", "hall", None, nothing) == Done(2)
    version = served(settings)
    assert version.classifier.infos["hall"].name == "hall"
    assert set(version.classifier.shelves["hall"].ids) == ids
    assert stored(settings)["hall"] == ids
    assert "room" not in stored(settings)
    assert {one.id for one in lessons(settings).values() if one.label == "hall"} == ids
    assert rebuild(settings).removed == 0
    assert stored(settings)["hall"] == ids
    assert len(show(settings, "hall").lessons) == 6
    # A guide composed of seed examples that still say "room".
    assert "meeting room" in open_desk(settings).in_force("hall").text
    # What still comes under the old name: known already, and new.
    assert take_in(settings, old, nothing).new == 0
    old.write_text('{"label": "room", "text": "the big one upstairs"}\n')
    assert take_in(settings, old, nothing).new == 1
    assert len(served(settings).classifier.shelves["hall"]) == 7


def test_a_name_of_its_own_stays_and_another_can_be_given(settings: Settings) -> None:
    added(settings, "coffee", name="The coffee machine")
    rename(settings, "coffee", "espresso", None, nothing)
    assert served(settings).classifier.infos["espresso"].name == "The coffee machine"
    rename(settings, "espresso", "latte", "Milk and coffee", nothing)
    assert served(settings).classifier.infos["latte"].name == "Milk and coffee"


def test_a_merge_moves_the_examples(settings: Settings) -> None:
    both = stored(settings)["room"] | stored(settings)["travel"]
    assert change(settings, command("merge", "room", "travel")).version == 2
    assert set(served(settings).classifier.shelves["travel"].ids) == both
    assert stored(settings)["travel"] == both
    assert listed(settings).renamed == {"room": "travel"}


def test_what_does_not_fit_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadCommand, match="already"):
        added(settings, "room", "book the hall")
    with pytest.raises(BadCommand, match="did you mean 'room'"):
        change(settings, command("retire", "rooms"))
    with pytest.raises(BadCommand, match="merge 'room' into it"):
        rename(settings, "room", "travel", None, nothing)
    path = tmp_path / "examples.jsonl"
    for line, told in [
        ('{"text": "x", "label": "tea"}', "jsonl:2 is an example of 'tea', not of 'coffee'"),
        ('{"words": "x"}', "jsonl:2: the field 'text'"),
        ("nonsense", "jsonl:2 is not JSON"),
        (json.dumps({"text": "x" * 30_000}), "jsonl:2: 30000 characters"),
    ]:
        path.write_text(f'{{"text": "fine"}}\n{line}\n')
        with pytest.raises(Fatal, match=told):
            add(settings, "coffee", name=None, guide="", examples=path, progress=nothing)
    with pytest.raises(NoModel):
        added(settings.model_copy(update={"var": _unfitted(tmp_path)}))
    assert served(settings).number == 1
    with closing(SqliteLog(Folder(settings.var).log)) as log:
        assert log.end(LABELS.name) == len(tiny.LABELS)


def _unfitted(folder: Path) -> Path:
    SqliteLog(folder / "log.sqlite").close()
    return folder


# While somebody holds the folder


def test_a_held_folder_takes_a_command_in_with_its_next_version(settings: Settings) -> None:
    """The holder here takes in what waits after a second, as a run does at once."""
    with working(settings) as log:

        def take() -> None:
            while not log.appended_elsewhere():
                time.sleep(0.05)
            teach(settings, log)

        log.appended_elsewhere()
        holder = threading.Thread(target=take)
        holder.start()
        try:
            assert added(settings, "coffee", *COFFEE) == Done(2, 3)
        finally:
            holder.join()


def test_a_command_that_nobody_takes_in_waits_in_the_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "WAIT_SECONDS", 0.0)
    with working(settings):
        assert added(settings, "coffee", *COFFEE) == Done(None, 3)
        assert listed(settings).waiting == ["add coffee"]
        # What comes behind it is looked at as if it were done already.
        with pytest.raises(BadCommand, match="already"):
            added(settings, "coffee")
        assert change(settings, command("merge", "coffee", "room")).version is None
    assert listed(settings).version == 1
    assert change(settings, command("retire", "travel")).version == 2
    assert served(settings).manifest.labels == ["password", "printer", "room"]
    assert len(served(settings).classifier.shelves["room"]) == 9


def test_what_the_trainer_refuses_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people at once: what was right when it was looked at is wrong when its turn comes."""
    monkeypatch.setattr(LabelSet, "after", lambda self, command: self)
    with pytest.raises(BadCommand, match="'ghost' is not in the set"):
        change(settings, command("retire", "ghost"))
    assert served(settings).manifest.applied_labels == len(tiny.LABELS) + 1


# The simulated judge


def judge_of(settings: Settings, **gold: str) -> SimulatedJudge:
    path = settings.var / "gold.jsonl"
    rows = [{"id": id_, "label": label} for id_, label in gold.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = settings.model_copy(update={"judge": "simulated", "gold": path, "judge_error": 0.0})
    with closing(SqliteLog(Folder(settings.var).log)) as log:
        judge = build_judge(told, log, Feed(log))[0]
    assert isinstance(judge, SimulatedJudge)
    return judge


def test_gold_labels_that_are_no_labels_yet_are_warned_about(settings: Settings) -> None:
    with capture_logs() as logged:
        judge = judge_of(settings, a="room", b="coffee")
    assert [line["labels"] for line in logged] == [["coffee"]]
    assert (judge.believed("a"), judge.believed("b")) == ("room", "coffee")
    added(settings, "coffee")
    rename(settings, "room", "hall", None, nothing)
    with capture_logs() as logged:
        judge_of(settings, a="room", b="coffee", c="hall")
    assert logged == []


def test_gold_of_other_texts_is_refused(settings: Settings) -> None:
    with pytest.raises(Fatal, match="no label that the model knows"):
        judge_of(settings, a="cats", b="dogs")
