"""Writing label guides anew: proposed, shown as a difference, and accepted."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from judge.guides.compose import Material, compose
from judge.guides.file import read, replaced, tidied
from judge.guides.guide import Guide
from judge.guides.history import COMPOSED, FIT, HAND, origins
from models.errors import Fatal
from streams.feed import Feed
from streams.program.folder import log_of
from streams.program.guides import Desk, material_from
from streams.program.lessons import in_vectors_of, training_set
from streams.program.settings import Settings

Write = Callable[[Sequence[Material]], Sequence[tuple[str, Guide | None, str]]]
"""From material to label, guide (or None) and why there is none."""


@dataclass(frozen=True)
class Proposal:
    """What writing would change: guides and whose work, and what was left alone, with why."""

    guides: list[Guide] = field(default_factory=list)
    origin: str = COMPOSED
    failed: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def propose(
    settings: Settings, desk: Desk, labels: Sequence[str], write: Write, origin: str
) -> Proposal:
    """Return what would become of these labels' guides (none named: of all of them).

    A guide that a person wrote, in the file or with the label, is touched only where the label is
    named.

    Raises:
        Fatal: there is no such label.
    """
    for label in labels:
        desk.in_force(label)
    whose = origins(desk.history.all())
    theirs = {
        label
        for label in desk.names
        if whose.get((label, desk.in_force(label).version), HAND) in (HAND, FIT)
    }
    wanted = list(dict.fromkeys(labels)) or [name for name in desk.names if name not in theirs]
    with log_of(settings) as log:
        lessons = training_set(log, desk.labels, embeddings=True)
        manifest = Feed(log).newest().manifest
    same = in_vectors_of(manifest, lessons.values(), settings)
    materials = material_from(desk.names, same)
    guides, failed = [], []
    for label, guide, why in write([materials[label] for label in wanted]):
        if guide is None:
            failed.append(f"{label}: {why}")
        elif desk.own.get(label) != (clean := tidied(guide)):
            guides.append(clean)
    return Proposal(
        guides,
        origin,
        failed,
        by_hand=sorted(theirs & {guide.label for guide in guides}),
        left=[] if labels else sorted(theirs),
    )


def compose_all(materials: Sequence[Material]) -> list[tuple[str, Guide | None, str]]:
    """Write guides without a model."""
    return [(material.label, compose(material), "") for material in materials]


def ask_model(
    settings: Settings, model: str | None, told: Callable[[int, int], None]
) -> tuple[str, Write]:
    """Return the model's name, and the writing with it; `told` gets calls and tokens at the end.

    Raises:
        Fatal: no endpoint or model is set, or it is wrong.
    """
    from judge.llm.build import caller_of  # here: the client takes a second to load
    from judge.llm.caller import Patience
    from judge.llm.guide_writer import GuideWriter
    from streams.program.llm import options_of

    # Nobody's batch waits for a guide, and a larger model takes its time.
    timeout = max(60.0, settings.llm_timeout)
    options = options_of(
        settings, model, timeout=timeout, answer_tokens=1_000, patience=Patience(20 * timeout)
    )

    def write(materials: Sequence[Material]) -> list[tuple[str, Guide | None, str]]:
        async def work() -> list[tuple[str, Guide | None, str]]:
            writer = GuideWriter(caller_of(options))
            try:
                written = await writer.write(materials)
            finally:
                await writer.close()
            told(sum(w.use.calls for w in written), sum(w.use.tokens for w in written))
            return [(one.label, one.guide, one.reason) for one in written]

        return asyncio.run(work())

    return options.model, write


def difference(desk: Desk, proposal: Proposal) -> list[str]:
    """Return the change of what is in force as a unified diff, without line ends.

    A guide that came with its label stands in no file, and is shown as if it stood in this one.
    """
    name = str(desk.path)
    given = [desk.base[label] for label in proposal.by_hand if label not in desk.own]
    old = replaced(desk.content, given, name) if given else desk.content
    new = replaced(old, proposal.guides, name)
    return list(
        difflib.unified_diff(old.splitlines(), new.splitlines(), name, f"{name} (new)", lineterm="")
    )


def accept(desk: Desk, proposal: Proposal) -> None:
    """Write the file anew, whole or not at all; the versions are kept first.

    Raises:
        Fatal: somebody else changed it since it was shown, or it cannot be written.
    """
    if read(desk.path) != desk.content:
        raise Fatal(f"{desk.path} was changed meanwhile: look at the change again")
    new = replaced(desk.content, proposal.guides, str(desk.path))
    desk.history.record(proposal.guides, proposal.origin)
    target = desk.path.resolve()  # it may be a link
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(new, encoding="utf-8", newline="")
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Fatal(f"cannot write {desk.path}: {error.strerror}") from None
