"""What a judge is asked about a text, and what it answers."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import Permanent

Question: TypeAlias = Literal["verify", "choose"]
Outcome: TypeAlias = Literal["valid", "invalid", "chosen", "none", "no_verdict"]

# Kinds of "no verdict" that say nothing about the text: the endpoint is away, too slow, or the
# budget of the minute or the day is used up. Such a case is put to the judge again, later.
COMES_BACK: Final = frozenset(("away", "timed out", "budget"))

# Which outcomes each question can have; "no_verdict" is open to both.
_OUTCOMES: dict[Question, tuple[Outcome, ...]] = {
    "verify": ("valid", "invalid", "no_verdict"),
    "choose": ("chosen", "none", "no_verdict"),
}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A validated example near the text; `similarity` is the cosine, -1 to 1."""

    id: str
    label: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Case:
    """A text to be judged.

    `embedding` has shape (d,) and is finite; it takes no part in equality. `contenders` are
    labels, best first, each once; `probabilities` are theirs, where they are known; `further` are
    labels beyond them, likeliest first, for when the choice is widened. `refused` are
    labels that were refused for it before: they are not offered when the choice is widened.
    Raises `Permanent` for a case that no judge could decide.
    """

    id: str
    text: str
    embedding: NDArray[np.float32] = field(compare=False, repr=False)
    contenders: tuple[str, ...]
    probabilities: tuple[float, ...] = ()
    further: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            raise Permanent("a case to judge has no id")
        if self.embedding.ndim != 1 or not np.isfinite(self.embedding).all():
            raise Permanent(
                f"case {self.id!r}: the embedding must be one finite vector, "
                f"got shape {self.embedding.shape}"
            )
        if not self.contenders or len(set(self.contenders)) != len(self.contenders):
            raise Permanent(f"case {self.id!r}: contenders must be given, each once")
        if self.probabilities and (
            len(self.probabilities) != len(self.contenders)
            or not all(0 <= probability <= 1 for probability in self.probabilities)
        ):
            raise Permanent(f"case {self.id!r}: a probability for each contender, 0 to 1, or none")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge answered to one question.

    `label` is the label the judge holds to be right ("valid", "chosen"), else None: a
    rejected label is found in `options`, never in `label`. `evidence` are ids of neighbours.
    `kind` says why there is no verdict: one of `COMES_BACK` (try later), "unsure" (the judge
    cannot tell), "malformed" and others that an endpoint may earn. `tokens` and `calls` are
    what it cost, the tokens `estimated` where the endpoint did not report them. `prompt` and
    `guide` are the versions of what was asked, where words were used.

    Raises `ValueError` for a combination that means nothing: the judge has a bug.
    """

    outcome: Outcome
    label: str | None
    question: Question
    options: tuple[str, ...]
    reason: str = ""
    evidence: tuple[str, ...] = ()
    kind: str | None = None
    tokens: int = 0
    calls: int = 0
    estimated: bool = False
    prompt: str | None = None
    guide: str | None = None

    def __post_init__(self) -> None:
        if self.outcome not in _OUTCOMES[self.question]:
            raise ValueError(f"{self.outcome!r} is no answer to {self.question!r}")
        if not self.options or (self.question == "verify" and len(self.options) != 1):
            raise ValueError(f"{self.question!r} cannot have the options {self.options!r}")
        if self.outcome in ("valid", "chosen"):
            if self.label not in self.options:
                raise ValueError(f"label {self.label!r} was not offered: {self.options!r}")
        elif self.label is not None:
            raise ValueError(f"{self.outcome!r} names no label, got {self.label!r}")
        if (self.kind is not None) != (self.outcome == "no_verdict"):
            raise ValueError(f"kind {self.kind!r} does not go with {self.outcome!r}")
        if self.tokens < 0 or self.calls < 0:
            raise ValueError("tokens and calls are counts")


def verified(
    label: str,
    is_valid: bool,
    reason: str,
    evidence: tuple[str, ...] = (),
    tokens: int = 0,
    calls: int = 0,
) -> Answer:
    """The answer "valid" or "invalid" to "is `label` valid for this text?"."""
    outcome: Outcome = "valid" if is_valid else "invalid"
    held = label if is_valid else None
    return Answer(outcome, held, "verify", (label,), reason, evidence, None, tokens, calls)


def picked(
    label: str | None,
    options: tuple[str, ...],
    reason: str,
    evidence: tuple[str, ...] = (),
    tokens: int = 0,
    calls: int = 0,
) -> Answer:
    """The answer "chosen" (a label among `options`) or "none" (None) to "which of these?"."""
    outcome: Outcome = "none" if label is None else "chosen"
    return Answer(outcome, label, "choose", options, reason, evidence, None, tokens, calls)


def no_verdict(
    question: Question,
    options: tuple[str, ...],
    kind: str,
    reason: str,
    tokens: int = 0,
    calls: int = 0,
) -> Answer:
    """No answer: away, unsure, malformed, ... Never to be read as "invalid"."""
    return Answer("no_verdict", None, question, options, reason, (), kind, tokens, calls)
