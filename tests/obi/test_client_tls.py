"""TLS for real: whom we trust, and who we are."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization

from etl.errors import ConfigError, NotAuthorisedError, UnavailableError, UnreachableError
from etl.obi import Client, Connection

HOST = "obi.example.com"
ANSWER = b'{"id": "C", "name": "Renewals"}'
PASSWORD = "correct-horse-battery"


class Keys:
    """An authority, one that nobody trusts, and files for clients of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.other = trustme.CA()
        self.bundle = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.bundle))
        self.server = self.authority.issue_cert(HOST, "127.0.0.1")

    def client(self, name: str, *, of: trustme.CA | None = None) -> tuple[Path, Path]:
        """The files of a certificate and of its key."""
        issued = (of or self.authority).issue_cert(f"{name}@example.com")
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        key.chmod(0o600)
        return certificate, key

    def context(self, *, demanding: bool = False, **more: Any) -> ssl.SSLContext:
        """A server's, that demands a certificate of the authority from its clients or not."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.configure_cert(context)
        if demanding:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        for name, value in more.items():
            setattr(context, name, value)
        return context


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


async def answer(request: web.Request) -> web.Response:
    if request.method == "GET":
        return web.Response(body=ANSWER, content_type="application/json")
    return web.json_response([{"statusCode": 201, "id": "AA"}])


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[str]:
    """The base URL of an aiohttp server on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(ssl=context)
    try:
        yield f"https://127.0.0.1:{server.port}/RI/obi"
    finally:
        await server.close()


@contextlib.contextmanager
def serving_with_alerts(context: ssl.SSLContext) -> Iterator[str]:
    """The base URL of a server that says in the handshake what it has against a client; asyncio's do not."""

    def serve() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as connected,
            ):
                try:
                    connected.do_handshake()
                except ssl.SSLError:
                    # The alert is out; a socket closed on unread data would take it back.
                    connected.shutdown(socket.SHUT_WR)
                    while connected.recv(65536):
                        pass
                    continue
                connected.recv(65536)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\nConnection: close\r\n\r\n"
                connected.sendall(head.encode() + ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listening.getsockname()[1]}/RI/obi"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    thread.join()


async def get(base_url: str, **more: Any) -> str:
    async with Client(Connection(base_url=base_url, attempts=1, **more)) as obi:
        return (await obi.campaigns.get("C")).name


async def test_a_server_of_an_unknown_authority_is_refused_and_the_setting_named(keys: Keys) -> None:
    async with serving(keys.context()) as base_url:
        with pytest.raises(UnreachableError, match=r"not accepted \(.*\).*OBI_CA_BUNDLE") as caught:
            await get(base_url)
    assert (caught.value.call, caught.value.exit_code) == ("GET campaigns/ID", 7)


async def test_a_server_of_an_authority_that_we_name_is_trusted(keys: Keys) -> None:
    async with serving(keys.context()) as base_url:
        assert await get(base_url, ca_bundle=str(keys.bundle)) == "Renewals"


async def test_a_certificate_for_another_host_is_refused_and_says_so(keys: Keys) -> None:
    async with serving(keys.context()) as base_url:
        with pytest.raises(UnreachableError, match="Hostname mismatch"):
            await get(base_url.replace("127.0.0.1", "localhost"), ca_bundle=str(keys.bundle))


async def test_a_client_shows_its_certificate(keys: Keys) -> None:
    certificate, key = keys.client("good")
    both = keys.folder / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    both.chmod(0o600)
    async with serving(keys.context(demanding=True)) as base_url:
        trusted = {"base_url": base_url, "ca_bundle": str(keys.bundle)}
        assert await get(**trusted, client_cert=str(certificate), client_key=str(key)) == "Renewals"
        assert await get(**trusted, client_cert=str(both)) == "Renewals"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_whose_certificate_is_refused_is_not_authorised(
    keys: Keys, version: ssl.TLSVersion
) -> None:
    certificate, key = keys.client("stranger", of=keys.other)
    shown = {"client_cert": str(certificate), "client_key": str(key)}
    with (
        serving_with_alerts(keys.context(demanding=True, maximum_version=version)) as base_url,
        pytest.raises(NotAuthorisedError, match="OBI_CLIENT_CERT and OBI_CLIENT_KEY") as caught,
    ):
        await get(base_url, ca_bundle=str(keys.bundle), **shown)
    assert (caught.value.call, caught.value.status) == ("GET campaigns/ID", None)


async def test_a_client_that_shows_no_certificate_where_one_is_wanted_is_not_authorised(keys: Keys) -> None:
    with (
        serving_with_alerts(keys.context(demanding=True)) as base_url,
        pytest.raises(NotAuthorisedError, match=r"not trusted, expired or missing"),
    ):
        await get(base_url, ca_bundle=str(keys.bundle))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_hangs_up_without_a_word_may_want_a_certificate(
    keys: Keys, version: ssl.TLSVersion
) -> None:
    async with serving(keys.context(demanding=True, maximum_version=version)) as base_url:
        with pytest.raises(UnavailableError, match="wants a client's certificate") as caught:
            await get(base_url, ca_bundle=str(keys.bundle))
    assert "connection" in str(caught.value)


