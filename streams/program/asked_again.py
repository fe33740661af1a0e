"""What the model says of a text when it is asked again: data without the model's own imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.records import Contender

if TYPE_CHECKING:
    from models.proposals import Proposal
    from streams.program.exemplars import Near
    from streams.program.taught import Taught


@dataclass(frozen=True)
class Said:
    """What one version of the model says of the text."""

    version: int
    contenders: list[Contender]


@dataclass(frozen=True)
class Change:
    """A version that changed heads or examples of labels which the text may have."""

    version: int
    labels: list[str]


@dataclass(frozen=True)
class AskedAgain:
    """`serving` is the version in service, `encoder` whose vectors it reads.

    `versions` are what versions said when it was decided (those that are kept) and last the one in
    service, which also has `heads` and the `nearest` of its examples; all empty where no embedding
    of the text was kept. `elsewhere` are versions that read those of another encoder, which are not
    asked, with its name. `changes` lie between the first of these and the last. `lessons` are what
    the text has taught, as they stand in the version in service.
    """

    serving: int
    encoder: str = ""
    versions: list[Said] = field(default_factory=list)
    heads: list[Proposal] = field(default_factory=list)
    nearest: list[Near] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    lessons: list[Taught] = field(default_factory=list)
    elsewhere: dict[int, str] = field(default_factory=dict)
