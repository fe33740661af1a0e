"""A judge that is a function of one's own: a person asked in a notebook, a service, rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified

Says = Callable[[str, Sequence[str]], str | None]
"""Gets a text and the labels in question; returns the right one of them, or None."""


class FunctionJudge:
    """Signs with the function's name; what it accepts teaches.

    It runs in a thread of its own for every question. An error in it is no verdict, and what it
    returns beside the labels in question is none either.
    """

    teaches = True

    def __init__(self, says: Says) -> None:
        self._says = says
        self.signature = getattr(says, "__name__", type(says).__name__)

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        try:
            said = await asyncio.to_thread(self._says, case.text, (label,))
        except Exception as error:  # it is not ours, and may raise anything
            return no_verdict("verify", (label,), "failed", repr(error)[:200], calls=1)
        return verified(label, said == label, "", calls=1)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        offered = tuple(options)
        try:
            said = await asyncio.to_thread(self._says, case.text, offered)
        except Exception as error:  # as above
            return no_verdict("choose", offered, "failed", repr(error)[:200], calls=1)
        if said is not None and said not in offered:
            return no_verdict("choose", offered, "malformed", f"{said!r} was not offered", calls=1)
        return picked(said, offered, "", calls=1)
