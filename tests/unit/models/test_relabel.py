"""A label renamed, told anew or merged: what moves with it, and what stays as it was."""

import numpy as np
import pytest

from models.classifier import Classifier, LabelInfo
from models.errors import BadExamples, EncoderMismatch, UnknownLabel
from models.relabel import merge_label, rename_label, tell_label
from tests.unit.models import make

OLD, NEW, OTHER = make.name(2), "label new", make.name(4)


@pytest.fixture(scope="module")
def fitted() -> Classifier:
    return make.fitted()


def renamed(classifier: Classifier, label: str = OLD, new: str = NEW) -> Classifier:
    info = classifier.infos[label]
    return rename_label(classifier, label, LabelInfo(new, info.name, info.guide, info.embedding))


def proposed(classifier: Classifier) -> list[dict[str, float]]:
    return [
        {one.label: one.probability for one in prediction.contenders}
        for prediction in classifier.predict(make.queries())
    ]


def test_a_renamed_label_is_proposed_as_before_under_its_new_name(fitted: Classifier) -> None:
    after = renamed(fitted)
    assert OLD not in after.labels
    for was, now in zip(proposed(fitted), proposed(after), strict=True):
        assert {NEW if label == OLD else label for label in was} == now.keys()
        for label, probability in was.items():
            assert now[NEW if label == OLD else label] == pytest.approx(probability, abs=2e-3)


def test_exemplars_share_and_place_go_with_the_name(fitted: Classifier) -> None:
    after = renamed(fitted)
    assert after.shelves[NEW] is fitted.shelves[OLD]
    assert after.reference.counts[NEW] == fitted.reference.counts[OLD]
    assert OLD not in after.reference.counts
    assert after.subset_of(NEW) == fitted.subset_of(OLD)


def test_other_subsets_are_left_alone(fitted: Classifier) -> None:
    after = renamed(fitted)
    home = fitted.subset_of(OLD)
    assert any(number != home for number in range(len(fitted.live.heads)))
    for number, (mine, theirs) in enumerate(zip(after.live.heads, fitted.live.heads, strict=True)):
        assert mine.same(theirs) == (number != home)


def test_a_label_renamed_and_back_learns_as_if_it_never_was(fitted: Classifier) -> None:
    back = renamed(renamed(fitted), NEW, OLD)
    lessons = make.examples(each=2, seed=5, prefix="n")
    once = renamed(renamed(fitted.learn(lessons)), NEW, OLD)
    assert back.learn(lessons).hash() == once.hash()


def test_learning_before_or_after_a_rename_ends_in_the_same_bits(fitted: Classifier) -> None:
    lessons = make.examples(each=2, seed=5, prefix="n")
    called = [
        type(one)(one.id, NEW if one.label == OLD else one.label, one.embedding, one.gold)
        for one in lessons
    ]
    assert renamed(fitted.learn(lessons)).hash() == renamed(fitted).learn(called).hash()


def test_what_is_unlearnt_after_a_rename_leaves_no_trace(fitted: Classifier) -> None:
    after = renamed(fitted)
    (lesson,) = make.examples(labels=1, each=1, seed=5, prefix="n")
    for label in (NEW, OTHER):
        example = type(lesson)(lesson.id, label, lesson.embedding, False)
        assert after.learn([example]).unlearn([lesson.id]).hash() == after.hash()


def test_a_renamed_classifier_is_read_back_to_the_bit(fitted: Classifier) -> None:
    after = renamed(fitted)
    for previous in (None, fitted):
        assert Classifier.from_parts(after.to_parts(), previous).hash() == after.hash()


def test_a_label_told_anew_has_its_new_words_as_an_exemplar(fitted: Classifier) -> None:
    words = make.texts(2, 1, seed=8)[0]
    told = tell_label(fitted, LabelInfo(OLD, "a better name", "what it means", words))
    assert told.infos[OLD].name == "a better name"
    assert set(told.touched_since(fitted)) == set(fitted.live.subsets[fitted.subset_of(OLD)])
    assert Classifier.from_parts(told.to_parts(), fitted).hash() == told.hash()


def test_a_merged_label_gives_its_exemplars_and_its_share(fitted: Classifier) -> None:
    after = merge_label(fitted, OLD, OTHER)
    ids = {*fitted.shelves[OLD].ids, *fitted.shelves[OTHER].ids}
    assert set(after.shelves[OTHER].ids) == ids
    assert after.shelves[OTHER].gold.all()
    assert OLD not in after.labels
    counts = fitted.reference.counts
    assert after.reference.counts[OTHER] == counts[OLD] + counts[OTHER]
    of_old = [row for row in proposed(fitted) if max(row, key=row.__getitem__) == OLD]
    assert len(of_old) >= 3
    now = [prediction.label for prediction in after.predict(make.texts(2, 4, seed=99, labels=6))]
    assert now == [OTHER] * 4
    assert Classifier.from_parts(after.to_parts(), fitted).hash() == after.hash()


def test_a_merge_touches_two_subsets_at_most(fitted: Classifier) -> None:
    after = merge_label(fitted, OLD, OTHER)
    homes = {fitted.subset_of(OLD), fitted.subset_of(OTHER)}
    changed = {
        number
        for number, head in enumerate(after.live.heads)
        if not head.same(fitted.live.heads[number])
    }
    assert changed <= homes


def test_texts_beyond_the_shelf_go_with_the_merge() -> None:
    classifier = make.fitted(labels=4, each=80)
    first, second = make.name(0), make.name(1)
    beyond = classifier.reference.beyond
    after = merge_label(classifier, first, second)
    count, total = after.reference.beyond[second]
    assert count == beyond[first][0] + beyond[second][0] > 0
    assert np.allclose(total, beyond[first][1] + beyond[second][1])
    assert first not in after.reference.beyond
    again = Classifier.from_parts(after.to_parts())
    assert again.hash() == after.hash()


def test_a_label_added_since_the_fit_is_merged_and_leaves_an_empty_subset(
    fitted: Classifier,
) -> None:
    info = LabelInfo("young", "young", "", make.texts(7, 1, labels=8)[0])
    wider = fitted.add_label(info)
    after = merge_label(wider, "young", OTHER)
    assert after.labels == fitted.labels
    assert len(after.predict(make.queries())) == len(make.queries())
    assert Classifier.from_parts(after.to_parts(), wider).hash() == after.hash()


def test_what_cannot_be_is_refused(fitted: Classifier) -> None:
    info = fitted.infos[OLD]
    with pytest.raises(UnknownLabel):
        rename_label(fitted, "ghost", LabelInfo(NEW, NEW))
    with pytest.raises(BadExamples, match="merge"):
        renamed(fitted, OLD, OTHER)
    with pytest.raises(EncoderMismatch):
        rename_label(fitted, OLD, LabelInfo(NEW, info.name, "", np.ones(3, np.float32)))
    with pytest.raises(UnknownLabel):
        tell_label(fitted, LabelInfo("ghost", "ghost"))
    with pytest.raises(BadExamples, match="itself"):
        merge_label(fitted, OLD, OLD)
    with pytest.raises(UnknownLabel):
        merge_label(fitted, OLD, "ghost")
