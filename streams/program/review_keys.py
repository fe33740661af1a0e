"""The keys of a review: one text after the other, until there is none left or the person quits."""

from __future__ import annotations

import codecs
import os
import re
import sys
import termios
import tty
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from judge.guides import Guide, guide_of
from streams.program import review_screen as screen
from streams.program.review import Item, Review
from streams.program.screen import console

LISTED = 9
"""Labels that a search shows: as many as there are digits."""

ENTER, BACK, ESCAPE = ("\r", "\n"), ("\x7f", "\b"), "\x1b"

KEY = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)?|.", re.DOTALL)
"""A character, or the sequence that a key such as an arrow sends."""


class Keys:
    """Keys one at a time, whatever pieces they come in."""

    def __init__(self, read: Callable[[], str]) -> None:
        """`read` waits for some characters; "" at the end of input."""
        self._read = read
        self._waiting: deque[str] = deque()

    def next(self) -> str:
        """Return the next key; `ESCAPE` for one that is a sequence, as arrows are.

        Raises:
            EOFError: there are no more, or it was Ctrl-D.
        """
        while not self._waiting:
            piece = self._read()
            if not piece:
                raise EOFError
            self._waiting.extend(KEY.findall(piece))
        key = self._waiting.popleft()
        if key == "\x04":
            raise EOFError
        return ESCAPE if key[0] == ESCAPE else key

    def line(self) -> str | None:
        """Return what is typed up to Enter, shown as it is typed; None after Escape."""
        typed = ""
        console.print("/", end="")
        while (key := self.next()) not in ENTER:
            if key == ESCAPE:
                console.print()
                return None
            if key in BACK:
                console.file.write("\b \b" if typed else "")
                typed = typed[:-1]
            elif key.isprintable():
                typed += key
                console.file.write(key)
            console.file.flush()
        console.print()
        return typed


@contextmanager
def keys_of_terminal() -> Iterator[Keys]:
    """Take keys as they are pressed, from now on and for as long as the block lasts.

    What is typed meanwhile is kept: a mode for every single key would lose what comes between two.
    """
    fd, decoder = sys.stdin.fileno(), codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read() -> str:
        piece = os.read(fd, 1_024)
        # Not "" for the first half of a character: that would be the end.
        return decoder.decode(piece) or ("\0" if piece else "")

    before = termios.tcgetattr(fd)
    tty.setcbreak(fd, termios.TCSADRAIN)
    try:
        yield Keys(read)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def found(words: str, guides: Mapping[str, Guide]) -> list[str]:
    """Return the labels that have all these words in label or name; else those nearly so."""
    wanted = words.casefold().split()
    labels = sorted(guides)
    said = {label: f"{label} {guide_of(guides, label).name}".casefold() for label in labels}
    has = [label for label in labels if all(word in said[label] for word in wanted)]
    return has or get_close_matches(words, labels, LISTED, 0.5)


class Quit(Exception):
    """The person has had enough."""


class Session:
    """One sitting of a person before the texts of a folder."""

    def __init__(self, review: Review, guides: Mapping[str, Guide], keys: Keys) -> None:
        self._review = review
        self._guides = guides
        self._keys = keys
        self._back: list[Item] = []

    def go_through(self, ids: Sequence[str], *, held: bool) -> None:
        """Show these texts in turn; of `held` ones, those that are decided meanwhile are left out.

        Raises:
            Fatal: a decision could not be written.
            KeyboardInterrupt: Ctrl-C; what was decided is kept.
        """
        waiting, shown = deque(ids), 0
        try:
            while waiting or self._back or self._last_undone():
                if self._back:
                    self._one(self._back.pop(), "again")
                    continue
                text_id = waiting.popleft()
                if not held or self._review.undecided(text_id):
                    shown += 1
                    self._one(self._review.item(text_id), f"{shown} of {shown + len(waiting)}")
        except (Quit, EOFError):
            return

    def _last_undone(self) -> bool:
        """Where all are through, offer to undo the last decision; True if that was done."""
        if not self._review.decided:
            return False
        screen.say("That was all. u undoes the last decision, any other key ends.", "dim")
        if self._keys.next() != "u":
            return False
        self._undo()
        return bool(self._back)

    def _one(self, item: Item, place: str) -> None:
        """Show a text until it is decided, skipped, or an earlier one is to be seen again."""
        screen.show(item, place, self._guides)
        screen.say(screen.KEYS, "dim")
        while True:
            match self._keys.next():
                case "q":
                    raise Quit
                case "s" | " ":
                    return screen.say("skipped", "dim")
                case "n":
                    return self._decided(item, None)
                case "u":
                    if self._undo(item):
                        return None
                case "/":
                    if (label := self._searched()) is not None:
                        return self._decided(item, label)
                    screen.say(screen.KEYS, "dim")
                case "m":
                    screen.show(item, place, self._guides, whole=True)
                case "?":
                    screen.say(screen.HELP)
                case digit if digit in "123456789" and int(digit) <= len(item.case.contenders):
                    return self._decided(item, item.case.contenders[int(digit) - 1].label)
                case _:
                    screen.say(screen.KEYS, "dim")

    def _decided(self, item: Item, label: str | None) -> None:
        self._review.decide(item, label)
        screen.say(f"→ {label or 'none of the labels'}", "green")

    def _undo(self, current: Item | None = None) -> bool:
        """Undo the last decision and have its text shown next; `current` comes after it."""
        item = self._review.undo()
        if item is None:
            screen.say("Nothing was decided that could be undone.", "dim")
            return False
        self._back += [item] if current is None else [current, item]
        screen.say(f"undone: {item.id}", "yellow")
        return True

    def _searched(self) -> str | None:
        """Ask for a label by a part of its name; None if it was thought better of."""
        while (words := self._keys.line()) is not None:
            labels = found(words, self._guides)
            screen.choices(labels[:LISTED], len(labels) - LISTED, self._guides)
            if not labels:
                screen.say("no such label; / searches again", "dim")
                continue
            screen.say("the label's number, / to search again, any other key to go back", "dim")
            key = self._keys.next()
            if key in "123456789" and int(key) <= min(LISTED, len(labels)):
                return labels[int(key) - 1]
            if key != "/":
                return None
        return None
