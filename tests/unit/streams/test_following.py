"""How far weights follow the stream: heard once, kept over restarts, a function of `verdicts`."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.confidence import Combination
from streams.audits import SAVED_EVERY
from streams.errors import Unreadable
from streams.following import REFIT, Following, served
from streams.labelset import LabelSet
from streams.records import Layered, Verdict, Weighed
from streams.scores import Scores
from streams.topology import VERDICTS
from tests.unit.streams import make, tiny

LABELS = LabelSet(frozenset(tiny.LABELS))


def fitted() -> Combination:
    return tiny.classifier().reference.combination


@cache
def scores() -> Scores:
    """Of a text that may be anything."""
    [one] = tiny.classifier().scored(tiny.embed(tiny.UNSURE)[None])[1]
    return Scores.of(one)


def answer(n: int, label: str | None = "room", **fields: Any) -> Verdict:
    usual: dict[str, Any] = {
        "final": True,
        "decision": "accepted" if label else "undecided",
        "label": label,
        "scores": scores(),
    }
    return make.verdict(f"t{n}", **{**usual, **fields})


def answers(count: int) -> list[Verdict]:
    return [answer(n) for n in range(count)]


def hear(following: Following, verdicts: Sequence[Verdict], first: int = 0) -> Following:
    batch = make.batch(VERDICTS, *verdicts, first=first)
    for delivered, verdict in zip(batch, verdicts, strict=True):
        following.observe(delivered, verdict, LABELS, fitted())
    return following


def following(path: Path, *verdicts: Verdict) -> Following:
    return hear(Following(path / "following.json"), verdicts)


def test_until_the_first_refit_the_fits_weights_are_served(tmp_path: Path) -> None:
    assert following(tmp_path, *answers(REFIT - 1)).layered(fitted()) is None
    after = following(tmp_path, *answers(REFIT)).layered(fitted())
    assert after is not None
    assert after.judged == REFIT
    assert not np.allclose(after.quick[:6], fitted().quick.contender, atol=1e-6)


def test_weights_that_the_judge_speaks_for_are_served(tmp_path: Path) -> None:
    layered = following(tmp_path, *answers(4 * REFIT)).layered(fitted())
    before, after = (
        tiny.classifier().with_weights(weights).predict(tiny.embed(tiny.UNSURE)[None])[0]
        for weights in (None, served(layered))
    )
    chance = [{c.label: c.probability for c in one.contenders}["room"] for one in (before, after)]
    assert chance[1] > chance[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"scores": None},
        {"final": False},
        {"round": 2},
        {"independent": False},
        {"apart": make.VECTOR},
        {"decision": "away"},
        {"scores": Scores(labels=["room"], f16="AAA", outside=0.0)},
    ],
    ids=["no scores", "not final", "held before", "no witness", "apart", "away", "damaged"],
)
def test_what_says_nothing_is_not_heard(tmp_path: Path, fields: dict[str, Any]) -> None:
    passed_over = [answer(n, **fields) for n in range(REFIT)]
    assert following(tmp_path, *passed_over).layered(fitted()) is None


def test_an_answer_delivered_again_is_heard_once(tmp_path: Path) -> None:
    once = following(tmp_path, *answers(REFIT + 9))
    twice = hear(following(tmp_path, *answers(REFIT + 9)), answers(REFIT + 9))
    assert once.layered(fitted()) == twice.layered(fitted())


@pytest.mark.parametrize("cut", [0, 7, REFIT, REFIT + 30])
def test_a_restart_anywhere_changes_nothing(tmp_path: Path, cut: int) -> None:
    everything = [answer(n, ("room", "travel", None)[n % 3]) for n in range(2 * REFIT + 5)]
    whole = following(tmp_path / "no file", *everything).layered(fitted())
    part = following(tmp_path, *everything[:cut])
    part.save()
    again = Following(tmp_path / "following.json")
    assert again.position(VERDICTS.name) == cut
    assert hear(again, everything[cut:], first=cut).layered(fitted()) == whole


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 9}', '{"format": 1, "judged": [7]}'])
def test_a_damaged_file_is_no_file(tmp_path: Path, damage: str) -> None:
    following(tmp_path, *answers(SAVED_EVERY))
    file = tmp_path / "following.json"
    assert Following(file).position(VERDICTS.name) == SAVED_EVERY
    file.write_text(damage)
    assert Following(file).position(VERDICTS.name) == 0


def test_labels_count_under_their_names_of_now(tmp_path: Path) -> None:
    renamed = LabelSet(frozenset({"hall", "travel"}), renamed={"room": "hall"})
    now = Following(tmp_path / "a.json")
    batch = make.batch(VERDICTS, *answers(REFIT))
    for delivered, verdict in zip(batch, answers(REFIT), strict=True):
        now.observe(delivered, verdict, renamed, fitted())
    assert now.layered(fitted()) == following(tmp_path, *answers(REFIT)).layered(fitted())


def test_another_fit_begins_anew(tmp_path: Path) -> None:
    heard = following(tmp_path, *answers(2 * REFIT))
    usual = fitted()
    other = Combination(usual.full, usual.quick)
    assert heard.layered(other) is None
    assert heard.layered(usual) is not None


def test_scores_come_back_as_they_were_sent_to_three_digits() -> None:
    [one] = tiny.classifier().scored(tiny.embed(tiny.UNSURE)[None])[1]
    back = Scores.decode(Scores.of(one).encode()).scored()
    assert (back.labels, back.advised) == (one.labels, one.advised)
    assert np.allclose(back.features, one.features, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("f16", ["AAA", "AAAA", "not base64"])
def test_scores_of_another_shape_are_refused(f16: str) -> None:
    with pytest.raises(Unreadable):
        Scores(labels=["room"], f16=f16, outside=0.0).scored()


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        served(Layered(quick=[1.0], full=[1.0], judged=1))


def test_the_label_that_stands_after_weighing_is_heard(tmp_path: Path) -> None:
    stands = Weighed(rightly=0.1, wrongly=0.1, label="travel", probability=0.6)
    weighed = following(tmp_path, *[answer(n, weighed=stands) for n in range(REFIT)])
    plain = following(tmp_path, *[answer(n, "travel") for n in range(REFIT)])
    assert weighed.layered(fitted()) == plain.layered(fitted())
