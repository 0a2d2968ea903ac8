"""Settings: where they come from, which one wins, and that secrets stay secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from etl.errors import ConfigError
from etl.settings import SECRETS, Settings, load_settings, nearest, settings_files

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine, and a current and a configuration folder that are empty."""
    import os  # noqa: PLC0415  -- only to look at what is set

    for name in os.environ:
        if name.startswith("OBI_"):
            monkeypatch.delenv(name)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "config"))


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "obi.toml"
    path.parent.mkdir()
    return path


def secret_file(path: Path, text: str = SECRET, *, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


# --- precedence -------------------------------------------------------------------------------------------


def test_without_anything_the_defaults_of_the_contract_hold() -> None:
    settings = load_settings()
    assert settings.base_url == ""
    assert (settings.batch_size, settings.concurrency, settings.max_concurrency) == (100, "auto", 16)
    assert (settings.rate, settings.existing, settings.duplicates_by) == (None, "skip", "externalId")
    assert (settings.on_unknown, settings.spool, settings.wait_lock) == ("verify", "auto", 0)
    assert (settings.strict, settings.plain, settings.stop_batch_if_invalid) == (False, False, False)


def test_a_flag_beats_the_environment_beats_the_files_beats_the_default(
    monkeypatch: pytest.MonkeyPatch, user_file: Path
) -> None:
    assert load_settings().batch_size == 100
    user_file.write_text("batch_size = 1\n", encoding="utf-8")
    assert load_settings().batch_size == 1
    Path("obi.toml").write_text("batch_size = 2\n", encoding="utf-8")
    assert load_settings().batch_size == 2
    monkeypatch.setenv("OBI_BATCH_SIZE", "3")
    assert load_settings().batch_size == 3
    assert load_settings(batch_size=4).batch_size == 4


def test_each_source_gives_what_the_stronger_ones_leave_out(
    monkeypatch: pytest.MonkeyPatch, user_file: Path
) -> None:
    user_file.write_text("rate = 7.5\nbatch_size = 1\n", encoding="utf-8")
    Path("obi.toml").write_text('batch_size = 2\nexisting = "fail"\n', encoding="utf-8")
    monkeypatch.setenv("OBI_CONCURRENCY", "5")
    settings = load_settings(strict=True)
    assert (settings.rate, settings.batch_size, settings.existing) == (7.5, 2, "fail")
    assert (settings.concurrency, settings.strict) == (5, True)


def test_a_flag_that_is_none_was_not_given() -> None:
    Path("obi.toml").write_text("batch_size = 2\n", encoding="utf-8")
    assert load_settings(batch_size=None).batch_size == 2


def test_the_current_folder_is_looked_at_before_the_users_configuration(tmp_path: Path) -> None:
    assert settings_files() == (Path("obi.toml"), tmp_path / "config" / "obi.toml")


def test_a_settings_file_may_begin_with_a_bom() -> None:
    Path("obi.toml").write_bytes(b"\xef\xbb\xbfbatch_size = 2\n")
    assert load_settings().batch_size == 2


# --- what is wrong is told --------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["here", "user"])
def test_an_unknown_key_names_its_file_and_the_nearest_known_one(where: str, user_file: Path) -> None:
    path = Path("obi.toml") if where == "here" else user_file
    path.write_text("batch_sise = 5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"batch_sise is not a setting\. Did you mean batch_size\?") as told:
        load_settings()
    assert str(path) in str(told.value)


def test_an_unknown_flag_is_told_as_well() -> None:
    with pytest.raises(ConfigError, match=r"batch_sise is not a key\. Did you mean batch_size\?"):
        load_settings(batch_sise=5)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"batch_size": 0}, r"batch_size = 0"),
        ({"batch_size": "many"}, r"batch_size = 'many'"),
        ({"existing": "replace"}, r"existing = 'replace'.*'skip' or 'fail'"),
        ({"duplicates_by": "phone"}, r"duplicates_by = 'phone'.*'number'"),
        ({"base_url": "ftp://host/obi"}, r"base_url = 'ftp://host/obi'.*https://HOST/RI/obi"),
        ({"base_url": "host/obi"}, r"base_url.*must begin with https://"),
        ({"concurrency": "fast"}, r"concurrency = 'fast'.*auto, or a number from 1 to 256"),
        ({"concurrency": 0}, r"concurrency = 0"),
        ({"concurrency": 257}, r"concurrency = 257"),
        ({"concurrency": "-1"}, r"concurrency = '-1'"),
        ({"concurrency": "²"}, r"concurrency"),
        ({"rate": 0}, r"rate = 0"),
        ({"media_type": "yaml"}, r"media_type = 'yaml'.*'json' or 'xml'"),
        ({"wait_lock": -1}, r"wait_lock = -1"),
        ({"wait_lock": float("nan")}, r"wait_lock"),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_what_would_be_right(
    flags: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(**flags)


def test_several_wrong_values_tell_the_first_and_how_many_more() -> None:
    with pytest.raises(ConfigError, match=r"\(1 more\)"):
        load_settings(batch_size=0, existing="replace")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"batch_size = \n", "not valid TOML.*line 1"),
        (b"batch_size = 5 \xff\n", "not UTF-8"),
        (b'batch_size = "many"\n', "batch_size = 'many'"),
    ],
)
def test_a_broken_settings_file_is_told_with_its_place(content: bytes, told: str) -> None:
    Path("obi.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        load_settings()


def test_headers_that_are_no_json_are_told_without_their_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBI_HEADERS", f"x-api-key: {SECRET}")
    with pytest.raises(ConfigError, match="OBI_HEADERS") as told:
        load_settings()
    assert SECRET not in str(told.value)


def test_nothing_is_near_a_word_that_is_like_none() -> None:
    assert nearest("zzz", ["alpha", "beta"]) == ". Known are alpha, beta."


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings().batch_size = 5  # type: ignore[misc]


def test_the_base_url_loses_its_last_slash_and_blanks() -> None:
    assert load_settings(base_url=" https://host/RI/obi/ ").base_url == "https://host/RI/obi"


# --- secrets ----------------------------------------------------------------------------------------------


def value_of(settings: Settings, name: str) -> str:
    held = getattr(settings, name)
    return held if isinstance(held, str) else str(held.get_secret_value())


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_the_file_that_the_environment_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path / "secret", f"  {SECRET}\n")
    monkeypatch.setenv(f"OBI_{name.upper()}_FILE", str(path))
    assert value_of(load_settings(), name) == SECRET


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_beats_its_file_within_one_source(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path / "secret", "of the file")
    monkeypatch.setenv(f"OBI_{name.upper()}_FILE", str(path))
    monkeypatch.setenv(f"OBI_{name.upper()}", "itself")
    assert value_of(load_settings(), name) == "itself"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secrets_file_in_the_environment_beats_the_secret_in_a_settings_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("obi.toml").write_text(f'{name} = "of the settings file"\n', encoding="utf-8")
    path = secret_file(tmp_path / "secret", "of the environment")
    monkeypatch.setenv(f"OBI_{name.upper()}_FILE", str(path))
    assert value_of(load_settings(), name) == "of the environment"


