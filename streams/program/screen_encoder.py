"""What a person sees of the model's encoder, and of a change of it."""

from __future__ import annotations

from streams.program.encoder_change import Moved
from streams.program.encoder_refit import Accuracy
from streams.program.encoder_stores import Shown
from streams.program.encoding import overruled, told
from streams.program.screen import say
from streams.program.settings import Settings


def shown(found: Shown, settings: Settings) -> None:
    """Print which encoder the model reads."""
    manifest, named = found.manifest, found.manifest.encoded
    say(f"Model {manifest.number} reads the encoder {manifest.called}, {found.dimension} numbers.")
    if named is None:
        say(f"It was fitted with it; it is set by REDSTREAM_ENCODER, now {settings.encoder!r}.")
        return
    say(f"It was moved to it with model {named.number}, from {named.name_before or named.before}.")
    say(f"Examples for the judge: store {named.store!r}; those before: {named.store_before!r}.")
    if overruled(settings, manifest):
        say(f"{told(settings, manifest)}.")


def moved(found: Moved, *, dry: bool) -> None:
    """Print what a change came to."""
    if found.before is None or found.after is None:
        say(f"Model {found.serving.number} reads {found.name!r} already: nothing is to be done.")
        return
    was = found.serving.manifest.called
    say("Lessons that were left out and are told right; of them, those that people labelled:")
    say(f"  {was}: {_right(found.before)}")
    say(f"  {found.name}, {found.encoder.identity}: {_right(found.after)}")
    if found.nothing:
        say(f"In {_some(found.nothing, 'text')} the new encoder finds nothing: they teach nothing.")
    taught = f"{_some(found.lessons, 'lesson')}, {found.gold} of them people's"
    if dry:
        say(f"Nothing was written. It would take over {taught}.")
        return
    say(f"Model {found.version} has {taught}, in vectors of {found.name}.")
    say("Who serves loads the encoder and switches; until then the version before serves.")
    say("What can be certified of texts that go out unasked is counted from the beginning.")
    if not found.filled:
        say(
            "The example store is filled by who runs `remember`, with the next lesson or when it is"
            " started again."
        )


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _right(one: Accuracy) -> str:
    threshold = "asks about all" if one.threshold > 1 else f"threshold {one.threshold:.2f}"
    people = _share(one.right_of_people, one.of_people)
    return f"{_share(one.right, one.texts)}; {people}; {threshold}"


def _share(right: int, texts: int) -> str:
    return f"{right / texts:.3f} ({right} of {texts})" if texts else "none left out"
