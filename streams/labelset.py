"""The labels there are, those that are no more, and what a command makes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from streams.errors import BadCommand
from streams.records import LabelCommand, Manifest

LONGEST_LABEL = 200


@dataclass(frozen=True)
class LabelSet:
    """`labels` as they are proposed; `applied` is the offset in topic `labels` behind the last
    command. `renamed` leads from each earlier name to what the label is called now, which may
    itself be `retired`.

    An earlier name is never given to another label: lessons under it may still be on their way,
    and are taken under the new name wherever they lie in the log.
    """

    labels: frozenset[str] = frozenset()
    applied: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()

    @classmethod
    def of(cls, manifest: Manifest) -> LabelSet:
        """Return the label set of a version."""
        return cls(
            frozenset(manifest.labels),
            manifest.applied_labels,
            manifest.renamed,
            frozenset(manifest.retired),
        )

    def now(self, label: str) -> str:
        """Return what a label is called now."""
        return self.renamed.get(label, label)

    def names(self, label: str) -> set[str]:
        """Return the name of a label and all that it, and what was merged into it, had before."""
        return {label, *(old for old, now in self.renamed.items() if now == label)}

    def after(self, command: LabelCommand) -> LabelSet:
        """Return the set as the command makes it.

        Raises:
            BadCommand: it does not fit this set; says why, and what would.
        """
        label, into = command.label, command.into or ""
        match command.command:
            case "add":
                self._free(label)
                return replace(self, labels=self.labels | {label}, retired=self.retired - {label})
            case "guide":
                self._known(label)
                return self
            case "retire":
                self._leaves(label)
                return replace(self, labels=self.labels - {label}, retired=self.retired | {label})
            case "rename":
                self._known(label)
                if into in self.labels:
                    raise BadCommand(f"there is a label {into!r} already: merge {label!r} into it")
                if into in self.retired:
                    raise BadCommand(f"{into!r} was retired: choose a name that was never used")
                if self.now(into) != label:  # its own earlier name is free to it
                    self._free(into)
                return self._moved(label, into, self.labels - {label} | {into})
            case "merge":
                self._known(into)
                if label == into:
                    raise BadCommand(f"{label!r} cannot be merged into itself")
                self._leaves(label)
                return self._moved(label, into, self.labels - {label})

    def _moved(self, label: str, into: str, labels: frozenset[str]) -> LabelSet:
        renamed = {old: into if now == label else now for old, now in self.renamed.items()}
        renamed[label] = into
        renamed.pop(into, None)
        return replace(self, labels=labels, renamed=renamed)

    def _known(self, label: str) -> None:
        if label in self.labels:
            return
        if label in self.renamed:
            raise BadCommand(f"{label!r} is called {self.renamed[label]!r} now")
        if label in self.retired:
            raise BadCommand(f"{label!r} was retired: `redstream labels add` brings it back")
        raise BadCommand(f"there is no label {label!r}{meant(label, self.labels)}")

    def _leaves(self, label: str) -> None:
        self._known(label)
        if len(self.labels) == 1:
            raise BadCommand(f"{label!r} is the last label: a classifier has at least one")

    def _free(self, label: str) -> None:
        if label in self.labels:
            raise BadCommand(f"there is a label {label!r} already")
        if label in self.renamed:
            raise BadCommand(
                f"{label!r} became {self.renamed[label]!r}, and what still comes under that name"
                " is taken for it: choose another name"
            )
        if not label or label != label.strip() or not label.isprintable():
            raise BadCommand(f"{label!r} cannot be a label: one line, no blanks around it")
        if len(label) > LONGEST_LABEL:
            raise BadCommand(f"a label has at most {LONGEST_LABEL} characters, not {len(label)}")


def meant(label: str, labels: Collection[str]) -> str:
    """Return a question for the label that is nearest to one that does not exist; "" for none."""
    near = get_close_matches(label, labels, 1, 0.4)
    return f"; did you mean {near[0]!r}?" if near else ""
