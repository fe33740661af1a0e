"""`redstream evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.program.options import GOLD_FILE, IdColumn, LabelColumn, Var, settings_of


def evaluate(
    gold: Annotated[Path, typer.Argument(help=GOLD_FILE)],
    html: Annotated[Path | None, typer.Option(help="Write the report into this file")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every figure into this file")] = None,
    no_texts: Annotated[
        bool, typer.Option("--no-texts", help="Quote no text of the stream in either")
    ] = False,
    id_column: IdColumn = None,
    label_column: LabelColumn = None,
    var: Var = None,
) -> None:
    """Tell how right a folder is, beside gold labels: by authority, label, confidence, over time.

    Reads only, also while a run is under way. The HTML is one file that loads nothing from
    anywhere; docs/evaluate.md explains the figures and names those of the JSON.
    """
    from streams.program import screen, screen_evaluate
    from streams.program.evaluate.measures import evaluate as compare
    from streams.program.evaluate.page import page
    from streams.program.gold import read_gold
    from streams.program.outgoing import write_text
    from streams.program.settings import columns_beside

    settings = settings_of(var=var, id_column=id_column, label_column=label_column)
    wanted = columns_beside(settings, id=id_column, label=label_column)
    found = compare(settings, read_gold(gold, wanted, screen.say), texts=not no_texts)
    screen_evaluate.evaluated(found)
    if json:
        write_text(json, found.model_dump_json(indent=1) + "\n")
        screen.say(f"Figures: {json}")
    if html:
        write_text(html, page(found))
        quoted = "" if no_texts else " (it quotes texts of the stream; --no-texts leaves them out)"
        screen.say(f"Report: {html}{quoted}")
