"""HTML and SVG in which nothing is markup but what was made here: every other string is escaped,
and what is invisible in it, or turns the direction of writing, is made visible.
"""

from __future__ import annotations

import html

from streams.program.plain import visible

_EMPTY = {"meta", "input", "br"}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Part = Html | str | int | float | None


def escaped(part: Part) -> Html:
    """Return markup as it is, and anything else as text."""
    if isinstance(part, Html):
        return part
    return Html("" if part is None else html.escape(visible(str(part)), quote=True))


def join(*parts: Part) -> Html:
    """Return the parts one after another."""
    return Html("".join(escaped(part) for part in parts))


def tag(name: str, /, *parts: Part, **attributes: Part) -> Html:
    """Return an element. `class_` is the attribute class, `data_x` is data-x; None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{join(*parts)}</{name}>")


def key(*entries: tuple[str, str]) -> Html:
    """Return what colours mean: class and words."""
    return tag("ul", *(tag("li", tag("i", class_=c), words) for c, words in entries), class_="key")
