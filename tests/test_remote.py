"""Inputs at a URL: fetched whole into our own copy, and nothing secret of the URL told anywhere."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import fsspec
import pytest
from aiohttp import web

from etl.cli.inputs import expand
from etl.errors import ConfigError, DiskFullError, InputError
from etl.files import files_of, stem_of
from etl.orders import Order
from etl.profile import find_profile
from etl.remote import fetch, is_url, last_name, shown
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN
from etl.spooling import spool

LEADS = b"Lead ID,Phone\nL1,+44 20 7946 0001\nL2,+44 20 7946 0002\n"
SECRET = "s3cret"


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    files.pipe("/exports/leads.csv", LEADS)
    yield files
    files.rm("/exports", recursive=True)


def settings_of(tmp_path: Path, **given: object) -> Settings:
    return Settings.model_validate({"state_dir": tmp_path / "state"} | given)


# What is a URL, and what may be told of it


@pytest.mark.parametrize(
    ("word", "url"),
    [
        ("s3://bucket/a.csv", True),
        ("SFTP://host/a.csv", True),
        ("memory://a", True),
        ("abfss://c@account/a.csv", True),
        ("leads.csv", False),
        ("C://leads.csv", False),
        ("-", False),
        ("/tmp/a://b.csv", False),  # noqa: S108  -- a name, and nothing is written there
    ],
)
def test_a_url_has_a_scheme_of_two_letters_or_more(word: str, *, url: bool) -> None:
    assert is_url(word) is url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://bucket/a.csv", "s3://bucket/a.csv"),
        ("https://host/a.csv?X-Amz-Signature=s3cret&b=1", "https://host/a.csv?***"),
        ("https://host/a.csv#access_token=s3cret", "https://host/a.csv"),
        ("sftp://user:s3cret@host:22/in/a.csv", "sftp://***@host:22/in/a.csv"),
        ("sftp://user:s3/c@ret@host/a.csv", "sftp://***@host/a.csv"),
        ("sftp://s3cret@host/a.csv", "sftp://***@host/a.csv"),
        ("https://user:s3cret@host/a.csv?sig=s3cret", "https://***@host/a.csv?***"),
        ("sftp://user:s3?c@ret@host/a.csv", "sftp://***?***"),
        ("http://[::1]:8080/a.csv", "http://[::1]:8080/a.csv"),
        ("s3://bucket/a@b:c.csv", "s3://bucket/a@b:c.csv"),
        ("s3://bucket/a#1.csv", "s3://bucket/a#1.csv"),
    ],
)
def test_a_url_is_told_without_its_secrets(url: str, told: str) -> None:
    assert shown(url) == told
    assert shown(told) == told


@pytest.mark.parametrize(
    ("url", "stem"),
    [
        ("s3://bucket/in/a.csv.gz", "a"),
        ("https://host/Spring%20leads.csv?sig=x/y.csv", "Spring leads"),
        ("https://host", "input"),
        ("https://host/a/..", "input"),
        ("https://host/a%2Fb.csv", "b"),
        ("https://user:p@host/a.zip", "a"),
        ("memory://a.csv", "input"),
    ],
)
def test_results_are_called_after_the_last_name_of_the_path(url: str, stem: str) -> None:
    assert stem_of(url) == stem
    assert "/" not in last_name(url)


def test_results_of_a_url_go_to_the_current_folder_for_our_user_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = files_of("https://host/in/leads.csv.gz?sig=1")
    assert files.results == tmp_path / "leads.results.csv"
    assert files.rejects == tmp_path / "leads.rejects.csv"
    assert files.mode == 0o600


def test_a_pattern_in_a_url_is_refused_and_a_query_is_none() -> None:
    with pytest.raises(InputError, match=r"s3://b/\*.csv: patterns in URLs are not looked up"):
        expand(["s3://b/*.csv"])
    assert expand(["https://h/a.csv?sig=[1]"]) == ["https://h/a.csv?sig=[1]"]


# Fetching


def test_a_file_at_a_url_is_copied_whole_and_only_ours(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    target = tmp_path / "copy"
    spool("memory://exports/leads.csv", target)
    assert target.read_bytes() == LEADS
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    (tmp_path / "leads.csv").write_bytes(LEADS)
    spool((tmp_path / "leads.csv").as_uri(), target)
    assert target.read_bytes() == LEADS


def refusal(url: str, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        spool(url, folder / "copy")
    assert not list(folder.iterdir())
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "extra"), [("s3", "s3"), ("gs", "gcs"), ("abfs", "azure"), ("sftp", "sftp"), ("smb", "smb")]
)
def test_a_protocol_without_its_library_names_our_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, extra: str
) -> None:
    def lacking(*_args: object, **_options: object) -> None:
        raise ImportError("install me")

    monkeypatch.setattr("fsspec.core.url_to_fs", lacking)
    assert f"pip install 'obi-import[{extra}]'" in refusal(f"{scheme}://u:{SECRET}@host/a.csv", tmp_path)


def test_what_nothing_opens_or_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "nothing here opens foo://" in refusal(f"foo://u:{SECRET}@host/a.csv", tmp_path)
    assert "memory://none.csv is not there" in refusal("memory://none.csv", tmp_path)


def test_a_full_disk_is_no_fault_of_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_url: str, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("etl.spooling.fetch", full)
    with pytest.raises(DiskFullError):
        spool("memory://exports/leads.csv", tmp_path / "copy")


@asynccontextmanager
async def serving(**pages: web.StreamResponse | bytes) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        page = pages.get(request.match_info["name"], b"")
        if isinstance(page, bytes) and page:
            return web.Response(body=page)
        raise {"": web.HTTPNotFound, "denied": web.HTTPForbidden, "broken": web.HTTPInternalServerError}.get(
            request.match_info["name"], web.HTTPNotFound
        )

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(LEADS)
        assert request.transport is not None
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_get("/cut.csv", cut)
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://user:{SECRET}@127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_file_is_fetched_by_http_though_the_url_has_user_and_signature(tmp_path: Path) -> None:
    async with serving(**{"leads.csv": LEADS}) as root:
        await asyncio.to_thread(fetch, f"{root}/leads.csv?sig={SECRET}", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == LEADS


async def test_what_http_does_not_give_is_refused_without_secrets(tmp_path: Path) -> None:
    async with serving() as root:
        for name, what in {
            "none.csv": "is not there",
            "denied": "HTTP 403",
            "broken": "HTTP 500",
            "cut.csv": "can't be fetched",
        }.items():
            said = await asyncio.to_thread(refusal, f"{root}/{name}?sig={SECRET}", tmp_path)
            assert what in said
    assert "can't be fetched" in await asyncio.to_thread(refusal, f"{root}/gone", tmp_path)


def test_a_proxy_that_is_none_is_a_matter_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ConfigError, match="only HTTP proxies"):
        spool("https://leads.example/a.csv", tmp_path / "copy")


# Runs


async def test_a_run_from_a_url_reads_its_own_copy_and_keeps_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(tmp_path, spool="never")
    async with serving(**{"leads.csv": LEADS}) as root:
        order = Order(
            input=f"{root}/leads.csv?sig={SECRET}",
            profile=find_profile(None, region="GB"),
            campaign=PREVIEW_CAMPAIGN,
            simulate=True,
        )
        report = await asyncio.to_thread(lambda: asyncio.run(Runner(settings).load(order)))
    assert report.counts == {"created": 2}
    assert report.input.startswith("http://***@127.0.0.1:")
    assert Path(report.results) == tmp_path / "leads.results.csv"
    assert SECRET not in repr(report)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in kept)
    with Runner(settings).state.open(report.run) as journal:
        assert Path(journal.manifest.source).read_bytes() == LEADS


def test_an_order_shows_no_secret_and_still_knows_its_url() -> None:
    order = Order(input=f"https://u:{SECRET}@h/a.csv", profile=find_profile(None))
    assert (order.input, order.label) == ("https://***@h/a.csv", "https://***@h/a.csv")
    assert order.url == f"https://u:{SECRET}@h/a.csv"
    assert not order.is_file
    assert not Order(input="-", profile=order.profile).is_file
    assert Order(input="a.csv", profile=order.profile).is_file


def test_a_failing_load_from_a_url_ends_with_4_and_tells_no_secret(
    own_place: Path, obi: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = obi("check", f"memory://u:{SECRET}@none/a.csv", "--json")
    assert code == 4
    assert SECRET not in out + err
    assert json.loads(out)["input"] == "memory://***@none/a.csv"
    code, out, err = obi("check", f"memory://u:{SECRET}@none/*.csv", "--json")
    assert (code, json.loads(out)["input"]) == (4, "memory://***@none/*.csv")
    assert SECRET not in out + err
