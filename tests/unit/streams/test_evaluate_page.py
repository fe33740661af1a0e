"""The report as a browser reads it: what is in it, escaped, figures as in JSON."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import Fatal
from streams.program.cli import app
from streams.program.evaluate.findings import Evaluation
from streams.program.evaluate.markup import Html, escaped, tag
from streams.program.evaluate.measures import evaluate
from streams.program.evaluate.page import page
from streams.program.evaluate.words import percent
from streams.program.outgoing import write_text
from streams.records import LabelCommand
from streams.stage import outgoing
from streams.topology import DRIFT, LABELS
from tests.unit.streams import make
from tests.unit.streams.evaluated import HOSTILE, Page, drift, judged, parsed, ran, unasked

FETCHING = ("src", "href", "srcset", "data", "action", "poster", "background", "xlink:href")

SECTIONS = ["decided", "course", "confidence", "thresholds", "labels", "confusions"]
SECTIONS += ["taught", "cost", "dead"]


def hostile(folder: Path, *, texts: bool = True) -> tuple[Evaluation, Page, str]:
    """A report in which everything that comes from outside wants to be markup."""
    label = f"label {HOSTILE}"
    settings = ran(
        folder,
        ["a", f"b {HOSTILE}", "c", "d"],
        unasked("a", label, 0.99, at=1.0, words=f"words {HOSTILE}"),
        unasked(f"b {HOSTILE}", "room", 0.97, at=2.0),
        *judged("c", "travel", 0.4, "room", at=3.0),
        make.letter(7, message=f"message {HOSTILE}", error=f"error {HOSTILE}"),
        make.lesson("a", label),
        log=[
            outgoing(DRIFT, "shares", drift(2.5, f"drift {HOSTILE}")),
            outgoing(LABELS, "x", LabelCommand(command="add", label=f"new {HOSTILE}", at=2.5)),
        ],
    )
    gold = {"a": "printer", f"b {HOSTILE}": f"gold {HOSTILE}", "c": "room", f"z {HOSTILE}": "room"}
    found = evaluate(settings, gold, texts=texts)
    html = page(found)
    return found, parsed(html), html


def test_what_comes_from_outside_stays_text(tmp_path: Path) -> None:
    _, seen, html = hostile(tmp_path)
    for kind in ("label", "words", "b", "message", "error", "drift", "new", "gold", "z"):
        assert f"{kind} {' '.join(HOSTILE.split())}" in seen.said, kind
    assert len(seen.scripts) == 1
    assert "alert(" not in seen.scripts[0]
    assert not [name for name, _ in seen.elements if name in ("img", "iframe", "object", "link")]
    assert not [key for _, attributes in seen.elements for key in attributes if key[:2] == "on"]
    assert "<script>alert" not in html


def test_it_fetches_nothing(tmp_path: Path) -> None:
    _, seen, html = hostile(tmp_path, texts=False)
    for _, attributes in seen.elements:
        assert not set(FETCHING) & set(attributes)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    assert "://" not in style
    assert "://" not in seen.scripts[0]


def test_only_its_own_script_may_run(tmp_path: Path) -> None:
    _, seen, _ = hostile(tmp_path)
    digest = base64.b64encode(hashlib.sha256(seen.scripts[0].encode()).digest()).decode()
    (policy,) = [a["content"] or "" for _, a in seen.elements if "http-equiv" in a]
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_it_has_every_section_and_fits_a_phone_and_the_dark(tmp_path: Path) -> None:
    _, seen, html = hostile(tmp_path)
    assert [one for one in seen.ids() if one in SECTIONS] == SECTIONS
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in (
        seen.elements
    )
    assert "prefers-color-scheme: dark" in html
    pictures = [attributes for name, attributes in seen.elements if name == "svg"]
    assert len(pictures) == 6
    assert all(attributes["aria-label"] for attributes in pictures)


def test_its_figures_are_those_of_the_json(tmp_path: Path) -> None:
    found, seen, _ = hostile(tmp_path)
    figures = json.loads(found.model_dump_json())
    right = figures["accuracy"]["all"]
    assert right["value"] == pytest.approx(right["part"] / right["whole"], abs=1e-4)
    assert f"{percent(right['value'])} of {right['whole']} texts with a gold label" in seen.said
    for name in ("unasked", "judged", "judged_share", "first_answer"):
        assert percent(figures["accuracy"][name]["value"]) in seen.words
    for one in figures["labels"]:
        assert f"{percent(one['right']['value'])} ({one['right']['part']} of" in seen.said
    assert f"ECE {figures['calibration']['first_answer']['ece']:.3f}" in seen.said
    assert f"{figures['cost']['calls']:,}" in seen.words


def test_without_texts_it_says_so_and_quotes_none(tmp_path: Path) -> None:
    _, seen, _ = hostile(tmp_path, texts=False)
    for kind in ("words", "message", "drift"):
        assert f"{kind} <script>" not in seen.said
    assert "No text of the stream is quoted" in seen.said
    assert not [name for name, _ in seen.elements if name == "blockquote"]


def test_with_texts_it_warns_who_passes_it_on(tmp_path: Path) -> None:
    _, seen, _ = hostile(tmp_path)
    assert "This page quotes texts of the stream" in seen.said


def test_a_thousand_labels_are_a_picture_and_one_table_behind_a_click(tmp_path: Path) -> None:
    count = 1_000
    ids = [f"t{n}" for n in range(count)]
    events = [unasked(i, f"label {n % 997}", 0.9, at=float(n)) for n, i in enumerate(ids)]
    gold = {i: f"label {n}" for n, i in enumerate(ids)}
    seen = parsed(page(evaluate(ran(tmp_path, ids, *events), gold)))
    assert len([name for name, _ in seen.elements if name == "tr"]) < count + 40
    assert "All 1,000 labels" in seen.said


def test_nothing_to_compare_is_a_page_too(tmp_path: Path) -> None:
    seen = parsed(page(evaluate(ran(tmp_path, "a", unasked("a", "room", 0.9)), {"z": "room"})))
    assert "there is nothing to compare" in seen.said
    assert "course" not in seen.ids()


def test_only_what_was_made_as_markup_is_markup() -> None:
    assert tag("p", "<b>", Html("<i></i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i></i></p>'
    assert (
        tag("p", None, 3, class_="x", data_value=1, id=None) == '<p class="x" data-value="1">3</p>'
    )


def test_what_is_invisible_or_turns_the_direction_is_made_visible() -> None:
    assert escaped("a\x1b[31mb\u202ec\ud800") == "a␛[31mb\\u202ec\\ud800"


def test_the_command_writes_both_files_and_tells_the_short_of_it(tmp_path: Path) -> None:
    settings = ran(tmp_path, "ab", unasked("a", "room", 0.9), unasked("b", "room", 0.8))
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"id": "a", "label": "room"}\n{"id": "b", "label": "evil\\u001b[31m"}\n')
    html, figures = tmp_path / "report.html", tmp_path / "figures.json"
    files = ["--html", str(html), "--json", str(figures)]
    told = CliRunner().invoke(app, ["evaluate", str(gold), *files, "--var", str(settings.var)])
    assert told.exit_code == 0, told.output
    assert "50.0% (1 of 2)" in told.output
    assert "\x1b[31m" not in told.output
    assert Evaluation.model_validate_json(figures.read_text()).accuracy.all.part == 1
    assert "50.0% of 2 texts" in parsed(html.read_text()).said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("figures.json", "gold.jsonl", "report.html", "var"),
    ]


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "report.html.new").mkdir()  # in the way
    (tmp_path / "report.html").write_text("the old one")
    with pytest.raises(Fatal, match=r"cannot write .*report\.html"):
        write_text(tmp_path / "report.html", "a new one")
    assert (tmp_path / "report.html").read_text() == "the old one"
