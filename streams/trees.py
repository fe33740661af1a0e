"""The names of a version's parts, in groups, so that a manifest does not repeat all of them.

A thousand labels make some three thousand parts: named one by one they are 230 KB in every version.
As in git, a manifest names trees by the SHA-256 of their content, and a tree names parts. A lesson
touches one label and one head: two trees are new, all others stand as they are. Parts of labels are
spread by the hash in their names over about as many trees as such a tree has names, which makes
what a lesson costs least. Readers join all trees, so that a publisher may group as it likes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

from streams.records import Tree
from streams.wire import squeezed

OF_LABELS = ("label", "exemplars", "reserve")
OF_LESSONS = ("head", "state", "weights")
"""Kinds of parts, by the beginning of their names (`models.parts`); all others are the fit's."""


def planted(parts: Mapping[str, str]) -> dict[str, bytes]:
    """Return the trees that name these parts, by the SHA-256 of their content."""
    labels = len({_hash_of(name) for name in parts if _kind(name) in OF_LABELS})
    places = 2 ** round(math.log2(max(1.0, math.sqrt(len(OF_LABELS) * labels))))
    groups: dict[str, dict[str, str]] = {}
    for name in sorted(parts):
        groups.setdefault(_group(name, places), {})[name] = parts[name]
    trees = [squeezed(Tree(parts=group)) for group in groups.values()]
    return {hashlib.sha256(tree).hexdigest(): tree for tree in trees}


def joined(trees: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the SHA-256 of all parts by their names."""
    return {name: sha for tree in trees for name, sha in tree.items()}


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _hash_of(name: str) -> str:
    return name.split("/")[1]


def _group(name: str, places: int) -> str:
    kind = _kind(name)
    if kind in OF_LABELS:
        return str(int(_hash_of(name), 16) % places)
    return "lessons" if kind in OF_LESSONS else "fit"
