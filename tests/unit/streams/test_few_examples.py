"""Examples as people begin with: few, odd, or not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import Fatal
from streams.program.fit import Fitted, fit
from streams.program.run import run
from streams.program.settings import Settings


def fitted(folder: Path, content: str, name: str = "examples.csv", **more: str) -> Fitted:
    (folder / name).write_text(content, encoding="utf-8")
    settings = Settings(var=folder / "var", encoder="hashing", **more)
    return fit(settings, folder / name, None, lambda name, share: None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("text,label\n", "holds no examples"),
        ("text\nhello\n", r"holds the label; name it with --label-column\. It has: text \('hello'"),
        ("a;b;c\nhello;x;y\n", "holds the text; name it with --text-column"),
        ("text,label\na,x\nb,x\n", "every example has the label 'x'"),
        ("text,label\na,x\n,y\n", r"csv:2: the field 'text' is missing or empty"),
        ("text,label\na,x\nb\n", r"csv:2 is not a row: it has 1 cells, and there are 2 columns"),
    ],
)
def test_what_is_no_use_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(Fatal, match=message) as error:
        fitted(tmp_path, content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "text,label\nprinter is broken,a/b\npassword forgotten,noise\n",
        "text,label\nprinter is broken,🔥\nprinter jam,🔥\npassword forgotten,noise\n",
        "text,label\nsame,a\nsame,b\nsame,a\n",
    ],
)
def test_odd_labels_and_two_examples_in_all_make_a_model_that_labels(
    tmp_path: Path, content: str
) -> None:
    made = fitted(tmp_path, content)
    assert len(made.version.classifier.labels) == 2
    (tmp_path / "texts.csv").write_text("text\nprinter is broken again\nsame\nsame\n")
    settings = Settings(var=tmp_path / "var", encoder="hashing")
    out = tmp_path / "out.csv"
    assert run(settings, str(tmp_path / "texts.csv"), out, lockstep=True, watch=lambda sight: None)
    assert len(out.read_text(encoding="utf-8").splitlines()) == 4


def test_examples_may_be_named_as_people_name_them(tmp_path: Path) -> None:
    content = "Kategorie;Beschreibung\ndrucker;Papierstau\nkonto;Kennwort vergessen\n"
    assert fitted(tmp_path, content).version.classifier.labels == ("drucker", "konto")


def test_columns_of_examples_may_be_asked_for(tmp_path: Path) -> None:
    content = '{"a": {"b": "printer"}, "c": "x"}\n{"a": {"b": "password"}, "c": "y"}\n'
    made = fitted(tmp_path, content, "e.jsonl", text_column="a.b", label_column="c")
    assert made.version.classifier.labels == ("x", "y")
