"""The bundled example fitted once, and a copy of it for every test that asks."""

import shutil
from pathlib import Path

import pytest

from tests.e2e import program


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    var = tmp_path_factory.mktemp("fitted") / "var"
    program.fit(var)
    return var


@pytest.fixture
def var(fitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted, tmp_path / "var"))
