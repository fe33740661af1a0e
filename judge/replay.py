"""A judge that repeats recorded answers, to measure without an endpoint. It signs as "replay"."""

from collections.abc import Mapping, Sequence

from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified


class ReplayJudge:
    """Answers from `recorded`: text id to the label once given, or None for "none of them".

    `name` is whose answers they were; it goes into the reason. Every answer counts as one
    call, as it once was; a text without a record is no verdict, and costs nothing.
    """

    signature = "replay"
    teaches = True

    def __init__(self, recorded: Mapping[str, str | None], name: str) -> None:
        self._recorded = recorded
        self.name = name

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        if case.id not in self._recorded:
            return no_verdict("verify", (label,), "unsure", f"not recorded by {self.name}")
        held = self._recorded[case.id]
        return verified(label, held == label, f"recorded by {self.name}", calls=1)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        offered = tuple(options)
        if case.id not in self._recorded:
            return no_verdict("choose", offered, "unsure", f"not recorded by {self.name}")
        held = self._recorded[case.id]
        chosen = held if held in offered else None
        return picked(chosen, offered, f"recorded by {self.name}", calls=1)
