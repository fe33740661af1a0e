"""Made-up texts of made-up labels, in the form in which real sets come."""

import gzip
import json
from pathlib import Path

import numpy as np

WORDS = {
    "card_lost": "card lost stolen missing wallet gone",
    "top_up": "money load balance account add deposit",
    "rate": "exchange currency dollar euro price convert",
    "pin": "pin code number forgot reset digits",
    "refund": "refund return merchant back paid purchase",
    "fee": "fee charge cost extra why withdrawal",
}


def texts_of(label: str, number: int, seed: int) -> list[str]:
    rng = np.random.default_rng([seed, *label.encode()])
    words = WORDS[label].split()
    return [
        " ".join([*rng.choice(words, size=3), f"case {seed}{i}", *rng.choice(["please", "now"], 1)])
        for i in range(number)
    ]


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
