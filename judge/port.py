"""The ports every judge fits: an LLM, a stand-in, recorded answers."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from judge.question import Answer, Case, Neighbour


class Judge(Protocol):
    """Validates labels of uncertain texts.

    An endpoint that is away, slow, or wrong in form is an `Answer` without a verdict, not an
    exception: only what no answer can express is raised (`Fatal`: a wrong key).
    """

    @property
    def signature(self) -> str:
        """How its answers are signed: "simulated", "local", "replay", or the LLM's name."""
        ...

    @property
    def teaches(self) -> bool:
        """Whether what it accepts may train the classifier."""
        ...

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        """Is `label` valid for this text? "valid", "invalid" or "no_verdict".

        `neighbours` are the nearest examples of the label and the nearest of any label, so
        that a judge can weigh the label against its rivals; most similar first.
        """
        ...

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        """Which of `options` is it, or none? "chosen", "none" or "no_verdict".

        `neighbours` are the nearest examples of any label and of each option.
        """
        ...


@runtime_checkable
class RemoteJudge(Judge, Protocol):
    """A judge at the other end of a network: it can be away, and it costs something.

    Whoever holds one asks it how long it is away before putting questions to it, and closes it.
    """

    @property
    def resumes_in(self) -> float:
        """Seconds until asking makes sense again; 0 if it does now. Finite: a judge that will
        never be asked again (its budget in all is used up) says so by the kind of its answers.
        """
        ...

    def share(self, part: float) -> None:
        """Take only this part (above 0, to 1) of rate and budget: other processes ask as well."""
        ...

    def status(self) -> dict[str, object]:
        """How it stands, and what it has cost since the start: plain values."""
        ...

    def forget_words(self, forgotten: int) -> None:
        """Keep no words of texts any more, of all that was asked: a text more is `forgotten`, which
        is how many are by now.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...