async def test_once_a_server_has_answered_a_lost_connection_is_just_that(keys: Keys) -> None:
    async def end(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("C"):
            return web.Response(body=ANSWER)
        assert request.transport
        request.transport.abort()
        await asyncio.sleep(0)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", end)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(ssl=keys.context())
    async with Client(
        Connection(base_url=f"https://127.0.0.1:{server.port}/RI/obi", attempts=1, ca_bundle=str(keys.bundle))
    ) as obi:
        await obi.campaigns.get("C")
        with pytest.raises(UnavailableError) as caught:
            await obi.campaigns.get("D")
    await server.close()
    assert "certificate" not in str(caught.value)


async def test_a_proxy_passes_tls_on_and_the_certificate_is_the_server_s(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy sees where it goes and nothing of what is said; its own name is in no certificate."""
    asked: list[bytes] = []
    tunnels: list[asyncio.Task[Any]] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tunnels.append(task)
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if b"Proxy-Authorization: Basic dTpw" not in asked[-1]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with (
        serving(keys.context()) as base_url,
        await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy,
    ):
        port = int(base_url.split(":")[2].split("/")[0])
        proxy_port = proxy.sockets[0].getsockname()[1]
        far = f"https://{HOST}/RI/obi"
        monkeypatch.setenv("https_proxy", f"http://u:p@127.0.0.1:{proxy_port}")
        assert await get(far, ca_bundle=str(keys.bundle), token=PASSWORD) == "Renewals"
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy_port}")
        with pytest.raises(NotAuthorisedError, match="the proxy wants credentials") as caught:
            await get(far, ca_bundle=str(keys.bundle))
        monkeypatch.setenv("https_proxy", f"http://u:p@127.0.0.1:{proxy_port}")
        with pytest.raises(UnreachableError, match="not accepted"):
            await get(far)
        await asyncio.wait_for(asyncio.gather(*tunnels), 10)
    assert caught.value.call == "GET campaigns/ID"
    assert asked[0].startswith(b"CONNECT obi.example.com:443 ")
    assert PASSWORD.encode() not in asked[0]


# --- files ------------------------------------------------------------------------------------------------


def encrypted(key: Path, password: str) -> Path:
    """The same key, encrypted, in a file of its own."""
    plain = serialization.load_pem_private_key(key.read_bytes(), password=None)
    path = key.with_suffix(".enc")
    path.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def open_client(keys: Keys) -> Callable[..., Client]:
    def make(**more: Any) -> Client:
        texts = {name: str(value) for name, value in more.items()}
        return Client(Connection(base_url=f"https://{HOST}/RI/obi", **texts))  # type: ignore[arg-type]

    return make


async def test_an_encrypted_key_is_opened_with_its_password(keys: Keys) -> None:
    certificate, key = keys.client("careful")
    hidden = {"client_cert": str(certificate), "client_key": str(encrypted(key, PASSWORD))}
    async with serving(keys.context(demanding=True)) as base_url:
        trusted = {"base_url": base_url, "ca_bundle": str(keys.bundle), "client_key_password": PASSWORD}
        assert await get(**trusted, **hidden) == "Renewals"


@pytest.mark.parametrize(
    ("password", "told"),
    [("", "its password is missing"), ("wrong", "its password is wrong"), ("x" * 2000, "its password is")],
)
def test_an_encrypted_key_without_its_password_is_told_and_nobody_is_asked(
    keys: Keys, open_client: Callable[..., Client], password: str, told: str
) -> None:
    """The tests have no terminal, so a prompt of OpenSSL would fail or hang here."""
    certificate, key = keys.client("forgetful")
    with pytest.raises(ConfigError, match=told) as caught:
        open_client(
            client_cert=certificate, client_key=encrypted(key, PASSWORD), client_key_password=password
        )
    assert "xxx" not in str(caught.value)


def test_a_password_for_a_key_that_needs_none_harms_nobody(
    keys: Keys, open_client: Callable[..., Client]
) -> None:
    certificate, key = keys.client("generous")
    open_client(client_cert=certificate, client_key=key, client_key_password=PASSWORD)


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666])
def test_a_key_that_everyone_may_read_is_refused(
    keys: Keys, open_client: Callable[..., Client], mode: int
) -> None:
    certificate, key = keys.client("careless")
    key.chmod(mode)
    with pytest.raises(ConfigError, match="chmod o-rwx"):
        open_client(client_cert=certificate, client_key=key)


def test_files_that_do_not_fit_are_told(keys: Keys, open_client: Callable[..., Client]) -> None:
    certificate, key = keys.client("one")
    _, other_key = keys.client("two")
    with pytest.raises(ConfigError, match="do not belong together"):
        open_client(client_cert=certificate, client_key=other_key)
    certificate.chmod(0o600)
    with pytest.raises(ConfigError, match="PEM is wanted, one in each"):
        open_client(client_cert=key, client_key=certificate)
    with pytest.raises(ConfigError, match="PEM is wanted, both in one file"):
        open_client(client_cert=key)
    with pytest.raises(ConfigError, match=r"that OBI_CLIENT_CERT names is not there"):
        open_client(client_cert=keys.folder / "nowhere.pem", client_key=key)
    with pytest.raises(ConfigError, match=r"that OBI_CLIENT_KEY names is not there"):
        open_client(client_cert=key, client_key=keys.folder)
    with pytest.raises(ConfigError, match="set OBI_CLIENT_CERT"):
        open_client(client_key=key)