def test_extra_headers_come_from_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("obi.toml").write_text('headers = {"x-api-key" = "of the settings file"}\n', encoding="utf-8")
    path = secret_file(tmp_path / "headers", json.dumps({"x-api-key": SECRET, "x-tenant": "ü"}))
    monkeypatch.setenv("OBI_HEADERS_FILE", str(path))
    headers = load_settings().headers
    assert {name: value.get_secret_value() for name, value in headers.items()} == {
        "x-api-key": SECRET,
        "x-tenant": "ü",
    }
    monkeypatch.setenv("OBI_HEADERS", '{"a": "b"}')
    assert list(load_settings().headers) == ["a"]


@pytest.mark.parametrize("text", [f"x-api-key: {SECRET}", f'["{SECRET}"]', f'{{"k": ["{SECRET}"]}}', ""])
def test_a_file_of_headers_that_is_none_is_told_without_its_content(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBI_HEADERS_FILE", str(secret_file(tmp_path / "headers", text)))
    with pytest.raises(ConfigError, match="OBI_HEADERS_FILE names is not JSON") as told:
        load_settings()
    assert SECRET not in str(told.value)


def test_a_file_of_headers_that_is_open_to_everyone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path / "headers", '{"x-api-key": "k"}', mode=0o644)
    monkeypatch.setenv("OBI_HEADERS_FILE", str(path))
    with pytest.raises(ConfigError, match="chmod o-rwx"):
        load_settings()


