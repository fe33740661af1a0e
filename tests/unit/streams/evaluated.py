"""A folder in which a run has been, made of records; and the page that is made of it, parsed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

from streams.embedded.log import SqliteLog
from streams.ledger import Ledger
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.records import Authority, Drift, Labeled, Verdict
from streams.stage import Outgoing
from streams.textindex import TextIndex
from streams.topology import TEXTS
from streams.wire import Record
from tests.unit.streams import make, tiny
from tests.unit.streams.test_ledger import apply

HOSTILE = "<script>alert(1)</script> & \"quoted\" 'x' <img src=http://a.example/x onerror=alert(2)>"


@cache
def _fitted() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        var = tiny.fit_folder(Path(folder))
        return {path.name: path.read_bytes() for path in var.iterdir() if path.is_file()}


def fitted(folder: Path) -> Path:
    """A fitted folder, without its examples."""
    var = folder / "var"
    var.mkdir()
    for name, content in _fitted().items():
        (var / name).write_bytes(content)
    return var


def ran(
    folder: Path,
    ids: Sequence[str],
    *records: Record,
    log: Sequence[Outgoing] = (),
) -> Settings:
    """A fitted folder in which texts with these ids came, and of which the ledger has `records`."""
    var = fitted(folder)
    names = Folder(var)
    with closing(SqliteLog(names.log)) as opened:
        opened.append(log)
    with closing(TextIndex(names.texts)) as index:
        texts = [make.text(i) for i in ids]
        index.claim(list(zip(make.batch(TEXTS, *texts), texts, strict=True)))
    with closing(Ledger(names.ledger)) as ledger:
        apply(ledger, *records, first=1_000)  # behind what the fit brought
    return Settings(var=var)


def unasked(id: str, label: str, confidence: float, at: float = 1.0, words: str = "") -> Labeled:
    """A text that went out on the classifier's word."""
    event = make.labeled(
        id, label, confidence=confidence, text=make.text(id, words or f"text {id}")
    )
    return event.model_copy(update={"at": at})


def judged(
    id: str, proposed: str, confidence: float, label: str, at: float = 1.0, *, audit: bool = False
) -> list[Record]:
    """A text about which the judge was asked, and what it said."""
    verdict: Verdict = make.verdict(
        id,
        "chosen",
        event=f"verdict of {id}",
        proposed=proposed,
        confidence=confidence,
        label=label,
        audit=audit,
        final=True,
        decision="accepted",
        calls=2,
        tokens=100,
        at=at,
    )
    event = make.labeled(id, label, Authority.JUDGE, text=make.text(id, f"text {id}"))
    return [verdict, event.model_copy(update={"at": at})]


def drift(at: float, *examples: str) -> Drift:
    return Drift(
        kind="shares",
        event=f"drift {at}",
        labels=["travel"],
        since=at,
        evidence={"p": 0.001},
        texts=["a"],
        examples=list(examples),
        at=at,
    )


@dataclass
class Page(HTMLParser):
    """What a browser would see: elements with their attributes, the words, what does not nest."""

    words: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.elements if "id" in attributes]


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open
    return page
