"""Backups: what is in them, and that none is believed that is not whole."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.embedded.lock import held
from streams.embedded.log import SqliteLog
from streams.errors import Held
from streams.ledger import Ledger
from streams.program.backup import contents
from streams.program.backup.contents import DERIVED, KNOWN, REBUILT, copy_folder
from streams.program.backup.folder import back_up, restore
from streams.program.folder import Folder
from streams.stage import Outgoing
from streams.topology import TEXTS


@pytest.fixture
def var(tmp_var: Path) -> Iterator[Path]:
    """A folder whose log is open, as in a run."""
    with closing(SqliteLog(tmp_var / "log.sqlite")) as log, closing(Ledger(Folder(tmp_var).ledger)):
        log.append([Outgoing(TEXTS.name, None, b"first")])
        (tmp_var / "guides.md").write_text("# printer\nPaper.\n")
        (tmp_var / "audits.json").write_text("{}")
        (tmp_var / "mine.csv").write_text("of the user")
        yield tmp_var


def texts(var: Path) -> list[bytes | None]:
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        return [one.value for one in log.read_from(TEXTS.name, 0, 9)]


def files(var: Path) -> set[str]:
    return {path.name for path in var.iterdir()} - {"lock"}


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_what_is_kept_comes_back_and_nothing_else(var: Path, tmp_path: Path, name: str) -> None:
    made = back_up(var, tmp_path / name)
    again = tmp_path / "again"
    restored, aside = restore(again, tmp_path / name, replace=False)
    assert (restored, aside) == (made, None)
    assert files(again) == {"log.sqlite", "ledger.sqlite", "guides.md", "audits.json"}
    assert texts(again) == [b"first"]
    assert (again / "guides.md").read_text() == "# printer\nPaper.\n"


def test_every_file_of_a_folder_is_copied_or_known_to_be_rebuilt() -> None:
    ours = {
        getattr(Folder(Path()), name).name
        for name, kind in vars(Folder).items()
        if isinstance(kind, property)
    }
    ours -= KNOWN
    assert all(any(fnmatch(name, one) for one in REBUILT) for name in ours)


def test_what_is_derived_is_of_the_same_moment_as_the_log(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the copy is made the log goes on, and waits for nothing."""
    copies: list[str] = []

    def copied_late(db: object, path: Path) -> None:
        copies.append(path.name)
        with closing(SqliteLog(var / "log.sqlite")) as log:
            log.append([Outgoing(TEXTS.name, None, b"later")])
        copied(db, path)  # type: ignore[arg-type]

    copied = contents.copied
    monkeypatch.setattr(contents, "copied", copied_late)
    into = tmp_path / "into"
    into.mkdir()
    copy_folder(var, into, log=True)
    assert set(copies) == {"log.sqlite", DERIVED[0]}
    assert texts(into) == [b"first"]
    assert texts(var) == [b"first", b"later", b"later"]


def test_a_folder_that_is_not_empty_is_left_alone_and_put_aside_where_asked(
    var: Path, tmp_path: Path
) -> None:
    back_up(var, tmp_path / "copy")
    other = tmp_path / "other"
    other.mkdir()
    with closing(SqliteLog(other / "log.sqlite")) as log:
        log.append([Outgoing(TEXTS.name, None, b"other")])
    (other / "examples").mkdir()
    (other / "examples-2.old").mkdir()
    (other / "mine.csv").write_text("of the user")
    with pytest.raises(
        Fatal, match=r"is not empty \(examples, examples-2\.old, log\.sqlite\).*--replace"
    ):
        restore(other, tmp_path / "copy", replace=False)
    assert texts(other) == [b"other"]
    _, aside = restore(other, tmp_path / "copy", replace=True)
    assert texts(other) == [b"first"]
    assert not list(other.glob("examples*"))
    assert (other / "mine.csv").exists()
    assert aside is not None
    assert texts(aside) == [b"other"]


