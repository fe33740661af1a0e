"""`python -m tests.hostile.guided`: the same boundaries, with inputs that Atheris makes up.

Atheris (an extra of its own: `pip install -e .[fuzz] -c constraints.txt`) watches which lines of
models, judge and streams an input reaches and keeps those that reach more; what it changes are the
choices of the Hypothesis strategies, so that each boundary is one target. Exit status 0: nothing
was found within the time. What is found is shown, and ends it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def target(name: str, seconds: int, number: int) -> None:
    """Fuzz one boundary in this process, which ends with it."""
    try:
        import atheris
    except ImportError:
        sys.exit("Atheris is not installed: pip install -e '.[fuzz]' -c constraints.txt")
    with atheris.instrument_imports(include=["streams", "judge", "models"]):
        from tests.hostile.boundaries import BOUNDARIES
        from tests.hostile.boundary import quiet
    from hypothesis import HealthCheck, given, settings

    quiet()
    [boundary] = [one for one in BOUNDARIES if one.name == name]

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(boundary.given)
    def put(one: object) -> None:
        assert boundary.put(one)

    limits = [f"-max_total_time={seconds}", f"-seed={number}", "-rss_limit_mb=4096"]
    shown = ["-print_final_stats=1", "-len_control=0", "-max_len=16384", "-artifact_prefix=/dev/"]
    atheris.Setup([sys.argv[0], *limits, *shown], put.hypothesis.fuzz_one_input)
    atheris.Fuzz()


def main() -> int:
    """Each boundary in a process of its own; exit status 1 where one found something."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boundary", action="append", help="by name, as often as you like [all]")
    parser.add_argument("--seconds", type=int, default=60, help="for each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        target(asked.one, asked.seconds, asked.seed)
        return 0
    from tests.hostile.boundaries import BOUNDARIES

    found = []
    for name in asked.boundary or [one.name for one in BOUNDARIES]:
        words = ["--one", name, "--seconds", str(asked.seconds), "--seed", str(asked.seed)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.hostile.guided", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        said = (done.stdout + done.stderr).splitlines()
        stats = [line for line in said if line.startswith("stat::number_of_executed")]
        cover = [line for line in said if "cov:" in line][-1:]
        print(name, done.returncode, *stats, *cover, flush=True)
        if done.returncode:
            found.append(name)
            print("\n".join(said[-60:]), flush=True)
    print(f"found something: {found}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
