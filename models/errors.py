"""The errors of redstream, and what each branch asks of whoever catches it.

```
RedstreamError
├── Transient          try the same thing again, later
├── Permanent          this record can never be used: to the dead letters with it
│   └── UnknownLabel   an example for a label that is not in the set
└── Fatal              stop, and tell a person what to do
    ├── BadExamples      nothing can be fitted on these examples
    ├── DamagedPart      a part of a stored classifier is missing or not what was written
    └── EncoderMismatch  vectors of one encoder met a classifier of another
```

The branch decides between retry, dead letter and shutdown; the message says what to do.
"""

from __future__ import annotations


class RedstreamError(Exception):
    """The root of all errors that redstream raises on purpose."""


class Transient(RedstreamError):
    """Something outside is away or slow: the same call may succeed later."""


class Permanent(RedstreamError):
    """This record can never be used, however often it is tried."""


class Fatal(RedstreamError):
    """Going on would do harm: stop, and say what a person has to do."""


class UnknownLabel(Permanent):
    """An example, or a command, names a label that is not in the set."""

    def __init__(self, label: str) -> None:
        super().__init__(
            f"label {label!r} is not in the set: add it first, or correct the record's label"
        )
        self.label = label


class BadExamples(Fatal):
    """Nothing can be fitted on these examples; the message says which and why."""


class DamagedPart(Fatal):
    """A part of a stored classifier is missing, or is not what was written."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(
            f"part {part!r} {why}: fetch the version again, or go back to an older manifest"
        )
        self.part = part


class EncoderMismatch(Fatal):
    """Vectors of one encoder met a classifier of another."""