def test_a_folder_that_is_worked_on_is_not_replaced(var: Path, tmp_path: Path) -> None:
    back_up(var, tmp_path / "copy")
    with held(var), pytest.raises(Held):
        restore(var, tmp_path / "copy", replace=True)


def test_a_backup_overwrites_nothing(var: Path, tmp_path: Path) -> None:
    back_up(var, tmp_path / "copy.tar")
    with pytest.raises(Fatal, match="is there already"):
        back_up(var, tmp_path / "copy.tar")
    with pytest.raises(Fatal, match=r"ends in \.tar"):
        back_up(var, tmp_path / "copy.zip")
    with pytest.raises(Fatal, match="nothing to back up"):
        back_up(tmp_path / "nowhere", tmp_path / "other")
    assert not list(tmp_path.glob("*.unfinished"))


def refused(path: Path, says: str) -> None:
    """Hold that a backup is refused, and that nothing of it is left."""
    again = path.with_name("again")
    with pytest.raises(Fatal, match=says):
        restore(again, path, replace=False)
    assert files(again) == set()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.95])
def test_a_file_that_is_cut_off_is_refused(var: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "copy.tar"
    back_up(var, path)
    content = path.read_bytes().rstrip(b"\0")  # behind the last file a tar has room left
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "cut off|not what was written|damaged")


def test_a_file_that_was_changed_is_refused(var: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.tar"
    back_up(var, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Paper.", b"Toner."))
    refused(path, r"guides\.md is not what was written")


def test_a_folder_from_which_a_file_is_missing_or_to_which_one_came_is_refused(
    var: Path, tmp_path: Path
) -> None:
    path = tmp_path / "copy"
    back_up(var, path)
    (path / "audits.json").rename(tmp_path / "audits.json")
    refused(path, r"audits\.json is not in it")
    (tmp_path / "audits.json").rename(path / "audits.json")
    (path / "fitted.json").write_text("{}")
    refused(path, r"nothing is known of 'fitted\.json'")
    (path / "fitted.json").unlink()
    (path / "audits.json").unlink()
    (path / "audits.json").symlink_to(tmp_path / "copy" / "guides.md")
    refused(path, "'audits.json' is no plain file")
    (path / "manifest.json").write_text("{")
    (path / "audits.json").unlink()
    refused(path, r"manifest\.json is damaged")
    (path / "manifest.json").unlink()
    refused(path, "no manifest.json")


def changed(path: Path, **fields: object) -> None:
    made = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**made, "redstream": "9.9", **fields}))


def test_what_a_later_redstream_has_made_is_refused_by_name(var: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    kept = json.loads(back_up(var, path).encode())["files"]
    changed(path, format=2)
    refused(path, r"backup of format 2.*made by redstream 9\.9")
    kept["log.sqlite"]["format"] += 1
    changed(path, format=1, files=kept)
    refused(path, r"log\.sqlite has format 3.*made by redstream 9\.9")
    kept["log.sqlite"]["format"] -= 1
    changed(path, files=kept | {"new.sqlite": kept["log.sqlite"]})
    refused(path, r"'new\.sqlite', which this redstream does not know.*9\.9")
    changed(path, kind="kafka", files=kept)
    refused(path, "a backup of topics on Kafka: name the brokers")
    changed(path, kind="folder", unknown=1)
    assert restore(tmp_path / "again", path, replace=False)[0].redstream == "9.9"


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/b", "..", "."])
def test_no_member_of_a_tar_leaves_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    refused(path, "no plain file")
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_tar_with_anything_but_plain_files_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("log.sqlite")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    refused(path, "no plain file")


def test_a_member_that_comes_twice_or_says_that_it_is_huge_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("log.sqlite"), io.BytesIO())
    refused(path, "is in the backup twice")
    huge = tarfile.TarInfo("log.sqlite")
    huge.size = 2**50
    path.write_bytes(huge.tobuf() + b"x" * 10_240)
    refused(path, "cut off, or no backup")
