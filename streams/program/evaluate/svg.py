"""A chart by hand: two axes and what lies between them, coloured by classes of the page's style.

Drawn so, it follows the page into the dark, and its words stay words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.program.evaluate.markup import Html, join, tag

Point = tuple[float, float]
TOP, RIGHT, BOTTOM, LEFT = 10, 22, 40, 44


class Chart:
    """A panel `width` by `height`; x and y are told in units of the data."""

    def __init__(
        self, title: str, width: int, height: int, x: Point, y: Point, bottom: int = BOTTOM
    ) -> None:
        self._title, self._width, self._height = title, width, height
        self._x, self._y = x, y
        self._inner = (LEFT, TOP, width - RIGHT, height - bottom)
        self._parts: list[Html] = []

    def at(self, x: float, y: float) -> Point:
        """Return where in the picture a point of the data lies."""
        left, top, right, bottom = self._inner
        across = (x - self._x[0]) / ((self._x[1] - self._x[0]) or 1)
        up = (y - self._y[0]) / ((self._y[1] - self._y[0]) or 1)
        return round(left + across * (right - left), 1), round(bottom - up * (bottom - top), 1)

    def axes(
        self,
        x: Iterable[tuple[float, str]],
        y: Iterable[tuple[float, str]],
        x_name: str = "",
        y_name: str = "",
    ) -> None:
        """Draw grid lines with their numbers, and say what the axes are."""
        left, _, right, bottom = self._inner
        for value, told in y:
            _, place = self.at(self._x[0], value)
            self._line((left, place), (right, place), "grid")
            self._word(left - 6, place + 4, told, "end")
        for value, told in x:
            place, _ = self.at(value, self._y[0])
            self._line((place, bottom), (place, bottom + 4), "grid")
            self._word(place, bottom + 17, told)
        if x_name:
            self._word((left + right) / 2, bottom + 33, x_name, class_="name")
        if y_name:
            self._word(left + 4, TOP + 12, y_name, "start", class_="name")

    def line(self, points: Sequence[Point], class_: str) -> None:
        """Draw a line through points."""
        places = " ".join(f"{a},{b}" for a, b in (self.at(*point) for point in points))
        self._parts.append(tag("polyline", points=places, class_=f"line {class_}"))

    def band(self, low: Sequence[Point], high: Sequence[Point], class_: str) -> None:
        """Fill what lies between two lines."""
        corners = [self.at(*point) for point in [*low, *reversed(high)]]
        places = " ".join(f"{a},{b}" for a, b in corners)
        self._parts.append(tag("polygon", points=places, class_=f"band {class_}"))

    def dot(self, x: float, y: float, class_: str, told: str, radius: float = 3.5) -> None:
        """Draw a point that says something when pointed at."""
        a, b = self.at(x, y)
        self._parts.append(
            tag("circle", tag("title", told), cx=a, cy=b, r=round(radius, 1), class_=class_)
        )

    def whisker(self, x: float, low: float, high: float, class_: str, told: str) -> None:
        """Draw an upright line between two values."""
        (a, b), (_, c) = self.at(x, low), self.at(x, high)
        self._parts.append(
            tag("line", tag("title", told), x1=a, y1=b, x2=a, y2=c, class_=f"whisker {class_}")
        )

    def box(self, x: Point, y: Point, class_: str, told: str = "") -> None:
        """Fill a rectangle between two corners."""
        (a, b), (c, d) = self.at(x[0], y[1]), self.at(x[1], y[0])
        self._parts.append(
            tag(
                "rect",
                tag("title", told) if told else None,
                x=a,
                y=b,
                width=round(max(c - a, 0.5), 1),
                height=round(max(d - b, 0), 1),
                class_=class_,
            )
        )

    def mark(self, x: float, told: str, sign: str, class_: str, row: int = 0) -> None:
        """Draw a line over the whole height with a sign at its head."""
        _, top, _, bottom = self._inner
        place, _ = self.at(x, self._y[0])
        self._line((place, top), (place, bottom), f"mark {class_}")
        head = tag(
            "g",
            tag("title", told),
            tag("circle", cx=place, cy=top + 9 + 19 * row, r=9, class_=f"sign {class_}"),
            tag("text", sign, x=place, y=top + 13 + 19 * row, text_anchor="middle", class_="sign"),
        )
        self._parts.append(head)

    def word(self, x: float, y: float, told: str, anchor: str = "middle", class_: str = "") -> None:
        """Write something at a point of the data."""
        a, b = self.at(x, y)
        self._word(a, b, told, anchor, class_)

    def _word(
        self, x: float, y: float, told: str, anchor: str = "middle", class_: str = ""
    ) -> None:
        self._parts.append(
            tag(
                "text",
                told,
                x=round(x, 1),
                y=round(y, 1),
                text_anchor=anchor,
                class_=class_ or None,
            )
        )

    def _line(self, a: Point, b: Point, class_: str) -> None:
        self._parts.append(tag("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_=class_))

    def drawn(self) -> Html:
        """Return the picture."""
        return tag(
            "svg",
            tag("title", self._title),
            join(*self._parts),
            viewBox=f"0 0 {self._width} {self._height}",
            role="img",
            aria_label=self._title,
        )


def ticks(high: float, most: int = 6) -> list[tuple[float, str]]:
    """Return round numbers from 0 to `high`, with how they are written."""
    step = 1.0
    while high / step > most:
        step *= 2.5 if f"{step:.0f}".startswith("2") else 2  # 1, 2, 5, 10, ...
    return [(n * step, f"{n * step:,.0f}") for n in range(int(high // step) + 1)]


def shares(low: float = 0.0, step: float = 0.2) -> list[tuple[float, str]]:
    """Return shares from 1 down to no less than `low` as percentages."""
    count = round((1 - low) / step - 0.4999)  # down, but for what floats lack
    return [(1 - n * step, f"{100 * (1 - n * step):.0f}%") for n in range(count + 1)]
