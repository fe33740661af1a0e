"""What `make audit` makes of pip-audit: a package that nobody could be asked about counts."""

from typing import Any

import pytest

from tools.audit import FOUND, NOT_ASKED, told

SOUND = {"name": "numpy", "version": "2.0", "vulns": []}
FLAWED = {
    "name": "old",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
UNKNOWN = {"name": "own", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([SOUND], 0),
        ([SOUND, FLAWED], FOUND),
        ([SOUND, UNKNOWN], NOT_ASKED),
        ([UNKNOWN, FLAWED], FOUND),
        ([], NOT_ASKED),
    ],
)
def test_only_what_was_asked_about_and_is_sound_is_a_success(
    found: list[dict[str, Any]], status: int
) -> None:
    assert told(found)[1] == status


def test_each_vulnerability_is_a_line_that_says_what_mends_it() -> None:
    lines, _ = told([FLAWED, UNKNOWN])
    assert lines[:2] == [
        "old 1.0: PYSEC-1 (mended in 1.1)",
        "old 1.0: PYSEC-2 (mended in no version yet)",
    ]
    assert "2 known vulnerabilities in 1 packages" in lines[2]
    assert "nothing is known of 1 others (own)" in lines[3]
