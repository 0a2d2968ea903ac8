"""``docs/campaigns.md``: its commands and its Python run as they stand."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.simulator import Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

PAGE = (Path(__file__).parent.parent / "docs" / "campaigns.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def server(serve: Serve, own_place: object, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    simulator.add_campaign("Spring offer", customIvrNumber="0042")
    simulator.add_campaign("Summer")
    return simulator


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_page_run(line: str, server: Simulator, obi: Obi) -> None:
    if "--plot" in line and importlib.util.find_spec("matplotlib") is None:
        pytest.skip("needs matplotlib: pip install 'obi-import[plot]'")
    _, *words = shlex.split(line)
    code, _, err = obi(*words)
    assert code == 0, err


def test_the_python_of_the_page_runs(server: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(example, {})  # noqa: S102  -- our own page
    assert capsys.readouterr().out.startswith("Active ")


def test_every_option_of_a_search_and_of_an_update_is_on_the_page() -> None:
    from etl.cli.campaigns import campaigns  # noqa: PLC0415  -- only this test waits for it

    for name in ("list", "update"):
        for parameter in campaigns.commands[name].params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert f"`{option}" in PAGE, option