def test_a_tokens_command_in_the_environment_beats_a_token_in_a_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBI_TOKEN_COMMAND", "vault read token")
    for line in ('token = "stale"', f'token_file = "{secret_file(tmp_path / "stale")}"'):
        Path("obi.toml").write_text(f"{line}\n", encoding="utf-8")
        settings = load_settings()
        assert (value_of(settings, "token"), value_of(settings, "token_command")) == ("", "vault read token")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o644, 0o666, 0o777])
def test_a_secret_file_that_is_open_to_everyone_is_refused(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path / "secret", mode=mode)
    monkeypatch.setenv("OBI_PASSWORD_FILE", str(path))
    with pytest.raises(ConfigError, match="chmod o-rwx") as told:
        load_settings()
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_a_secret_file_for_the_owner_or_its_group_is_read(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path / "secret", mode=mode)
    monkeypatch.setenv("OBI_TOKEN_FILE", str(path))
    assert load_settings().token.get_secret_value() == SECRET


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_secret_file_that_cannot_be_read_names_itself_and_its_variable(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
        path.chmod(0o600)
    monkeypatch.setenv("OBI_TOKEN_FILE", str(path))
    with pytest.raises(ConfigError, match="OBI_TOKEN_FILE") as told:
        load_settings()
    assert str(path) in str(told.value)


@pytest.fixture
def secretive(tmp_path: Path) -> Settings:
    return load_settings(
        base_url="https://host/RI/obi",
        username="the-user-name",
        password=SECRET,
        token=f"{SECRET}-2",
        headers={"x-api-key": f"{SECRET}-3"},
        password_file=secret_file(tmp_path / "of-the-password"),
        token_command=f"vault read {SECRET}-4",
        client_cert="/keys/of-the-client.pem",
        client_key="/keys/of-the-client.key",
        client_key_password=f"{SECRET}-5",
        media_type="xml",
    )


def test_no_credential_is_frozen_into_a_manifest(secretive: Settings) -> None:
    text = json.dumps(secretive.frozen())
    for private in (SECRET, "the-user-name", "x-api-key", "of-the-password", "of-the-client", "state_dir"):
        assert private not in text


def test_a_run_may_be_resumed_in_the_other_media_type(secretive: Settings) -> None:
    assert "media_type" not in secretive.frozen()


def test_no_secret_shows_in_any_text_of_the_settings(secretive: Settings) -> None:
    for text in (repr(secretive), str(secretive), secretive.model_dump_json(), str(secretive.model_dump())):
        assert SECRET not in text


def test_frozen_settings_make_the_same_settings_again(secretive: Settings) -> None:
    thawed = load_settings(**json.loads(json.dumps(secretive.frozen())))
    assert thawed.frozen() == secretive.frozen()


@pytest.mark.parametrize("flags", [{"password": 5}, {"token": ["a", SECRET]}, {"headers": {"k": [SECRET]}}])
def test_a_secret_of_a_wrong_kind_is_told_without_it(flags: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as told:
        load_settings(**flags)
    assert SECRET not in str(told.value)
    assert "5" not in str(told.value)


@pytest.mark.parametrize("url", [f"https://me:{SECRET}@host/obi", f"me:{SECRET}@host/obi"])
def test_credentials_inside_the_base_url_are_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as told:
        load_settings(base_url=url)
    assert SECRET not in str(told.value)


def test_the_settings_of_a_folder_choose_no_command_to_run(own_place: Path) -> None:
    """Who runs obi in a folder that somebody else filled must not run what that one wrote there."""
    Path("obi.toml").write_text('token_command = "touch owned"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="OBI_TOKEN_COMMAND"):
        load_settings()
