"""What a classifier is called when it is stored, part by part, and how it is read back.

```
weights            in service, where they are not the fit's own
state              subsets, revoked texts          label/<hash>      name, guide, their embedding
head/003           the live head of a subset       exemplars/<hash>  what the label is known by
fit                settings, weights, threshold    reserve/<hash>    kept only for `unlearn`
base/003, noise/003, bank, metric                  the rest of the reference
```

A long one has its chunks numbered: `metric/0`, `metric/1`, ... (see `models.snapshot`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.confidence import FEATURES, Combination, Weights
from models.errors import DamagedPart
from models.exemplars import Shelf
from models.heads import Chosen, Head
from models.labels import LabelInfo, label_hash
from models.live import Live
from models.metric import Metric
from models.reference import Bank, Reference, Settings
from models.snapshot import Blob, gather, unpack
from models.unknown import Unknown

FORMAT = 1
RESERVE = "reserve/"
OF_TEXTS = ("exemplars/", RESERVE)
WEIGHTS = "weights"

T = TypeVar("T")


def blobs_of(live: Live) -> dict[str, Blob]:
    """Everything that is stored, by name."""
    state = {
        "format": FORMAT,
        "subsets": [list(names) for names in live.subsets],
        "revoked": sorted(live.revoked),
    }
    blobs = {"state": Blob(state, {}), **live.reference.blobs}
    if live.weights is not None:
        blobs[WEIGHTS] = Blob({}, weight_arrays(live.weights))
    for i, head in enumerate(live.heads):
        blobs[f"head/{i:03d}"] = head.blob
    for label, shelf in live.shelves.items():
        name = label_hash(label)
        blobs[f"label/{name}"] = live.infos[label].blob
        blobs[f"exemplars/{name}"] = shelf.blob
        if len(shelf.spare):
            blobs[f"{RESERVE}{name}"] = shelf.reserve
    return blobs


def holding(ids: Container[str], prints: Collection[int]) -> Callable[[Mapping[str, bytes]], bool]:
    """What tells of the parts of a classifier whether texts of these ids are among its examples, or
    those with these fingerprints among its noise. It remembers what it has looked at.
    """
    noise = np.fromiter(prints, np.uint64, len(prints))
    known: dict[tuple[bytes, ...], bool] = {}

    def has(parts: Mapping[str, bytes]) -> bool:
        names = {"/".join(name.split("/")[:2]) for name in parts if name.startswith(OF_TEXTS)}
        names |= {"bank"} if any(name.split("/")[0] == "bank" for name in parts) else set()
        return any(_has(name, gather(name, parts)) for name in names)

    def _has(name: str, chunks: dict[str, bytes]) -> bool:
        key = tuple(chunks.values())
        if key not in known:
            blob = unpack(name, chunks)
            if name == "bank":
                of = np.isin(blob.arrays["ids"], noise)
                known[key] = bool(blob.arrays["vectors"][of].any())
            else:
                known[key] = any(one in ids for one in blob.meta["ids"])
        return known[key]

    return has


def weight_arrays(weights: Combination) -> dict[str, NDArray[np.float64]]:
    """Both sets of weights, quick first, as they are stored."""
    both = (weights.quick, weights.full)
    return {
        "contender": np.stack([one.contender for one in both]),
        "rest": np.stack([one.rest for one in both]),
    }


def read_weights(blob: Blob) -> Combination:
    """Weights back from how they are stored."""
    contender, rest = blob.arrays["contender"], blob.arrays["rest"]
    if contender.shape != (2, len(FEATURES)) or rest.shape != (2, 2):
        raise ValueError("weights are of another shape")
    return Combination(Weights(contender[0], rest[0]), Weights(contender[1], rest[1]))


class Reader:
    """Reads blobs out of parts, and takes from the previous classifier what is unchanged."""

    def __init__(self, parts: Mapping[str, bytes], known: Mapping[str, Blob]) -> None:
        self._parts = parts
        self._known = known

    def unchanged(self, name: str) -> bool:
        """Whether the previous classifier has the very same bytes under that name."""
        blob = self._known.get(name)
        if blob is None:
            return False
        # The bytes themselves: comparing them is ten times as fast as hashing them.
        return tuple(gather(name, self._parts).values()) == blob.chunks

    def has(self, name: str) -> bool:
        """Whether there is such a blob."""
        return name in self._parts or f"{name}/0" in self._parts

    def read(self, name: str, build: Callable[[Blob], T]) -> T:
        """Build an object from a blob; whatever does not fit is `DamagedPart`."""
        blob = unpack(name, gather(name, self._parts))
        try:
            return build(blob)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DamagedPart(name, f"cannot be read ({error!r})") from error


def read_head(blob: Blob) -> Head:
    """A head back from how it is stored."""
    head = Head(tuple(blob.meta["labels"]), blob.arrays["weights"], blob.arrays["bias"])
    if head.weights.ndim != 2 or not len(head.labels) == len(head.weights) == len(head.bias):
        raise ValueError("labels, weights and bias differ in number")
    return head


def _read_metric(blob: Blob) -> Metric:
    a = blob.arrays
    return Metric(a["within"], a["total"], a["mean"])


def _read_chosen(blob: Blob) -> Chosen:
    return Chosen(blob.arrays["rows"].astype(np.intp), blob.arrays["weight"])


def _read_beyond(reader: Reader, counts: Mapping[str, int]) -> dict[str, tuple[int, Any]]:
    if not counts:
        return {}
    sums = reader.read("beyond", lambda blob: blob.arrays["sums"])
    if len(sums) != len(counts):
        raise DamagedPart("beyond", "does not fit the other parts")
    pairs = zip(sorted(counts.items()), sums, strict=True)
    return {label: (int(count), total) for (label, count), total in pairs}


def read_reference(reader: Reader, previous: Reference | None) -> Reference:
    """The reference, or the previous one where nothing of it changed."""
    if previous is not None and all(reader.unchanged(name) for name in previous.blobs):
        return previous
    fit = reader.read("fit", lambda blob: blob)
    meta: Mapping[str, Any] = fit.meta
    try:
        subsets = len(meta["prints"])
        unknown = float("inf") if meta["unknown"] is None else float(meta["unknown"])
        settings = Settings(**meta["settings"])
        share, threshold = float(meta["share"]), float(meta["threshold"])
        counts = {str(k): int(v) for k, v in meta["counts"].items()}
        weights = read_weights(fit)
        strange = Unknown(fit.arrays["mean"], fit.arrays["deviation"], unknown)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedPart("fit", f"cannot be read ({error!r})") from error
    return Reference(
        settings=settings,
        metric=reader.read("metric", _read_metric),
        heads=tuple(reader.read(f"base/{i:03d}", read_head) for i in range(subsets)),
        prints=tuple(meta["prints"]),
        bank=reader.read(
            "bank",
            lambda b: Bank(b.arrays["vectors"], b.arrays["ids"], b.arrays["subset"], share),
        ),
        chosen=tuple(reader.read(f"noise/{i:03d}", _read_chosen) for i in range(subsets)),
        counts=counts,
        quick=weights.quick,
        full=weights.full,
        unknown=strange,
        threshold=threshold,
        right=float(meta.get("right", 0.0)),  # a fit of before it was measured
        beyond=_read_beyond(reader, meta.get("beyond", {})),
    )


def read_label(reader: Reader, label: str, previous: Live | None) -> tuple[LabelInfo, Shelf]:
    """A label and its shelf, shared with the previous classifier where unchanged."""
    name = label_hash(label)
    reserve = f"{RESERVE}{name}"
    names = [f"label/{name}", f"exemplars/{name}", *([reserve] * reader.has(reserve))]
    info = None
    if previous is not None and label in previous.infos:
        if reader.unchanged(names[0]):
            info = previous.infos[label]
        old = previous.shelves[label]
        spared = len(names) == 3
        if bool(len(old.spare)) == spared and all(reader.unchanged(n) for n in names[1:]):
            return info or reader.read(names[0], LabelInfo.read), old
    info = info or reader.read(names[0], LabelInfo.read)
    if info.label != label:
        raise DamagedPart(names[0], f"is of the label {info.label!r}, not {label!r}")
    used, shelf = reader.read(names[1], lambda blob: (blob, Shelf.read(blob)))
    if len(names) == 3:
        shelf = shelf.beside(reader.read(reserve, Shelf.read))
    if shelf.used == list(used.meta["ids"]):
        vars(shelf)["blob"] = used  # not made anew: who keeps the parts has its bytes already
    return info, shelf


def read(parts: Mapping[str, bytes], previous: Live | None, known: Mapping[str, Blob]) -> Live:
    """What wrote these parts; what is `known` with the same bytes is shared with `previous`."""
    reader = Reader(parts, known)
    state = reader.read("state", lambda blob: blob).meta
    if state.get("format") != FORMAT:
        raise DamagedPart("state", f"is of format {state.get('format')!r}, not {FORMAT}")
    reference = read_reference(reader, previous.reference if previous else None)
    subsets = tuple(tuple(names) for names in state["subsets"])
    heads = []
    for i, names in enumerate(subsets):
        part = f"head/{i:03d}"
        same = previous is not None and i < len(previous.heads) and reader.unchanged(part)
        head = previous.heads[i] if previous and same else reader.read(part, read_head)
        if head.labels != names or head.weights.shape[1] != reference.metric.dimension:
            raise DamagedPart(part, "does not fit the other parts")
        heads.append(head)
    infos, shelves = {}, {}
    for label in sorted(label for names in subsets for label in names):
        infos[label], shelves[label] = read_label(reader, label, previous)
        if shelves[label].vectors.shape[1] != reference.metric.dimension:
            raise DamagedPart(f"exemplars/{label_hash(label)}", "does not fit the other parts")
    revoked = frozenset(int(one) for one in state["revoked"])
    weights = reader.read(WEIGHTS, read_weights) if reader.has(WEIGHTS) else None
    return Live.assemble(
        reference, subsets, infos, shelves, tuple(heads), revoked, previous, weights
    )
