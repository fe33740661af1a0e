"""What a person sees of the model's versions."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.table import Table

from streams.program.rollback import RolledBack
from streams.program.screen import cell, console, say
from streams.program.screen_target import promised, refusal, some
from streams.program.versions import Difference, Listed, Parts, Shown


def versions(found: Sequence[Listed]) -> None:
    """Print a table of versions."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)  # 80 characters have to do
    table.add_column("no", justify="right", no_wrap=True)
    table.add_column("made", no_wrap=True)
    for column in ("labels", "learnt", "applied", "threshold"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("hash", no_wrap=True)
    table.add_column("touched", justify="right", no_wrap=True)
    table.add_column("")
    for one in found:
        manifest = one.manifest
        table.add_row(
            str(manifest.number),
            _when(manifest.at),
            str(len(manifest.labels)),
            str(manifest.learnt),
            str(manifest.applied),
            f"{manifest.threshold:.3f}",
            manifest.hash[:8],
            str(len(manifest.touched)),
            ", ".join(_standing(one)),
        )
    console.print(table)


def _standing(one: Listed) -> list[str]:
    back, refused, moved = one.manifest.restores, one.manifest.refused, one.manifest.encoded
    return [
        *(["in service"] if one.serving else []),
        *(["pinned"] if one.pinned else []),
        *([f"back to {back}"] if back is not None else []),
        *([f"moved to {moved.name}"] if moved and moved.number == one.manifest.number else []),
        *([f"{len(refused.lessons)} lessons refused"] if refused else []),
        *([f"NOT WHOLE: {len(one.missing)} parts missing or damaged"] if one.missing else []),
    ]


def version(found: Shown) -> None:
    """Print one version in full."""
    manifest = found.listed.manifest
    standing = "".join(f", {words}" for words in _standing(found.listed))
    say(f"Version {manifest.number}{standing}. Made {_when(manifest.at)}, epoch {manifest.epoch}.")
    say(f"Hash: {manifest.hash}")
    say(f"Encoder: {manifest.called}")
    say(promised(manifest))
    say(f"Learnt: {manifest.learnt} lessons; it goes on at {manifest.applied} of the training set.")
    if manifest.refused:
        say(refusal(manifest.refused))
    if manifest.left_out:
        where = ", ".join(f"{start} to {end - 1}" for start, end in manifest.left_out)
        say(f"Left out by rollbacks: {found.left_out} lessons, at {where} of the training set.")
    say(f"Labels ({len(manifest.labels)}): {', '.join(manifest.labels)}")
    if manifest.touched:
        every = manifest.touched == manifest.labels
        say(f"Touched ({len(manifest.touched)}): {'all' if every else ', '.join(manifest.touched)}")
    _parts(found.parts, found.before)
    for name in found.listed.missing:
        say(f"Missing or damaged: {name}")


def _parts(parts: Sequence[Parts], before: int | None) -> None:
    table = Table()
    table.add_column("what")
    columns = ["parts", "KiB", *([f"as in {before}", "KiB as there"] if before else [])]
    for column in columns:
        table.add_column(column, justify="right")
    total = Parts(
        "all",
        *(sum(getattr(p, x) for p in parts) for x in ("count", "size", "shared", "shared_size")),
    )
    for one in (*parts, total):
        if one is total:
            table.add_section()
        cells = [str(one.count), _kib(one.size), str(one.shared), _kib(one.shared_size)]
        table.add_row(cell(one.kind), *cells[: len(columns)])
    console.print(table)


def difference(found: Difference) -> None:
    """Print how two versions differ."""
    a, b = found.a, found.b
    say(f"From version {a.number} ({_when(a.at)}) to {b.number} ({_when(b.at)}):")
    if b.restores is not None:
        say(f"{b.number} brings version {b.restores} back.")
    if a.threshold != b.threshold:
        say(f"Threshold: {a.threshold:.3f} → {b.threshold:.3f}")
    if a.audit != b.audit:
        say(f"Audits of what goes out unasked: {_share(a.audit)} → {_share(b.audit)}")
    if a.learnt != b.learnt:
        say(f"Learnt: {a.learnt} → {b.learnt} lessons")
    if a.hash == b.hash:
        say("The model is the same, bit by bit.")
        return
    if found.fitted:
        say("Fitted anew: every head may differ.")
    for words, labels in (
        ("Labels added", found.added),
        ("Labels removed", found.removed),
        ("Name or guide changed", found.guides),
    ):
        if labels:
            say(f"{words} ({len(labels)}): {', '.join(labels)}")
    if found.weights:
        say("The weights of the evidence differ.")
    for labels in found.heads:
        say(f"Head solved anew, {len(labels)} labels: {some(labels)}")
    if found.exemplars:
        _exemplars(found)


def _exemplars(found: Difference) -> None:
    table = Table()
    table.add_column("examples in use of", overflow="fold")
    for column in (f"in {found.a.number}", f"in {found.b.number}", "came", "went"):
        table.add_column(column, justify="right")
    for one in found.exemplars:
        cells = (str(one.before), str(one.after), f"+{one.came}", f"-{one.went}")
        table.add_row(cell(one.label), *cells)
    console.print(table)


def rolled_back(found: RolledBack, number: int) -> None:
    """Say what a rollback came to."""
    manifest = found.now.manifest
    if not found.changed:
        same = "" if number == found.before else f", which holds what version {number} does"
        say(f"Version {found.before} is in service{same}: nothing to go back to.")
        return
    say(f"Version {manifest.number} is in service: back to {number}, from {found.before}.")
    say(f"It has learnt {manifest.learnt} lessons. {promised(manifest)}")
    if found.left_out:
        gold = f" ({found.gold} of them a person's)" if found.gold else ""
        say(
            f"{found.left_out} lessons taught since{gold} are LEFT OUT. They stay in the training"
            " set, and are not learnt again by themselves: see docs/models.md."
        )
    if found.taken_back:
        say(f"{found.taken_back} of its texts were taken back since, and it is without them.")
    if found.commands:
        say(f"{found.commands} label commands since are carried out on it: the labels stay.")
    if found.waiting:
        say(f"{found.waiting} lessons or revocations wait in the log: the next run has them.")
    say(f"`redstream models rollback {found.before}` undoes it.")


def _share(audit: float | None) -> str:
    return "as the settings say" if audit is None else f"{audit:.1%}"


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _kib(size: int) -> str:
    return f"{size / 1024:,.1f}"
