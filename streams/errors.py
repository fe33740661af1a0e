"""Errors of the moving parts, under the root in `models.errors`.

RedstreamError
├── Transient
│   ├── NotYet            the work is fine, its time has not come: ask again after a delay
│   └── Fenced            another owner of the stage has begun: the work is its
├── Permanent
│   ├── Unreadable        bytes that are no record of the topic's kind
│   ├── BadCommand        a change of the label set that cannot be made
│   ├── TooLarge          a record or a text over the stated limit
│   └── IdConflict        an id that already stands for another text
└── Fatal
    ├── Held              another process works on this `var/`
    ├── NoModel           nothing was fitted yet
    └── NoVersion         a version of the model is not there, or not whole
"""

from models.errors import Fatal, Permanent, Transient


class NotYet(Transient):
    """The batch is fine but its time has not come; ask again after `delay` seconds."""

    def __init__(self, message: str, delay: float) -> None:
        super().__init__(message)
        self.delay = delay


class Fenced(Transient):
    """Another worker owns the stage now; this one can only begin again, and stand by."""


class Unreadable(Permanent):
    """The bytes are no record of the topic's kind."""


class BadCommand(Permanent):
    """A command for the label set that does not fit it as it is."""


class TooLarge(Permanent):
    """The record or its text is over the stated limit."""


class IdConflict(Permanent):
    """The id already stands for a text with another content."""


class Held(Fatal):
    """Another process works on this `var/` folder."""


class NoModel(Fatal):
    """There is no model to serve: nothing was fitted yet."""


class NoVersion(Fatal):
    """A version of the model is not there, or not whole."""
