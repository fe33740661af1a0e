"""A model writes guides: one request for each label, within the same pace and budget as judging."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from judge.guides.compose import Material
from judge.guides.guide import Guide
from judge.llm.answer import Malformed
from judge.llm.caller import Caller
from judge.llm.guide_prompt import read, render
from judge.llm.usage import Use


@dataclass(frozen=True, slots=True)
class Written:
    """A guide, or (None) why there is none; and what it took."""

    label: str
    guide: Guide | None
    reason: str
    use: Use


class GuideWriter:
    """Writes guides with the model that `caller` asks. `seed` makes the markers."""

    def __init__(self, caller: Caller, seed: str = "redstream") -> None:
        self._caller = caller
        self._seed = seed

    @property
    def model(self) -> str:
        """The model's name."""
        return self._caller.endpoint.model

    async def write(self, materials: Sequence[Material]) -> list[Written]:
        """A guide for each label, in their order; what fails is told, and harms no other.

        Raises:
            Fatal: the key, the model or the URL is wrong.
        """
        return list(await asyncio.gather(*map(self._one, materials)))

    async def close(self) -> None:
        """Let go of connections."""
        await self._caller.endpoint.close()

    async def _one(self, material: Material) -> Written:
        prompt = render(material, self._seed)
        reply = await self._caller.put(prompt)
        if reply.kind is not None:
            return Written(material.label, None, reply.reason or reply.kind, reply.use)
        try:
            return Written(material.label, read(reply.content, prompt), "", reply.use)
        except Malformed as error:
            return Written(material.label, None, f"no guide in its answer: {error}", reply.use)
