"""What stands in a settings file, the environment and a command line, and what a terminal sends."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from streams.program import configuration
from streams.program.cli import main
from streams.program.review_keys import Keys, found
from streams.program.settings import Settings
from streams.stage import outgoing
from streams.topology import TEXTS
from streams.trace import context_of, trace_id
from tests.hostile.bench import Bench
from tests.hostile.boundary import LONGEST_LINE, Boundary, Unanswered, answered
from tests.hostile.given import damaged, header_values, odd_numbers, odd_texts
from tests.unit.streams import make, tiny

TOML = b'encoder = "hashing"\njudge = "local"\nmax_text = 9\ntarget = 0.9\nvar = "x"\n'

HEAPS = (
    b"a = " + b"[" * 50_000,
    b"a = " + b"{a=" * 5_000,
    b"max_text = " + b"9" * 5_000,
    b"target = nan\n",
    b"target = inf\n",
    b"[kafka]\na = 1\n",
    b'"\\u0000" = 1\n',
    b'llm_key = "secret"\n',
    b"var = 2020-01-01\n",
    b"a." * 5_000 + b"b = 1\n",
)

named = st.sampled_from(sorted(Settings.model_fields))


def literal(value: Any) -> str:
    return repr(value).replace("True", "true") if not isinstance(value, str) else f'"{value}"'


numbers = odd_numbers.filter(lambda number: abs(number) < 10**999)
tables = st.tuples(named, st.one_of(odd_texts, numbers, st.booleans())).map(
    lambda pair: f"{pair[0]} = {literal(pair[1])}\n".encode("utf-8", "replace")
)
tomls = st.one_of(damaged(TOML), st.sampled_from(HEAPS), tables)


def configured(content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "redstream.toml"
        path.write_bytes(content)
        return answered(lambda: configuration.load({}, path))


def usable(text: str) -> str:
    """As an environment or a command line can have it."""
    whole = text.replace("\0", "").encode("utf-8", "surrogatepass")
    return os.fsdecode(whole)[:90_000]


def from_environment(given: dict[str, str]) -> str:
    settings = {f"REDSTREAM_{name.upper()}": value for name, value in given.items()}
    with mock.patch.dict(os.environ, settings):
        return answered(lambda: configuration.load({}))


environments = st.dictionaries(
    st.one_of(named, named, st.sampled_from(["no_such", "", "é", "config"])),
    st.one_of(odd_texts.map(usable), numbers.map(str)),
    min_size=1,
    max_size=3,
)


@cache
def folder() -> Bench:
    """A folder with a few texts, which commands look at; whatever they change stays in it."""
    bench = Bench()
    atexit.register(bench.close)
    bench.log.append(
        outgoing(TEXTS, f"T{n}", make.text(f"T{n}", f"{tiny.UNSURE} {n}")) for n in range(4)
    )
    bench.good("good-1")
    return bench


COMMANDS = (
    *("explain ?", "explain ? --json", "labels show ?", "labels add ? --name ? --dry-run"),
    *("labels rename printer ? --dry-run", "labels merge ? room --dry-run"),
    *("labels retire ? --dry-run", "backup ?", "restore ?"),
    *("labels add ? --guide-file ?", "models show ?", "models diff 1 ?", "models pin ?"),
    *("deadletters show ?", "deadletters requeue ?", "review ? --label ?", "review T1 --label ?"),
    *("examples show ?", "guides show ?", "status --gold ?", "evaluate ?", "plan ?", "config ?"),
    *("status --plot ?", "explain T1 --encoder ?", "fit ?", "? ?", "status --var ?"),
    *("judge measure ? --judge local", "examples import ?", "examples export ?", "run ? --out ?"),
)  # fmt: skip

arguments = st.tuples(
    st.sampled_from(COMMANDS),
    st.one_of(
        odd_texts.map(usable),
        st.sampled_from(
            ["T1", "printer", "texts/0/0", "-1", "9" * 30, "/dev/null", "/proc/self/mem"]
        ),
        st.sampled_from(["\udcff", "a\udcff.csv", "--", "-", "/", "", "é" * 200, "x" * 5_000]),
    ),
)


def commanded(given: tuple[str, str]) -> str:
    """Run a command, and see to it that it ends in words of ours."""
    command, odd = given
    words = [odd if word == "?" else word for word in command.split()]
    if "--var" not in words:
        words += ["--var", str(folder().settings.var)]
    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    home = Path.cwd()
    with (
        tempfile.TemporaryDirectory() as place,
        mock.patch.object(sys, "argv", ["redstream", *words]),
    ):
        os.chdir(place)
        try:
            with (
                mock.patch.dict(os.environ, {"REDSTREAM_ENCODER": "hashing", "HOME": place}),
                mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO())),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(errors),
            ):
                status = _status()
        finally:
            os.chdir(home)
    errors.flush()
    said = errors.buffer.getvalue().decode("utf-8", "replace")
    last = said.rstrip().rpartition("\n")[2]
    if status and not last:
        raise Unanswered(f"{words}: fails without a word")
    if status == 1 and (not last.startswith("redstream: ") or len(last) > LONGEST_LINE):
        raise Unanswered(f"{words[:3]}: {last[:300]!r}")
    return "error" if status else "value"


def _status() -> int:
    try:
        main()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    return 0


def typed(pieces: list[str]) -> str:
    """Keys until there are none left."""
    waiting = iter(pieces)
    keys = Keys(lambda: next(waiting, ""))
    quiet = io.StringIO()
    with contextlib.suppress(EOFError), contextlib.redirect_stdout(quiet):
        while True:
            if keys.next() == "/":
                found(keys.line() or "", {})
    return "value"


def traced(given: tuple[str, str]) -> str:
    """Trace headers: what travels on is what it must be, and short."""
    headers = {"traceparent": given[0], "tracestate": given[1]}
    context = context_of(headers)
    if sum(map(len, context.values())) > 1_000:
        raise Unanswered("a trace of any length travels on")
    return "value" if trace_id(headers) else "none"


pieces = st.lists(
    st.one_of(
        odd_texts, st.sampled_from(["\x1b", "\x1b[", "\x1b[" + ";" * 20_000, "/", "\x04", "\r"])
    ),
    max_size=6,
)

PEOPLE = (
    Boundary("redstream.toml", tomls, configured),
    Boundary("REDSTREAM_ settings", environments, from_environment),
    Boundary("command line", arguments, commanded),
    Boundary("keys of a terminal", pieces, typed),
    Boundary("trace headers", st.tuples(header_values, header_values), traced),
)
