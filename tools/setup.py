"""Makes .venv: the Python environment redstream runs in, at the versions of constraints.txt.

Every `make` target that needs it calls this first. When nothing has changed since the last time
it says nothing and is done in a moment. Standard library only, and old syntax: it must run on a
Python that is too old for redstream, far enough to say so.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "setup-stamp"  # says what .venv was made of; there only while .venv is complete
VENV_PYTHON = VENV / "bin" / "python"
INPUTS = ("pyproject.toml", "constraints.txt", "tools/setup.py")
FITS = ((3, 11), (3, 13))

# Measured on x86-64 Linux in November 2026. While pip installs, the disk holds the downloads
# twice (to unpack, and in pip's cache) beside what they unpack to. CUDA, which is most of it,
# comes on Linux only.
CUDA = platform.system() == "Linux"
DOWNLOAD_GB = 3.4 if CUDA else 0.8
INSTALLED_GB = 6.9 if CUDA else 2.5
NEEDS_GB = float(os.environ.get("REDSTREAM_SETUP_NEEDS_GB", INSTALLED_GB + 2 * DOWNLOAD_GB))

# Names in pip's log, which tells more than its terminal output does.
NETWORK_ERRORS = (
    "ConnectTimeoutError",
    "IncompleteRead",
    "NameResolutionError",
    "NewConnectionError",
    "ProxyError",
    "ReadTimeoutError",
    "SSLError",
)


def main():
    if up_to_date():
        return
    # Two `make` at once: the second waits here, then finds the work done. The lock is on this
    # file, opened for writing because network file systems ask for that; it goes with the process.
    with Path(__file__).open("r+b") as this_script:
        try:
            fcntl.flock(this_script, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another make is setting up .venv: waiting for it")
            fcntl.flock(this_script, fcntl.LOCK_EX)
        if not up_to_date():
            set_up()


def set_up():
    began = time.time()
    old = read_stamp()
    if old and old[:2] == expected_stamp()[:2] and asked_for(old[0]):
        say("pyproject.toml, constraints.txt or the set-up changed: bringing .venv up to date")
        STAMP.unlink()
        install(on_failure=lambda: write_stamp(old))  # pip undoes what it could not finish
    else:
        build()
        install(on_failure=lambda: None)
    write_stamp(expected_stamp())
    say(f"set-up done in {time.time() - began:.0f} s")


def build():
    """An empty .venv. One that is incomplete, moved, or of another Python is thrown away."""
    python, version = find_python()
    if VENV.exists():
        say("the .venv that is here is incomplete, moved, or of another Python: making a new one")
        shutil.rmtree(str(VENV))
    free = free_gb()
    if free < NEEDS_GB:
        fail(
            f"not enough disk: set-up needs {NEEDS_GB:.1f} GB in {ROOT}, {free:.1f} GB are free",
            "Make room and run make again. Where pip's cache is on another disk, less will do:",
            f"REDSTREAM_SETUP_NEEDS_GB={INSTALLED_GB + DOWNLOAD_GB:.1f} make ...",
        )
    packages = sum("==" in line for line in (ROOT / "constraints.txt").open())
    mostly = " (most of it PyTorch's CUDA libraries)" if CUDA else ""
    say(f"setting up .venv, once, with Python {version} ({python})")
    say(f"{packages} packages, up to {DOWNLOAD_GB:.1f} GB to download{mostly}")
    say(f"{INSTALLED_GB:.1f} GB will stay in .venv; {free:.0f} GB are free")
    say("this takes some minutes; pip is silent while it unpacks, at the end")
    if subprocess.call([python, "-m", "venv", str(VENV)]):
        fail(
            f"{python} could not make a virtual environment; its own message is above",
            "Another Python may do: make ... PYTHON=/path/to/python3",
        )


def install(on_failure):
    """Everything, and redstream itself from this folder, with the user's own pip settings.

    setuptools comes first, pinned as well: with it at hand, installing this folder needs nothing
    that is not pinned, and no network once the rest is there.
    """
    # Downloads wait in the folder that was checked for space: /tmp is often small.
    downloads = VENV / "downloads"
    downloads.mkdir(exist_ok=True)
    log = downloads / "pip.log"
    pip = [str(VENV_PYTHON), "-m", "pip", "--log", str(log), "--disable-pip-version-check"]
    this_folder = ["--config-settings", "editable_mode=compat", "-e", ".[dev,bench]"]
    for packages in (["setuptools"], ["--no-build-isolation", *this_folder]):
        if subprocess.call(
            [*pip, "install", "-c", "constraints.txt", *packages],
            cwd=str(ROOT),
            env={"TMPDIR": str(downloads), **os.environ},
        ):
            on_failure()
            told = log.read_text(errors="replace") if log.exists() else ""
            shutil.rmtree(str(downloads))
            explain(told)
    shutil.rmtree(str(downloads))


def explain(log):
    again = "Then run make again: what has been downloaded is in pip's cache."
    settings = f"({VENV_PYTHON} -m pip config list, and variables that begin with PIP_)."
    if "No space left" in log:
        fail(f"the disk is full: {free_gb():.1f} GB are free in {ROOT}", "Make room.", again)
    if any(name in log for name in NETWORK_ERRORS):
        fail(
            "no network: pip could not reach its package index",
            "Check the connection, and the proxy or index in pip's own settings",
            settings,
            again,
        )
    if "No matching distribution" in log or "ResolutionImpossible" in log:
        fail(
            "pip's index lacks a pinned version, or pins exclude one another; see pip above",
            "A mirror may lag behind: look at pip's own settings",
            settings,
        )
    fail("pip failed; its message is above", "Once that is repaired, run make again.")


def find_python():
    """The first Python that fits, and its version: PYTHON if set, else python3, then the newest."""
    asked = os.environ.get("PYTHON")
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    # An activated .venv is no ground to build a new one on.
    outside = os.pathsep.join(folder for folder in path if Path(folder) != VENV_PYTHON.parent)
    seen = []
    advice = "Install one, or name it: make ... PYTHON=/path/to/python3.12"
    for name in [asked] if asked else ["python3", "python3.13", "python3.12", "python3.11"]:
        python = shutil.which(name, path=outside)
        version = python and version_of(python)
        if not version:
            continue
        if not fits(version):
            seen.append(f"{python} is {version}")
        elif answer(python, "import ensurepip, venv") is None:
            seen.append(f"{python} is {version}, without its venv module")
            advice = "Debian and Ubuntu keep the venv module apart: apt install python3-venv"
        else:
            return python, version
    what = f"PYTHON={asked} is not one" if asked else "none that fits is here"
    fail(f"redstream needs Python 3.11, 3.12 or 3.13; {what}", *seen, advice)


def up_to_date():
    stamp = read_stamp()
    return stamp is not None and asked_for(stamp[0]) and stamp == expected_stamp()


def asked_for(version):
    """Whether the user lets .venv be of this Python: any that works, unless PYTHON is set."""
    return not os.environ.get("PYTHON") or version_of(os.environ["PYTHON"]) == version


def expected_stamp():
    """The Python, the folder (a moved .venv is broken), and a digest of what decides the rest."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return [version_of(str(VENV_PYTHON)), str(ROOT), digest.hexdigest()]


def read_stamp():
    try:
        return STAMP.read_text().splitlines()
    except OSError:
        return None


def write_stamp(stamp):
    STAMP.write_text("\n".join(stamp) + "\n")


def version_of(python):
    """Such as "3.11.7"; None where it does not run (a shim without its Python, a dead link)."""
    return answer(python, "import sys; print('%d.%d.%d' % sys.version_info[:3])")


def fits(version):
    return FITS[0] <= tuple(int(part) for part in version.split(".")[:2]) <= FITS[1]


def answer(python, code):
    try:
        output = subprocess.check_output([python, "-S", "-c", code], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.decode().strip()


def free_gb():
    return shutil.disk_usage(str(ROOT)).free / 1e9


def say(message):
    print("redstream: " + message, flush=True)


def fail(message, *advice):
    print("\nredstream: set-up stopped: " + message, file=sys.stderr)
    for line in advice:
        print("  " + line, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("interrupted", "Run make again: what has been downloaded is in pip's cache.")
