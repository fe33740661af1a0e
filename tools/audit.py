"""Known vulnerabilities of what is installed: pip-audit over the pins, in its own environment.

    python -m tools.audit [FILE OF PINS]

Exit status 1 if there is one, 2 if somebody could not be asked: pip-audit by itself calls that a
success. What it asks is PyPI's JSON interface; many mirrors of PyPI have packages only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "constraints.txt"
AUDITOR = "pip-audit==2.10.1"

FOUND, NOT_ASKED = 1, 2

SHOWN = 5


def main(pins: Path) -> int:
    """Audit a file of pins; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="redstream-audit-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        made = subprocess.run([python, "-m", "pip", "install", "-q", AUDITOR])
        if made.returncode:
            print(f"audit: pip cannot install {AUDITOR}: it needs PyPI or a mirror of it")
            return NOT_ASKED
        asked = [python, "-m", "pip_audit", "-r", pins, "--no-deps", "--disable-pip"]
        done = subprocess.run(
            [*asked, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
        )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"audit: nothing was audited: {last}")
        return NOT_ASKED
    lines, status = told(found)
    print("\n".join(lines))
    return status


def told(found: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Return what to print of pip-audit's `dependencies`, and the exit status."""
    flaws = [
        f"{one['name']} {one['version']}: {flaw['id']}"
        f" (mended in {', '.join(flaw.get('fix_versions') or ['no version yet'])})"
        for one in found
        for flaw in one.get("vulns", ())
    ]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    asked = len(found) - len(skipped)
    lines = [*flaws, f"audit: {len(flaws)} known vulnerabilities in {asked} packages."]
    if asked and not skipped:
        return lines, FOUND if flaws else 0
    some = ", ".join(skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
    lines.append(
        f"audit: nothing is known of {len(skipped)} others ({some}): this needs PyPI's own JSON"
        " interface, which a mirror that has packages only does not answer. Run it where PyPI"
        " itself can be reached."
    )
    return lines, FOUND if flaws else NOT_ASKED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else PINS))
