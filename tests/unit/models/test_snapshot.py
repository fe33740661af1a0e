"""Parts: small, whole or refused."""

from __future__ import annotations

import numpy as np
import pytest

from models.classifier import Classifier
from models.errors import DamagedPart, Fatal
from models.snapshot import LIMIT, Blob, gather, unpack
from tests.unit.models.make import fitted


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return fitted()


def test_no_part_is_larger_than_a_record_may_be() -> None:
    blob = Blob({"a": 1}, {"x": np.arange(100_000, dtype=np.float32)})
    parts = dict(zip(blob.names("x"), blob.chunks, strict=True))
    assert len(parts) == 7
    assert max(len(part) for part in parts.values()) == LIMIT
    back = unpack("x", gather("x", parts))
    assert back.meta == {"a": 1}
    assert np.array_equal(back.arrays["x"], blob.arrays["x"])


def test_every_missing_part_is_named(classifier: Classifier) -> None:
    parts = classifier.to_parts()
    for name in parts:
        without = {key: value for key, value in parts.items() if key != name}
        with pytest.raises(DamagedPart, match=name.split("/")[0]):
            Classifier.from_parts(without)


def test_every_damaged_part_is_named(classifier: Classifier) -> None:
    parts = classifier.to_parts()
    for name, content in parts.items():
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        with pytest.raises(DamagedPart, match=name) as raised:
            Classifier.from_parts({**parts, name: flipped})
        assert raised.value.part == name
        assert isinstance(raised.value, Fatal)


@pytest.mark.parametrize("content", [b"", b"short", b"\x80\x04pickle" * 20])
def test_what_is_no_part_is_refused(classifier: Classifier, content: bytes) -> None:
    with pytest.raises(DamagedPart):
        Classifier.from_parts({**classifier.to_parts(), "state": content})


def test_a_part_of_another_version_is_refused(classifier: Classifier) -> None:
    wider = fitted(labels=4).to_parts()
    with pytest.raises(DamagedPart):
        Classifier.from_parts({**classifier.to_parts(), "state": wider["state"]})


def test_unchanged_parts_are_shared_with_the_version_before(classifier: Classifier) -> None:
    later = classifier.unlearn(["t0-0"]).learn([])
    back = Classifier.from_parts(later.to_parts(), previous=classifier)
    assert back.reference is classifier.reference
    same = [
        label for label in back.labels if back.live.shelves[label] is classifier.live.shelves[label]
    ]
    assert len(same) == 5


def test_the_same_classifier_writes_the_same_bytes(classifier: Classifier) -> None:
    assert fitted().to_parts() == classifier.to_parts()


def test_what_is_read_has_the_bytes_it_was_read_from(classifier: Classifier) -> None:
    parts = classifier.to_parts()
    back = Classifier.from_parts(parts)
    own = {id(part) for part in parts.values()}
    for label, shelf in back.shelves.items():
        assert all(id(chunk) in own for chunk in shelf.blob.chunks), label
        assert shelf.blob.digests == classifier.shelves[label].blob.digests
        assert shelf.blob.packed() == classifier.shelves[label].blob.packed()
    assert back.to_parts() == parts
