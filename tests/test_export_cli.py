"""``obi export`` at the command line, and what is handed over night by night."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import etl
from etl.simulator import Fault, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CAMPAIGN = "Spring"
MINUTE = "2027-04-03T10:{:02}:00Z"


def seed(simulator: Simulator, *numbers: int, **fields: Any) -> None:
    customers = [{"externalId": f"{number:04}", "numbers": "+442079460001", **fields} for number in numbers]
    simulator.seed({"campaigns": [{"name": CAMPAIGN, "customers": customers}]})


def call(simulator: Simulator, number: int, *, when: str, result: str = "SUCCESS") -> None:
    """Let an agent have called somebody at this time."""
    simulator._service.store._db.execute(
        "UPDATE customers SET result = ?1, modified = ?2, body = json_set(body, '$.result', ?1, "
        "'$.modificationDate', ?2) WHERE external_id = ?3",
        (result, when, f"{number:04}"),
    )


@pytest.fixture
def simulator(serve: Serve, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    return simulator


def listed() -> list[str]:
    """What is in the working folder."""
    return sorted(path.name for path in Path().iterdir())


def ids(rows: list[dict[str, str]]) -> list[str]:
    return [row["externalId"] for row in rows]


def test_the_summary_says_how_many_and_where(simulator: Simulator, obi: Obi, answers_in: Answers) -> None:
    seed(simulator, 1, 2, result="SUCCESS")
    seed(simulator, 3, result="FAILURE")
    code, out, err = obi("export", CAMPAIGN, "--out", "out.csv", "--result", "success*", "--quiet")
    assert code == 0, err
    assert f"2 customers of {CAMPAIGN} in {Path('out.csv').absolute()}" in out or "SUCCESS" not in out
    code, out, err = obi("export", CAMPAIGN, "--out", "out.csv", "--result", "SUCCESS*", "--quiet")
    assert (code, err) == (0, "")
    assert f"2 customers of {CAMPAIGN} in {Path('out.csv').absolute()}" in out
    assert "Filters: result SUCCESS*" in out
    assert ids(answers_in("out.csv")) == ["0001", "0002"]


def test_json_is_the_report_and_all_else_goes_to_standard_error(simulator: Simulator, obi: Obi) -> None:
    seed(simulator, 1)
    code, out, err = obi("export", CAMPAIGN, "--out", "out.jsonl", "--json", "--quiet")
    report = json.loads(out)
    assert (code, report["rows"], report["complete"], report["command"]) == (0, 1, True, "export")
    assert report["campaign"]["name"] == CAMPAIGN
    assert "1 customer of Spring" in err


def test_what_may_be_incomplete_ends_with_5(simulator: Simulator, obi: Obi) -> None:
    seed(simulator, *range(120))
    store = simulator._service.store
    counters = store.counters
    store.counters = lambda campaign_id: counters(campaign_id) | {"total": 130}  # type: ignore[method-assign]
    code, _, err = obi("export", CAMPAIGN, "--out", "out.csv")
    assert code == 5
    assert "Not complete for certain: the campaign counts 130 customers" in err
    assert Path("out.csv").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export"], "Name a CAMPAIGN"),
        (["export", CAMPAIGN], "Name a CAMPAIGN"),
        (["export", CAMPAIGN, "--out", "out.csv", "--profile", "a", "--columns", "b"], "give one of them"),
        (["export", "--ack", "R", CAMPAIGN], "takes no CAMPAIGN"),
        (["export", CAMPAIGN, "--out", "o.csv", "--incremental", "--modified-since", "2d"], "leave out"),
        (["export", CAMPAIGN, "--out", "o.csv", "--ack"], "belongs to --incremental"),
        (["export", CAMPAIGN, "--out", "o.csv", "--modified-since", "soon"], "is no time"),
        (["export", CAMPAIGN, "--out", "o.csv", "--profile", "nobody"], "no profile"),
        (["export", CAMPAIGN, "--out", "o.pdf"], "ends in none"),
        (["export", "--ack", "R"], "There is no export"),
    ],
)
def test_what_cannot_be_meant_is_told(words: list[str], says: str, simulator: Simulator, obi: Obi) -> None:
    code, _, err = obi(*words)
    assert code in {2, 3, 8}
    assert says in " ".join(err.split())
    assert simulator.requests == []


def test_help_has_examples_and_the_simulator_serves_too(obi: Obi, own_place: Path) -> None:
    code, out, _ = obi("export", "--help")
    assert (code, out.count("obi export")) == (0, 4)
    code, out, err = obi("export", "Test Preview Campaign", "--out", "o.csv", "--simulate", "--quiet")
    assert (code, err) == (0, "")
    assert "0 customers" in out


def test_python_exports_too(simulator: Simulator, own_place: Path, answers_in: Answers) -> None:
    seed(simulator, 1, 2, result="SUCCESS", attributes={"attribute": [{"name": "City", "value": "York"}]})
    seed(simulator, 3)
    (own_place / "crm.toml").write_text('[columns]\nexternalId = "Lead ID"\n', encoding="utf-8")
    report = etl.export(
        CAMPAIGN, "out.csv", result="SUCCESS*", attribute="City=Y*", modified_since="1d", profile="crm.toml"
    )
    assert (report.rows, report.complete) == (2, True)
    assert [row["Lead ID"] for row in answers_in("out.csv")] == ["0001", "0002"]
    first = etl.export(CAMPAIGN, "new.csv", incremental=True, awaits=True)
    assert (first.rows, first.next) == (3, f"obi export --ack {first.run}")


# --- night by night -----------------------------------------------------------------------------------


def nightly(obi: Obi, *more: str, out: str = "new.csv") -> dict[str, Any]:
    code, printed, err = obi("export", CAMPAIGN, "--out", out, "--incremental", "--json", "--quiet", *more)
    assert code == 0, err
    report: dict[str, Any] = json.loads(printed)
    return report


def test_each_night_brings_what_is_new_and_what_changed_and_nothing_twice(
    simulator: Simulator, obi: Obi, answers_in: Answers
) -> None:
    seed(simulator, 1, 2, modificationDate=MINUTE.format(1))
    assert nightly(obi, out="1.csv")["rows"] == 2
    call(simulator, 1, when=MINUTE.format(3))
    seed(simulator, 3, modificationDate=MINUTE.format(2))
    second = nightly(obi, out="2.csv")
    assert ids(answers_in("2.csv")) == ["0001", "0003"]
    assert (second["rows"], second["had"]) == (2, 1)
    assert nightly(obi, out="3.csv")["rows"] == 0
    assert answers_in("3.csv") == []


def test_a_file_that_was_not_fetched_is_moved_aside(
    simulator: Simulator, obi: Obi, answers_in: Answers
) -> None:
    seed(simulator, 1, modificationDate=MINUTE.format(1))
    nightly(obi)
    seed(simulator, 2, modificationDate=MINUTE.format(2))
    report = nightly(obi)
    (other,) = (name for name in listed() if name != "new.csv")
    assert (ids(answers_in(other)), ids(answers_in("new.csv"))) == (["0001"], ["0002"])
    assert any(other in note for note in report["notes"])


def test_without_an_acknowledgement_customers_come_again(
    simulator: Simulator, obi: Obi, answers_in: Answers
) -> None:
    seed(simulator, 1, modificationDate=MINUTE.format(1))
    first = nightly(obi, "--ack")
    assert first["next"].startswith(f"obi export --ack {first['run']}")
    seed(simulator, 2, modificationDate=MINUTE.format(2))
    second = nightly(obi, "--ack")
    assert ids(answers_in("new.csv")) == ["0001", "0002"]
    code, _, err = obi("export", "--ack", first["run"])
    assert code == 8
    assert second["run"] in err
    code, out, _ = obi("export", "--ack", second["run"])
    assert code == 0
    assert "acknowledged" in out
    assert nightly(obi, "--ack", out="third.csv")["rows"] == 0


def test_again_brings_the_very_same_file(simulator: Simulator, obi: Obi) -> None:
    seed(simulator, 1, modificationDate=MINUTE.format(1))
    nightly(obi)
    content = Path("new.csv").read_bytes()
    Path("new.csv").unlink()
    call(simulator, 1, when=MINUTE.format(2))
    code, out, err = obi("export", CAMPAIGN, "--again", "--quiet")
    assert (code, err) == (0, "")
    assert "once more" in out
    assert Path("new.csv").read_bytes() == content


def test_different_filters_and_names_have_different_memories(simulator: Simulator, obi: Obi) -> None:
    seed(simulator, 1, modificationDate=MINUTE.format(1), result="SUCCESS")
    for more in ((), ("--result", "SUCCESS"), ("--name", "warehouse")):
        assert nightly(obi, *more)["rows"] == 1
        assert nightly(obi, *more)["rows"] == 0


def test_a_server_that_ignores_dates_gives_nothing_twice(simulator: Simulator, obi: Obi) -> None:
    simulator.add_fault("filter_ignored")
    seed(simulator, *range(150), modificationDate=MINUTE.format(1))
    assert nightly(obi)["rows"] == 150
    seed(simulator, 200, modificationDate=MINUTE.format(40))
    report = nightly(obi, out="second.csv")
    assert report["rows"] == 1
    assert report["complete"]


def test_the_commands_of_the_page_run_one_after_the_other(
    simulator: Simulator, obi: Obi, own_place: Path
) -> None:
    page = (Path(__file__).parent.parent / "docs" / "export.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (own_place / "acme.toml").write_text('[columns]\nexternalId = "Lead ID"\n', encoding="utf-8")
    seed(simulator, 1, 2, result="SUCCESS")
    run = ""
    for line in "".join(blocks).splitlines():
        words = shlex.split(line.replace("/srv/crm/in/", ""), comments=True)
        words = [run if word.startswith("20270403-") else word for word in words]
        code, out, err = obi(*words[1:], "--quiet")
        assert code == 0, err
        run = found[1] if (found := re.search(r"--ack (\S+)", out)) else run
    (python,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(python, {})  # noqa: S102  -- our own page


# --- interrupted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("--incremental",)])
def test_ctrl_c_while_the_table_is_written_leaves_no_part_of_it(
    more: tuple[str, ...],
    simulator: Simulator,
    obi: Obi,
    monkeypatch: pytest.MonkeyPatch,
    answers_in: Answers,
) -> None:
    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    seed(simulator, 1, 2)
    with monkeypatch.context() as patched:
        patched.setattr("etl.outputs._Csv.write_rows", interrupted)
        code, _, err = obi("export", CAMPAIGN, "--out", "out.csv", *more)
    assert (code, "Stopped" in err) == (130, True)
    assert listed() == []
    code, _, err = obi("export", CAMPAIGN, "--out", "out.csv", *more)
    assert code == 0, err
    assert ids(answers_in("out.csv")) == ["0001", "0002"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_export_that_is_interrupted_leaves_what_stood_there(
    how: signal.Signals, simulator: Simulator, own_place: Path, obi: Obi, answers_in: Answers
) -> None:
    seed(simulator, *range(300))
    assert obi("export", CAMPAIGN, "--out", "out.csv")[0] == 0
    before = Path("out.csv").read_bytes()
    seed(simulator, 300)
    asked = len(simulator.requests)
    simulator.add_fault(Fault(mode="hang", path="/customers", nth=2))
    root = str(Path(etl.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", "export", CAMPAIGN, "--out", "out.csv"],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while len(simulator.requests) < asked + 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (-9 if how is signal.SIGKILL else 130), err
    assert not re.search("Traceback|Error", err)
    assert Path("out.csv").read_bytes() == before
    simulator.clear_faults()
    simulator.release()
    assert obi("export", CAMPAIGN, "--out", "out.csv")[0] == 0
    assert len(answers_in("out.csv")) == 301
    assert listed() == ["out.csv"]
