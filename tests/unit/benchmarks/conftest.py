"""A tiny set in a folder of sets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.benchmarks.make import WORDS, texts_of, write_rows


@pytest.fixture
def write_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a set into a folder of sets, which it returns."""

    def write(name: str = "tiny", each: int = 12) -> Path:
        for part, seed, number in (("train", 1, each), ("test", 2, 8)):
            rows = [
                {"text": text, "label": label}
                for label in WORDS
                for text in texts_of(label, number, seed)
            ]
            write_rows(tmp_path / "data" / name / f"{part}.jsonl.gz", rows)
        return tmp_path / "data"

    return write
