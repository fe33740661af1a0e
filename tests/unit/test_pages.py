"""What the pages say exists: links lead somewhere, commands and options are there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from streams.program.cli import app
from tools import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    if page.name != "CHANGELOG.md"
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(redstream [^`]+)`")
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?redstream\s.*$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made by who shows Markdown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    for plain, image in LINK.findall(BLOCK.sub("", page.read_text())):
        target = plain or image
        if not target.startswith(("http://", "https://", "mailto:")):
            yield target


def commands(page: Path) -> Iterator[str]:
    """Every command line of the program: of blocks, and in the middle of a sentence."""
    content = page.read_text()
    for block in BLOCK.findall(content):
        yield from COMMAND.findall(block.replace("\\\n", " "))
    # "`redstream guides show | list`" stands for several commands.
    for said in INLINE.findall(BLOCK.sub("", content)):
        if "|" not in said and "…" not in said and "..." not in said:
            yield " ".join(said.split())


def check(line: str) -> None:
    """Raises `AssertionError` where the program has no such command or option."""
    words = shlex.split(line.split(" #")[0].removeprefix("$ "), comments=True)[1:]
    command: Any = typer.main.get_command(app)  # typer has a click of its own
    while words and hasattr(command, "commands"):
        found = command.commands.get(words[0])
        if found is None:
            assert words[0] == "--help" or words[0].isupper(), f"no command {words[0]!r}: {line}"
            return
        command, words = found, words[1:]
    known = {"--help"} | {
        name for given in command.params for name in (*given.opts, *given.secondary_opts)
    }
    for word in words:
        if word in (">", "<", "&", "&&", ";"):
            return
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{command.name} has no option {word}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} is not there"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_with_their_options(page: Path) -> None:
    for line in commands(page):
        check(line)


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    check("redstream run texts.jsonl --out labeled.jsonl")
    for wrong in ("redstream walk", "redstream run a --fast", "redstream models paint"):
        with pytest.raises(AssertionError):
            check(wrong)


@pytest.mark.parametrize("name", reference.pages())
def test_pages_that_follow_from_the_code_are_as_it_is(name: str) -> None:
    written = (reference.DOCS / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run `make docs`"


def said_by_the_code() -> set[str]:
    """Every text in the code, with … for what is put in, and both halves of one put in two."""
    found = set()
    for folder in ("models", "judge", "streams"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [
                        part.value if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    ]
                    found.add("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_every_error_of_troubleshooting_is_one_that_the_program_says() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (?:`` (.+) ``|`(.+)`)$", page, re.MULTILINE)
    headings = [quoted or plain for quoted, plain in headings]
    said = said_by_the_code()
    assert len(headings) > 10
    assert [heading for heading in headings if heading not in said] == []


def test_the_readme_names_every_page_and_no_other() -> None:
    named = {target.partition("#")[0] for target in links(ROOT / "README.md")}
    pages = {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")}
    assert pages - named == set()
