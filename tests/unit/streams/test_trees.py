"""What names a version's parts: small however many there are, and readable in its older forms."""

import hashlib
import zlib
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.labels import label_hash
from streams.embedded.log import SqliteLog
from streams.errors import NoVersion, Unreadable
from streams.feed import KEPT, MANIFEST, Feed
from streams.records import Manifest, Tree
from streams.repository import PART, TREE
from streams.stage import Outgoing
from streams.topology import MODELS
from streams.trees import joined, planted
from streams.wire import MOST_BYTES, squeezed, unsqueezed
from tests.unit.streams import make, tiny
from tests.unit.streams.tiny import publish, taught

LABELS = [f"{n:04d} a label's name, of forty characters" for n in range(1_000)]


def sha(*of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()


def names(labels: int, **changed: int) -> dict[str, str]:
    """What a classifier of so many labels is made of; `changed` parts have another content."""
    kinds = ("label", "exemplars", "reserve")
    parts = [f"{kind}/{label_hash(label)}" for label in LABELS[:labels] for kind in kinds]
    parts += [f"{kind}/{n:03d}" for kind in ("head", "base", "noise") for n in range(labels // 25)]
    parts += ["state", "fit", *(f"bank/{n}" for n in range(400))]
    return {part: sha(part, changed.get(part)) for part in parts}


def read(trees: Mapping[str, bytes]) -> dict[str, str]:
    return joined(unsqueezed(Tree, tree).parts for tree in trees.values())


@pytest.mark.parametrize("labels", [0, 1, 30, 150, 1_000])
def test_all_trees_together_name_every_part(labels: int) -> None:
    parts = names(labels)
    trees = planted(parts)
    assert read(trees) == parts
    assert all(hashlib.sha256(tree).hexdigest() == name for name, tree in trees.items())


@settings(max_examples=25, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(sorted(names(150))), st.integers(1, 9), max_size=20))
def test_trees_are_the_same_whatever_the_order_of_parts(changed: dict[str, int]) -> None:
    parts = names(150, **changed)
    shuffled = dict(sorted(parts.items(), key=lambda item: item[1]))
    assert planted(parts) == planted(shuffled)


def test_a_lesson_makes_two_trees_anew() -> None:
    before = planted(names(1_000))
    touched = {f"exemplars/{label_hash(LABELS[7])}": 1, "head/003": 1}
    after = planted(names(1_000, **touched))
    assert len(after.keys() - before.keys()) == 2


def test_what_names_the_parts_of_a_thousand_labels_is_a_few_kilobytes() -> None:
    before = planted(names(1_000))
    touched = {f"exemplars/{label_hash(LABELS[7])}": 1, "head/003": 1}
    after = planted(names(1_000, **touched))
    rng = np.random.default_rng(0)
    manifest = make.manifest(
        7,
        LABELS,
        labels=LABELS,
        shares={label: round(float(rng.gamma(1.0)), 2) for label in LABELS},
        trees=sorted(after),
    )
    new = [tree for name, tree in after.items() if name not in before]
    assert sum(map(len, new)) < 6 * 1024
    assert len(squeezed(manifest)) < 24 * 1024
    assert unsqueezed(Manifest, squeezed(manifest)) == manifest


def older_form(records: list[Outgoing]) -> list[Outgoing]:
    """What an earlier redstream published: the manifest names all parts, as plain JSON."""
    key, value = next((r.key, r.value) for r in records if (r.key or b"").startswith(b"manifest/"))
    trees = [r.value for r in records if (r.key or b"").startswith(TREE.encode())]
    parts = joined(unsqueezed(Tree, tree).parts for tree in trees)
    manifest = unsqueezed(Manifest, value).model_copy(update={"parts": parts, "trees": []})
    others = [r for r in records if (r.key or b"").startswith(b"part/")]
    return [*others, Outgoing(MODELS.name, key, manifest.encode())]


def test_a_log_of_an_earlier_redstream_is_read_and_goes_on(log: SqliteLog) -> None:
    log.append(older_form(Feed(log).publish(taught(1), applied=1, learnt=1, touched=[])))
    trainer = Feed(log)
    assert trainer.newest().classifier.hash() == taught(1).hash()
    published = publish(log, trainer, 2)
    assert not any(r.key == f"part/{taught(1).digests()['metric']}".encode() for r in published)
    reader = Feed(log)
    assert reader.newest().classifier.hash() == taught(2).hash()
    assert reader.load(1).classifier.hash() == taught(1).hash()
    for lessons in range(3, KEPT + 3):
        publish(log, trainer, lessons)
    reader = Feed(log)
    reader.newest()
    assert sorted(reader.repository.manifests) == list(range(3, KEPT + 3))
    assert {*reader.repository.parts} == {
        (r.key or b"").decode().removeprefix(PART)
        for r in log.read_from(MODELS.name, 0, 100_000)
        if (r.key or b"").startswith(PART.encode())
    }


def test_a_damaged_tree_is_refused_and_published_again(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    records = trainer.publish(taught(1), applied=1, learnt=1, touched=["travel"])
    tree = next(r for r in records if (r.key or b"").startswith(TREE.encode()))
    log.append([*records, Outgoing(tree.topic, tree.key, b"{}")])
    reader = Feed(log)
    assert reader.newest().number == 1
    with pytest.raises(NoVersion, match=r"version 2 is not whole: 1 of its .* parts .*\(tree/"):
        reader.load(2)
    publish(log, trainer, 1)
    assert reader.newest().number == 3
    assert reader.load(2).classifier.hash() == taught(1).hash()


def test_a_reader_needs_only_the_newest_record_of_each_key(log: SqliteLog) -> None:
    """As a log is after compaction, with its records in another order than they were written."""
    trainer = tiny.fitted(log)
    for lessons in range(1, 6):
        publish(log, trainer, lessons)
    reader = Feed(log)
    held = {(r.key or b""): r for r in log.read_from(MODELS.name, 0, 100_000)}
    for key in sorted(held, reverse=True):
        reader.repository.take(key, held[key].value)
    assert sorted(reader.repository.manifests) == list(range(1, 7))
    for number, lessons in zip(range(1, 7), range(6), strict=True):
        assert reader.load(number).classifier.hash() == taught(lessons).hash()


def test_what_is_cut_off_or_far_too_long_is_no_record() -> None:
    whole = squeezed(make.manifest())
    assert unsqueezed(Manifest, make.manifest().encode()) == make.manifest()
    endless = zlib.compress(b" " * (MOST_BYTES + 1))
    for damaged in (whole[:-5], whole[5:], endless, b"", None, b"{}"):
        with pytest.raises(Unreadable, match="no Manifest"):
            unsqueezed(Manifest, damaged)


def test_a_manifest_lies_squeezed_in_the_log(log: SqliteLog) -> None:
    tiny.fitted(log)
    (manifest,) = [
        r.value
        for r in log.read_from(MODELS.name, 0, 100_000)
        if (r.key or b"").startswith(MANIFEST.encode())
    ]
    assert unsqueezed(Manifest, manifest).parts == {}
    assert (manifest or b"")[:1] != b"{"
