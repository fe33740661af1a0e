"""Examples as people begin with: few, odd, or not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import Fatal
from streams.program import screen_fit
from streams.program.fit import Fitted, fit
from streams.program.run import run
from streams.program.settings import Settings
from streams.program.summary import summarize
from streams.records import Authority
from tests.unit.streams import tiny


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


def few(of_each: int) -> str:
    rows = [f"{text},{label}" for label, texts in tiny.EXAMPLES.items() for text in texts[:of_each]]
    return "\n".join(["text,label", *rows])


def test_so_few_examples_promise_nothing_and_every_text_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = fitted(tmp_path, few(2))
    assert made.version.manifest.threshold > 1
    settings = Settings(var=tmp_path / "var", encoder="hashing", judge="llm")
    screen_fit.fitted(made, settings)
    told = " ".join(capsys.readouterr().out.split())
    assert "could be left out and tried: 8. A precision of 0.95 unasked takes 20" in told
    assert "the judge would be asked about 100%" in told
    (tmp_path / "texts.csv").write_text("text\nprinter jam tray paper\nforgot my password\n")
    local = settings.model_copy(update={"judge": "local"})
    run(local, str(tmp_path / "texts.csv"), None, lockstep=True, watch=lambda sight: None)
    counts = summarize(local).counts
    assert counts.labeled[Authority.CLASSIFIER] == 0
    assert counts.judged == 2


def test_enough_of_them_promise_what_they_show(tmp_path: Path) -> None:
    assert fitted(tmp_path, few(5)).version.manifest.threshold < 1


def test_a_higher_target_takes_more_of_them(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(few(5))
    settings = Settings(var=tmp_path / "var", encoder="hashing", target=0.98)
    made = fit(settings, tmp_path / "e.csv", None, lambda name, share: None)
    assert made.version.manifest.threshold > 1


def test_examples_may_be_named_as_people_name_them(tmp_path: Path) -> None:
    content = "Kategorie;Beschreibung\ndrucker;Papierstau\nkonto;Kennwort vergessen\n"
    assert fitted(tmp_path, content).version.classifier.labels == ("drucker", "konto")


def test_columns_of_examples_may_be_asked_for(tmp_path: Path) -> None:
    content = '{"a": {"b": "printer"}, "c": "x"}\n{"a": {"b": "password"}, "c": "y"}\n'
    made = fitted(tmp_path, content, "e.jsonl", text_column="a.b", label_column="c")
    assert made.version.classifier.labels == ("x", "y")
