"""SECURITY.md tells the truth: the tests that it names are there, what it says of code holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from judge.transport import is_loopback
from streams.program.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)

RUNS = {"pickle", "dill", "shelve", "marshal", "joblib", "cloudpickle", "yaml"}
"""Modules whose readers may run what they read."""

CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}


def named_in(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, functions)
    }


def test_the_tests_it_names_exist() -> None:
    assert len(NAMED) > 25
    missing = [
        f"{file}::{name}"
        for file, name in NAMED
        if not (ROOT / file).is_file() or name not in named_in(ROOT / file)
    ]
    assert missing == []


def test_every_threat_is_shown_by_a_test() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith("| ---") and "shown by |" not in line
    ]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row] == []


def test_a_worker_serves_nobody_unless_told_and_then_this_machine() -> None:
    fields = Settings.model_fields
    assert fields["metrics_port"].default is None
    assert is_loopback(fields["metrics_host"].default)


def running(tree: ast.AST) -> list[str]:
    """What in a module might run what it is given."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name.split(".")[0] in RUNS]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            told = {one.arg: ast.unparse(one.value) for one in node.keywords}
            loads = called in ("torch.load", "np.load") and told.get("allow_pickle") != "False"
            asked = told.get("shell") == "True" or told.get("allow_pickle") == "True"
            if called in CALLS or loads or asked:
                found.append(ast.unparse(node))
    return found


def test_nothing_that_is_read_is_run() -> None:
    files = [
        path for part in ("models", "judge", "streams") for path in (ROOT / part).rglob("*.py")
    ]
    assert len(files) > 100
    found = {
        str(path.relative_to(ROOT)): what
        for path in files
        if (what := running(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_what_runs_what_is_read_would_be_noticed() -> None:
    for line in (
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "np.load(path)",
    ):
        assert running(ast.parse(line)), line
    assert (
        running(ast.parse("model.eval(); re.compile(text); np.load(p, allow_pickle=False)")) == []
    )
