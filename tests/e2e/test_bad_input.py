"""What people have at first: hardly any examples, odd labels, a folder or a disk that refuses."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.e2e import program

HEAVY = ("torch", "sklearn", "umap", "openai", "qdrant_client", "matplotlib", "faust", "pyarrow")
ODD = ("noise", "a/b", "../up", "part/head", "😀", "zwei Wörter", '"quoted"', "--help", "0")


def write(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def examples(path: Path, *labelled: tuple[str, str]) -> Path:
    return write(path, ({"text": text, "label": label} for text, label in labelled))


def labelled(tmp_path: Path, given: Path, *texts: str, fitted: str = "Fitted") -> dict[str, str]:
    """Fit, run, and return the labels by text; the same texts again are no work."""
    var, out = tmp_path / "var", tmp_path / "out.jsonl"
    assert fitted in program.redstream("fit", str(given), "--var", str(var))
    path = write(tmp_path / "texts.jsonl", ({"text": text} for text in texts))
    program.redstream("run", str(path), "--var", str(var), "--out", str(out))
    assert len(program.latest(var)) + len(program.held(var)) == len(texts)
    return {event.text: event.label for event in program.latest(var).values()}


def test_one_label_only_is_one_line(tmp_path: Path) -> None:
    given = examples(tmp_path / "e.jsonl", *((f"my car number {n}", "cars") for n in range(5)))
    said = program.redstream("fit", str(given), "--var", str(tmp_path / "var"), fails=True)
    assert "every example has the label 'cars'" in said.splitlines()[-1]


def test_two_examples_in_all_are_enough_to_begin(tmp_path: Path) -> None:
    given = examples(tmp_path / "e.jsonl", ("a red car", "cars"), ("a cat asleep", "cats"))
    found = labelled(tmp_path, given, "a red car", "a cat asleep", "neither")
    assert set(found.items()) <= {("a red car", "cars"), ("a cat asleep", "cats"), *(
        ("neither", label) for label in ("cars", "cats")
    )}  # fmt: skip


@pytest.mark.parametrize("labels", [("a",), ("a", "b")])
def test_examples_that_all_say_the_same_are_fitted(tmp_path: Path, labels: tuple[str, ...]) -> None:
    same = [("the same", label) for label in labels for _ in range(4)]
    given = examples(tmp_path / "e.jsonl", *same, ("another", "b"))
    labelled(tmp_path, given, *["the same"] * 3)


def test_texts_that_all_say_the_same_are_texts_of_their_own(tmp_path: Path) -> None:
    words = [("my car is broken", "cars"), ("the cat sleeps", "cats"), ("a dog barks", "dogs")]
    given = examples(tmp_path / "e.jsonl", *((f"{t} {n}", y) for t, y in words for n in range(4)))
    var = tmp_path / "var"
    labelled(tmp_path, given, *["my car is broken 1"] * 300)
    assert len({*program.latest(var), *program.held(var)}) == 300


def test_labels_may_be_called_anything(tmp_path: Path) -> None:
    given = examples(
        tmp_path / "e.jsonl",
        *((f"{'xyz'[n % 3]} word{place} word{place}", y) for place, y in enumerate(ODD)
          for n in range(6)),
    )  # fmt: skip
    found = labelled(tmp_path, given, *(f"x word{place} word{place}" for place in range(len(ODD))))
    assert found
    for text, label in found.items():
        assert label == ODD[int(text[-1])]
    var = ("--var", str(tmp_path / "var"))
    listed = program.redstream("labels", "list", *var)
    assert all(label in listed for label in ODD)
    assert "a/b" in program.redstream("labels", "show", "a/b", *var)


@pytest.mark.parametrize("command", ["fit", "run"])
@pytest.mark.parametrize("place", ["/proc/redstream", "/dev/null/var"])
def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, command: str, place: str
) -> None:
    given = examples(tmp_path / "e.jsonl", ("a red car", "cars"), ("a cat asleep", "cats"))
    said = program.redstream(command, str(given), "--var", place, fails=True)
    assert "cannot write" in said
    assert "--var" in said.splitlines()[-1]


@pytest.mark.parametrize("kilobytes", [40, 200])
def test_a_full_disk_is_one_line_and_the_fit_goes_through_when_there_is_room(
    tmp_path: Path, kilobytes: int
) -> None:
    """A limit on the length of files is what comes nearest: writing past it fails as there."""
    given = examples(tmp_path / "e.jsonl", ("a red car", "cars"), ("a cat asleep", "cats"))
    arguments = ("fit", str(given), "--var", str(tmp_path / "var"))
    process = subprocess.run(
        [sys.executable, "-c", "from streams.program.cli import main; main()", *arguments],
        cwd=program.ROOT,
        env=program.ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (kilobytes << 10, resource.RLIM_INFINITY)
        ),
    )
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last.startswith("redstream: the disk")
    assert "Traceback" not in process.stderr
    assert "Fitted 2 labels" in program.redstream(*arguments)


def modules_of(*arguments: str) -> set[str]:
    """Run a command in a process of its own and return what it has imported."""
    code = (
        "import sys\n"
        "from streams.program.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print('\\nMODULES', *sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=program.ROOT,
        env=program.ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(process.stdout.rpartition("MODULES")[2].split())


def test_what_needs_no_model_loads_none(tmp_path: Path) -> None:
    given = examples(tmp_path / "e.jsonl", ("a red car", "cars"), ("a cat asleep", "cats"))
    labelled(tmp_path, given, "a red car")
    var = ("--var", str(tmp_path / "var"))
    light = [("--help",), ("run", "--help"), ("config",), ("status", *var)]
    light += [("deadletters", "list", *var)]
    for command in light:
        assert not {"numpy", "scipy", *HEAVY} & modules_of(*command), command
    (text_id,) = {*program.latest(tmp_path / "var"), *program.held(tmp_path / "var")}
    assert not {*HEAVY} & modules_of("explain", text_id, *var)
