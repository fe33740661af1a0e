"""Settings that are called otherwise now: the old name works for a version, with a warning."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from models.errors import Fatal


@dataclass(frozen=True)
class Renamed:
    """What a setting is called `now`, and the version that does not read the old name any more."""

    now: str
    until: str


RENAMED: Mapping[str, Renamed] = {}
"""By old name. What is past its version stays here, to be refused with the new name."""

_told: set[str] = set()


def called_now(
    name: str, place: str, given: Collection[str], spoken: Callable[[str], str] = str
) -> str:
    """Return what a setting is called now that is given under its old name; say so, once.

    `place` is where it stands, `given` what is set in the same place, `spoken` how a name is
    written there.

    Raises:
        Fatal: both names are given, or the time of the old one is over.
    """
    from importlib.metadata import version  # here: it takes longer to load than all of this

    from streams.program.plain import complain

    old = RENAMED[name]
    if old.now in given:
        raise Fatal(f"{place}: {spoken(name)} is the old name of {spoken(old.now)}: set only that")
    if number(version("redstream")) >= number(old.until):
        raise Fatal(f"{place}: {spoken(name)} is renamed to {spoken(old.now)}: set that instead")
    line = (
        f"{place}: {spoken(name)} is called {spoken(old.now)} now: rename it; redstream {old.until}"
        " will not read the old name"
    )
    if line not in _told:
        _told.add(line)
        complain(line)
    return old.now


def number(version: str) -> list[int]:
    """Return a version for comparison: 0.10.0 is later than 0.9.1."""
    return [int(part) for part in version.split(".")[:3] if part.isdecimal()]
