"""An authority of one's own: servers it vouches for are spoken to, others end the run."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from pydantic import SecretStr

from judge.llm.build import Options, build
from judge.qdrant_server import ServerExampleStore
from judge.transport import is_loopback, trusting
from models.errors import Fatal
from tests.unit.judge.llm.make import NEAR, case

KEY = "sk-secret-0123456789"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.fixture
async def url(authority: trustme.CA) -> AsyncIterator[str]:
    """A server that says of everything that it is forbidden: who hears that trusts it."""

    async def forbidden(_: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no"}}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{what:.*}", forbidden)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def ask_llm(url: str, file: Path | None) -> None:
    judge = build(Options(f"{url}/v1", "tiny", SecretStr(KEY), authority=file))
    try:
        await judge.verify(case(), "a", NEAR)
    finally:
        await judge.close()


async def ask_qdrant(url: str, file: Path | None) -> None:
    store = ServerExampleStore(url, 8, key=KEY, authority=file)
    try:
        await store.count()
    finally:
        await store.close()


async def test_an_llm_behind_an_authority_of_ones_own_is_reached(url: str, tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="does not accept the key"):
        await ask_llm(url, tmp_path / "ca.pem")


async def test_a_qdrant_server_behind_an_authority_of_ones_own_is_reached(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(Fatal, match="refuses us"):
        await ask_qdrant(url, tmp_path / "ca.pem")


@pytest.mark.parametrize("known", ["the usual", "another"])
async def test_no_key_goes_to_an_llm_that_nobody_known_vouches_for(
    url: str, tmp_path: Path, known: str
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    file = tmp_path / "other.pem" if known == "another" else None
    with pytest.raises(Fatal, match=r"certificate cannot be verified .*REDSTREAM_LLM_CA_FILE"):
        await ask_llm(url, file)
    with pytest.raises(Fatal, match=r"cannot be verified.*REDSTREAM_QDRANT_CA_FILE"):
        await ask_qdrant(url, file)


async def test_a_certificate_for_another_host_does_not_do(url: str, tmp_path: Path) -> None:
    other = url.replace("127.0.0.1", "localhost")
    with pytest.raises(Fatal, match="cannot be verified"):
        await ask_llm(other, tmp_path / "ca.pem")
    with pytest.raises(Fatal, match="cannot be verified"):
        await ask_qdrant(other, tmp_path / "ca.pem")


def test_a_file_that_holds_no_certificate_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(Fatal, match=r"REDSTREAM_X_CA_FILE .*text: it holds no certificate"):
        trusting(tmp_path / "text", "REDSTREAM_X_CA_FILE")
    with pytest.raises(Fatal, match="No such file"):
        trusting(tmp_path / "none", "REDSTREAM_X_CA_FILE")


def test_what_is_this_machine_is_told_without_asking_anybody() -> None:
    here = ["127.0.0.1", "127.9.9.9", "::1", "localhost"]
    away = ["10.0.0.1", "0.0.0.0", "localhost.example.org", "127.0.0.1.example.org", ""]
    assert [is_loopback(host) for host in [*here, *away]] == [True] * 4 + [False] * 5
