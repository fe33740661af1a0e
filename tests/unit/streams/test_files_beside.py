"""Gold labels, labels and examples as people have them: the columns are found like those of texts,
by every command that reads such a file."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as arrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from models.errors import Fatal
from streams.program.cli import app
from streams.program.examples import LabelText, read_examples_of, read_labels
from streams.program.gold import read_gold, read_recorded
from streams.program.reading import Columns
from streams.program.settings import Settings, columns_beside

GOLD = {"A1": "room", "J1": "travel", "S1": "travel"}

pytestmark = pytest.mark.usefixtures("own_logs")


def spreadsheet(path: Path) -> Path:
    """Semicolons, a byte-order mark, columns called otherwise."""
    rows = "".join(f"{i};{label};ja\r\n" for i, label in GOLD.items())
    path.write_bytes(f"Ticket ID;Kategorie;geprüft\r\n{rows}".encode("utf-8-sig"))
    return path


def latin_tsv(path: Path) -> Path:
    rows = "".join(f"{i}\t{label}\tgr\xfc\xdfe\n" for i, label in GOLD.items())
    path.write_bytes(f"case_id\tintent\tnote\n{rows}".encode("latin-1"))
    return path


def nested(path: Path) -> Path:
    rows = [{"ticket": {"uuid": i}, "verdict": {"category": x}} for i, x in GOLD.items()]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def columnar(path: Path) -> Path:
    parquet.write_table(arrow.table({"guid": list(GOLD), "topic": list(GOLD.values())}), path)
    return path


FILES = {
    "gold.csv": (spreadsheet, "CSV, semicolons, UTF-8 with a byte-order mark", "Ticket ID"),
    "gold.tsv": (latin_tsv, "TSV, tabs", "case_id"),
    "gold.jsonl.gz": (nested, "JSON Lines", "ticket.uuid"),
    "gold.parquet": (columnar, "Parquet", "guid"),
}


@pytest.fixture
def call(ran: Path, tmp_path: Path) -> Callable[..., Result]:
    """Run a command over a folder in which a run has been."""
    var = shutil.copytree(ran, tmp_path / "var")

    def call(*arguments: object, **environment: str) -> Result:
        there = {"COLUMNS": "300", "REDSTREAM_ENCODER": "hashing", **environment}
        given = [*map(str, arguments), "--var", str(var)]
        result = CliRunner().invoke(app, given, env=there)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.mark.parametrize("name", FILES)
def test_gold_is_found_in_every_format_and_what_was_seen_is_told(name: str, tmp_path: Path) -> None:
    make, written, id_ = FILES[name]
    told: list[str] = []
    assert read_gold(make(tmp_path / name), tell=told.append) == GOLD
    (line,) = told
    assert f"{tmp_path / name}: {written}" in line
    assert f"id column {id_!r}, label column" in line


@pytest.mark.parametrize("command", ["evaluate", "status"])
@pytest.mark.parametrize("name", FILES)
def test_commands_that_compare_read_it(
    call: Callable[..., Result], command: str, name: str, tmp_path: Path
) -> None:
    gold = FILES[name][0](tmp_path / name)
    result = call(command, *(["--gold"] if command == "status" else []), gold)
    assert result.exit_code == 0, result.output
    assert f"Reading {gold}: {FILES[name][1]}" in result.output
    assert "2 of 2" in result.output


def test_a_run_reads_it_for_the_simulated_judge_and_the_summary(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("ref,message\nA1,book a room for the printer\n")
    gold = spreadsheet(tmp_path / "gold.csv")
    given = ("run", texts, "--judge", "simulated", "--id-column", "ref", "--gold", gold)
    result = call(*given)
    assert result.exit_code == 0, result.output
    assert f"Reading {gold}: CSV" in result.output
    assert "id column 'Ticket ID', label column 'Kategorie'" in result.output
    with pytest.raises(Fatal, match=r"no column 'Thema' \(--label-column\)"):
        call(*given, "--label-column", "Thema")


def test_a_judge_is_measured_by_a_spreadsheet(call: Callable[..., Result], tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    gold.write_text("Nachricht;Kategorie;wer\nbook the hall;room;a\ntrip by train;travel;b\n")
    recorded = tmp_path / "said.csv"
    recorded.write_text("key,intent\nx,room\ny,\n")
    assert read_recorded(recorded) == {"x": "room", "y": None}
    result = call("judge", "measure", gold, "--judge", "local")
    assert result.exit_code == 0, result.output
    assert "text column 'Nachricht', no id column, label column 'Kategorie'" in result.output
    assert "2 gold texts" in result.output


def test_names_and_guides_come_from_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Category;Title;Description\ncard_lost;Lost card;A card is gone.\nother;;\n")
    told: list[str] = []
    assert read_labels(path, tell=told.append) == [
        LabelText("card_lost", "Lost card", "A card is gone."),
        LabelText("other", "other", ""),
    ]
    assert "label column 'Category', name column 'Title', guide column 'Desc" in told[0]


def test_a_label_is_added_from_a_spreadsheet(call: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "coffee.csv"
    path.write_text("Nr;Message;Category\n1;coffee machine leaks;coffee\n2;no coffee;coffee\n")
    result = call("labels", "add", "coffee", "--examples", path, "--id-column", "Nr")
    assert result.exit_code == 0, result.output
    assert "text column 'Message', id column 'Nr', label column 'Category'" in result.output
    assert "coffee is added, with 2 examples" in result.output
    more = tmp_path / "more.tsv"
    more.write_text("Nr\tMessage\tCategory\n3\tthe machine is broken\tcoffee\n")
    result = call("examples", "import", more, "--id-column", "Nr")
    assert "1 examples taught" in result.output
    assert f"Reading {more}: TSV" in result.output


def test_an_example_of_another_label_is_refused_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("text,category\nhello,coffee\nthe machine,Coffee machine\nbye,room\n")
    with pytest.raises(Fatal, match=r"new.csv:3 is an .*'room', .* column 'category'"):
        read_examples_of("coffee", path, name="Coffee machine")


def test_what_is_not_found_is_told_with_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text("number,wert\n1,room\n")
    with pytest.raises(Fatal, match=r"holds the id; name it with --id-column.*number \('1'\)"):
        read_gold(path)
    assert read_gold(path, Columns(label="wert", id="number")) == {"1": "room"}


def test_names_set_for_the_texts_need_not_be_in_another_file(tmp_path: Path) -> None:
    settings = Settings(id_column="ref", label_column="wert")
    path = tmp_path / "gold.csv"
    path.write_text("id,label,wert\n1,room,hall\n")
    assert read_gold(path, columns_beside(settings)) == {"1": "hall"}
    with pytest.raises(Fatal, match=r"no column 'ref' \(--id-column\)"):
        read_gold(path, columns_beside(settings, id="ref"))


def test_an_id_with_two_labels_is_told_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text('{"id": "a", "label": "x"}\n{"id": "a", "label": "y"}\n')
    with pytest.raises(Fatal, match=r"gold.jsonl:2: the id 'a' has the label 'x' already"):
        read_gold(path)
