"""Apache Kafka as Maven packages it, copied once into the user's cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")

LONGEST_FETCH = 600
"""Seconds for some 43 MB, the first time."""


class Unavailable(Exception):
    """There is no broker to test on, and why."""


def version(pom: Path = POM) -> str:
    """The version of Kafka that the pom asks for."""
    space = {"": "http://maven.apache.org/POM/4.0.0"}
    for one in ElementTree.parse(pom).iterfind("dependencies/dependency", space):
        if one.findtext("groupId", namespaces=space) == "org.apache.kafka":
            return str(one.findtext("version", namespaces=space))
    raise AssertionError(f"{pom} asks for no Kafka")


def cached(pom: Path = POM) -> Path:
    """Where the jars are, or will be: another pom has another folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    asked = hashlib.sha256(pom.read_bytes()).hexdigest()[:8]
    return cache / "redstream-test-kafka" / f"{version(pom)}-{asked}"


def fetched(pom: Path = POM) -> Path:
    """Return the folder of the jars, fetching them unless they are there.

    Raises:
        Unavailable: Java or Maven is not there, or Maven cannot fetch them.
    """
    if not shutil.which("java"):
        raise Unavailable("there is no `java`")
    jars = cached(pom)
    if jars.is_dir():
        return jars
    if not (maven := shutil.which("mvn")):
        raise Unavailable("there is no `mvn` to fetch Apache Kafka with")
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=".fetching-") as folder:
        new = Path(folder) / "jars"
        asked = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        try:
            ended = subprocess.run(
                [*asked, f"-DoutputDirectory={new}"],
                capture_output=True,
                text=True,
                timeout=LONGEST_FETCH,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable("Maven takes too long to fetch Apache Kafka") from error
        if ended.returncode:
            said = (ended.stdout + ended.stderr).strip().splitlines() or ["no word"]
            raise Unavailable(f"Maven cannot fetch Apache Kafka: {said[0]}")
        try:
            new.rename(jars)
        except OSError:  # another process was faster: its jars are the same
            if not jars.is_dir():
                raise
    return jars
