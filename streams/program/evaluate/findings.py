"""What an evaluation finds: these records are its JSON. New fields may come; names stay."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from models.measures import Rate as Counted

FORMAT = 1


class Finding(BaseModel):
    """Base of all parts."""

    model_config = ConfigDict(frozen=True)


class Rate(Finding):
    """`part` of `whole`, with Clopper and Pearson's 95% bounds; `value` is null of nothing."""

    part: int
    whole: int
    value: float | None
    low: float
    high: float

    @classmethod
    def of(cls, counted: Counted) -> Rate:
        """The same, as it is written: four decimals."""
        value = counted.value
        return cls(
            part=counted.part,
            whole=counted.whole,
            value=None if value is None else round(value, 4),
            low=round(counted.low, 4),
            high=round(counted.high, 4),
        )


class About(Finding):
    """What was looked at, and when (`made`, seconds since 1970).

    `texts` came into the stream; of the `gold` labels `compared` belong to one of them and
    `never_seen` to none (`never_seen_ids` are some). `unknown_labels` are gold labels that the
    model does not have. `waiting` texts of all are in the log, undecided yet: a run is under way,
    was stopped, or its judge is away. `with_texts` says whether texts are quoted.
    """

    made: float
    redstream: str
    folder: str
    texts: int
    gold: int
    compared: int
    never_seen: int
    never_seen_ids: list[str]
    unknown_labels: list[str]
    waiting: int
    labels: int
    version: int
    threshold: float
    target: float
    claim: str | None
    judges: list[str]
    with_texts: bool


class Accuracy(Finding):
    """How many are right. In `all`, what has no label counts as wrong; in `labelled` it is left
    out: `undecided` texts are held, `waiting` ones were not decided about yet.

    `unasked`: nobody but the classifier was asked. `judged`: the judge was, and whatever holds now
    is compared. `first_answer`: what the classifier alone led with when the text came.
    """

    all: Rate
    labelled: Rate
    classifier: Rate
    judge: Rate
    person: Rate
    undecided: int
    waiting: int
    unasked: Rate
    judged: Rate
    first_answer: Rate
    judged_share: Rate


class Label(Finding):
    """One gold label: `right` of its texts; `precision` of the texts that were given it."""

    label: str
    right: Rate
    precision: Rate
    first_answer: Rate
    judged: int
    undecided: int


class Example(Finding):
    """A text that shows it. `text` is null where texts are left out."""

    id: str
    text: str | None
    authority: str
    confidence: float | None


class Confusion(Finding):
    """Texts of `gold` that were given `given` (a person's "" is none of the labels): so many
    `texts` of its `of`, by whom.
    """

    gold: str
    given: str
    texts: int
    of: int
    by: dict[str, int]
    examples: list[Example]


class Confusions(Finding):
    """The `worst` pairs, and how many wrong texts and pairs there are in all."""

    wrong_texts: int
    pairs: int
    worst: list[Confusion]


class Bin(Finding):
    """Texts that were given a confidence between `low` and `high`: its mean, and what is right."""

    low: float
    high: float
    confidence: float
    right: Rate


class Reliability(Finding):
    """How far a stated confidence holds (`ece`: mean gap); texts `without` one are left out."""

    ece: float | None
    texts: int
    without: int
    bins: list[Bin]


class Calibration(Finding):
    """Of the classifier's own first answer, and of the label that holds."""

    first_answer: Reliability
    emitted: Reliability


class Threshold(Finding):
    """Had this been the threshold throughout: the share `judged`, what is right `unasked`, and
    `right` of all (an estimate where texts that were not judged would have been; null without it).
    """

    threshold: float
    judged: float
    unasked: Rate
    right: float | None


class Thresholds(Finding):
    """First answers as they were, at other thresholds; what the judge would have taught is not in.

    `judged_right`: a text that was not judged is taken to be right as often, had it been; that of
    the audits, where there are 30. `now` are threshold and figures of the run as it was.
    """

    judged_right: float | None
    now: Threshold
    curve: list[Threshold]


class Window(Finding):
    """Gold texts that came one after another, the `first` to the `last` of the stream (from 1).

    `versions`: the first and the last that answered. `threshold`: at its end.
    """

    first: int
    last: int
    texts: int
    right: Rate
    first_answer: Rate
    judged: Rate
    undecided: int
    versions: tuple[int, int] | None
    threshold: float | None


class Event(Finding):
    """Something that happened when about `place` texts had been decided about.

    `told` says it in a few words; `texts` are some that show it (null where texts are left out).
    """

    kind: Literal["drift", "label", "round"]
    at: float
    place: int
    told: str
    labels: list[str]
    texts: list[str] | None


class Published(Finding):
    """A version of the model, and after how many texts it came."""

    number: int
    place: int
    labels: int
    learnt: int
    threshold: float


class Course(Finding):
    """The stream from its beginning to its end."""

    windows: list[Window]
    events: list[Event]
    versions: list[Published]


class WrongLesson(Finding):
    """Texts of `gold` that were taught as `taught`."""

    gold: str
    taught: str
    texts: int


class Taught(Finding):
    """What the judge's accepted answers taught: `texts` that stand, under `labels` labels.

    `right` of those with a gold label; `wrong` are the pairs with most. `taken_back`, by whom;
    `taken_back_wrong`: so many of them had been wrong. A person's lessons are among them.
    """

    texts: int
    labels: int
    right: Rate
    taken_back: dict[str, int]
    taken_back_wrong: Rate
    wrong: list[WrongLesson]


class Cost(Finding):
    """What the judge cost over the whole stream, not the gold texts alone.

    `estimated` of the tokens are no count of an endpoint's. `money` where prices are set, over
    all runs of this folder's cache. `no_verdicts` by kind.
    """

    calls: int
    tokens: int
    estimated: int
    money: float | None
    judged_texts: int
    audits: int
    calls_per_100_texts: float | None
    no_verdicts: dict[str, int]


class DeadLetter(Finding):
    """What could not be used; `message` is null where texts are left out: it may quote them."""

    position: str
    stage: str
    error: str
    message: str | None


class DeadLetters(Finding):
    """Those that were not put back: how many, by error, and the newest."""

    count: int
    by_error: dict[str, int]
    newest: list[DeadLetter]


class Evaluation(Finding):
    """All of it."""

    format: int = FORMAT
    about: About
    accuracy: Accuracy
    labels: list[Label]
    confusions: Confusions
    calibration: Calibration
    thresholds: Thresholds
    course: Course
    taught: Taught
    cost: Cost
    dead_letters: DeadLetters
