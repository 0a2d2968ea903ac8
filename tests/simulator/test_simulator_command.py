"""The simulator as a command and as a library: seeds, faults, options, the control plane."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Dialect, Fault, Simulator

Obi = Callable[..., tuple[int, str, str]]

SEED = {
    "campaigns": [
        {
            "name": "Spring",
            "timeZone": "Europe/Rome",
            "customers": [
                {"externalId": "10", "numbers": "0215428754", "result": "SUCCESS", "callCount": 2},
                {"numbers": "111;222"},
            ],
        },
        {"id": PREVIEW_CAMPAIGN, "customers": [{"externalId": "x", "numbers": "333"}]},
    ]
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def control(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.control_url}/", timeout=timeout) as session:
        yield session


def campaign_id(simulator: Simulator, name: str) -> str:
    return next(each.id for each in simulator._service.store.campaigns() if each.name == name)


# --- seeds -------------------------------------------------------------------------------------------


async def test_a_seed_is_what_there_is_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(SEED))
    for seed in (SEED, path):
        async with Simulator(seed=seed) as simulator:
            spring = campaign_id(simulator, "Spring")
            one, two = simulator.customers(spring)
            assert (one["externalId"], one["result"], one["callCount"]) == ("10", "SUCCESS", 2)
            assert (two["externalId"], two["numbers"]) == ("Spring-2", "111;222")
            assert simulator.count(PREVIEW_CAMPAIGN) == 1
            async with aiohttp.ClientSession(f"{simulator.base_url}/") as http:
                async with http.get(f"campaigns/{spring}") as answer:
                    shown = await answer.json()
                assert [shown[name] for name in ("timeZone", "total", "handled")] == ["Europe/Rome", 2, 1]
                async with http.get(f"campaigns/{spring}/customers?result=SUCCESS") as answer:
                    assert [each["externalId"] for each in await answer.json()] == ["10"]


async def test_a_seed_may_be_toml(tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(
        '[[campaigns]]\nname = "Spring"\n[[campaigns.customers]]\nnumbers = "111"\n'
        '[campaigns.customers.script]\nname = "S"\nanswers = [{question = "Q", answer = "A"}]\n'
    )
    async with Simulator(seed=path) as simulator:
        assert simulator.count(campaign_id(simulator, "Spring")) == 1


async def test_a_toml_seed_may_write_times_as_toml_does(tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(
        '[[campaigns]]\nname = "Spring"\nstartDate = 2026-03-01T08:00:00Z\nendDate = 2026-06-01\n'
    )
    async with Simulator(seed=path) as simulator:
        (spring,) = [each for each in simulator._service.store.campaigns() if each.name == "Spring"]
        assert (spring.start_date, spring.end_date) == ("2026-03-01T08:00:00Z", "2026-06-01T00:00:00Z")


async def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    seed, faults = tmp_path / "seed.json", tmp_path / "faults.json"
    seed.write_text('{"campaigns": [{"name": "Spring"}]}', encoding="utf-8-sig")
    faults.write_text('{"mode": "503"}', encoding="utf-8-sig")
    async with Simulator(seed=seed, faults=faults) as simulator:
        assert campaign_id(simulator, "Spring")


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(unique="system", ids_ignore_case=True)])
async def test_seeding_twice_is_seeding_once(tmp_path: Path, dialect: Dialect) -> None:
    for _ in range(2):
        async with Simulator(db=tmp_path / "data", seed=SEED, dialect=dialect) as simulator:
            assert simulator.seed(SEED) == 0
            assert len(simulator._service.store.campaigns()) == 3
            assert simulator.count(campaign_id(simulator, "Spring")) == 2
            assert simulator.count(PREVIEW_CAMPAIGN) == 1


async def test_a_campaign_that_is_there_is_left_as_it_is(simulator: Simulator) -> None:
    simulator.seed(
        {"campaigns": [{"id": EXAMPLE_CAMPAIGN, "name": "Other"}, {"name": "Test Preview Campaign"}]}
    )
    names = [each.name for each in simulator._service.store.campaigns()]
    assert names == ["Test Preview Campaign", "Test Campaign"]


BROKEN = [
    ({}, "campaigns"),
    ({"campaigns": {}}, "campaigns"),
    ({"campaigns": [], "customers": []}, "customers"),
    ({"campaigns": [{}]}, "campaign 1: a campaign needs a name"),
    ({"campaigns": [{"name": "A"}, {"name": "B", "dialingMode": "FAST"}]}, r"campaign 2: .*dialingMode"),
    ({"campaigns": [{"name": "A", "colour": "red"}]}, "campaign 1: .*colour"),
    ({"campaigns": [{"name": "A", "id": "x"}]}, "campaign 1: id is neither"),
    ({"campaigns": [{"name": "A", "customers": {}}]}, "campaign 1: .*array"),
    (
        {"campaigns": [{"name": "A", "customers": [{"numbers": "x"}]}]},
        "campaign 1, customer 1: Invalid numbers",
    ),
    (
        {"campaigns": [{"name": "A", "customers": [{"number": "111"}]}]},
        "customer 1: there is no field 'number'",
    ),
    ({"campaigns": [{"name": "A", "customers": [{"numbers": "111", "callCount": -1}]}]}, "callCount"),
    (
        {"campaigns": [{"name": "A", "customers": [{"numbers": "111"}, {"numbers": "111", "result": 5}]}]},
        "customer 2",
    ),
    ({"campaigns": [{"name": "A", "customers": [{"numbers": "111", "script": {"name": "S"}}]}]}, "answers"),
]


@pytest.mark.parametrize(("seed", "reason"), BROKEN)
async def test_a_broken_seed_is_refused_as_a_whole(
    simulator: Simulator, seed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        simulator.seed(seed)
    assert len(simulator._service.store.campaigns()) == 2
    with pytest.raises(ValueError, match=reason):
        Simulator(seed=seed)


# --- the dialler ------------------------------------------------------------------------------------


async def test_the_dialler_is_off_until_it_is_told(
    simulator: Simulator, control: aiohttp.ClientSession
) -> None:
    simulator.seed(SEED)
    assert "result" not in simulator.customers(PREVIEW_CAMPAIGN)[0]
    async with control.post("dial", json={"hours": 8, "seed": 1}) as answer:
        told = await answer.json()
    assert told["calls"] > 0
    assert told["now"][:13] == simulator._service.store.now()[:13]
    assert simulator.customers(PREVIEW_CAMPAIGN)[0]["callCount"] >= 1
    bodies: list[object] = [
        {"hours": -1},
        {"hours": 1e9},
        {"minutes": 1},
        {"hours": "8"},
        [],
        {"hours": None},
    ]
    for body in bodies:
        async with control.post("dial", json=body) as answer:
            assert answer.status == 400


async def test_dialling_is_the_same_over_http_and_in_python(
    control: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.seed(SEED)
    async with control.post("dial", json={"hours": 24, "seed": 7}) as answer:
        calls = (await answer.json())["calls"]
    async with Simulator(seed=SEED) as other:
        assert other.dial(hours=24, seed=7) == calls
        results = [
            [each.get("result") for each in one.customers(PREVIEW_CAMPAIGN)] for one in (simulator, other)
        ]
        assert results[0] == results[1]


@pytest.mark.parametrize("options", [{"dial": -1}, {"dial": float("nan")}, {"latency_ms": -1}])
def test_a_speed_or_latency_below_nothing_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="numbers from 0"):
        Simulator(**options)  # type: ignore[arg-type]  # one of them at a time


async def test_in_the_background_the_dialler_goes_on_by_itself() -> None:
    async with Simulator(seed=SEED, dial=36_000, dial_seed=1) as simulator, asyncio.timeout(5):
        while not simulator.customers(PREVIEW_CAMPAIGN)[0].get("callCount"):
            await asyncio.sleep(0.01)


# --- faults from a file ------------------------------------------------------------------------------


async def test_faults_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"mode": "503", "nth": 2}, {"mode": "401", "nth": 3}]')
    async with Simulator(faults=path) as simulator, aiohttp.ClientSession(f"{simulator.base_url}/") as http:
        statuses = [(await http.get("campaigns")).status for _ in range(4)]
        assert statuses == [200, 503, 401, 200]


@pytest.mark.parametrize(
    "text", ["", "{", '{"mode": "none"}', '[{"mode": "503", "nth": 0}]', "[5]", "[" * 10**5]
)
def test_a_broken_file_of_faults_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"faults\.json"):
        Simulator(faults=path)


# --- the command -------------------------------------------------------------------------------------


def test_a_seed_or_faults_that_are_broken_end_with_3_and_say_what_is_wrong(own_place: Path, obi: Obi) -> None:
    Path("seed.json").write_text(json.dumps(BROKEN[8][0]))
    Path("faults.json").write_text('[{"mode": "none"}]')
    for words, reason in (
        (("--seed", "seed.json"), "campaign 1, customer 1: Invalid numbers: 'x'"),
        (("--seed", "missing.json"), "missing.json"),
        (("--faults", "faults.json"), "faults.json"),
        (("--faults", "."), "with ."),
        (("--seed", "faults.json"), "faults.json"),
    ):
        code, out, err = obi("simulator", "--port", "0", "--db", ":memory:", *words)
        assert (code, out) == (3, "")
        assert err.startswith("obi: The simulator can't start")
        assert reason in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--number-length", "3"),
        ("--number-length", "9-3"),
        ("--unique", "world"),
        ("--attributes", "flat"),
        ("--latency", "-1"),
        ("--dial", "-1"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error(
    own_place: Path, obi: Obi, words: tuple[str, str]
) -> None:
    code, _, err = obi("simulator", *words)
    assert code == 2
    assert words[0] in err


def test_the_command_serves_as_its_options_say(own_place: Path, serving: Callable[..., str]) -> None:
    Path("seed.json").write_text(json.dumps(SEED))
    Path("faults.json").write_text('{"mode": "503", "path": "/statistics"}')
    url = serving(
        *("--seed", "seed.json", "--faults", "faults.json", "--auth", "bearer:t", "--strict"),
        *("--attributes", "bare", "--language", "de", "--number-length", "3-10", "--latency", "1"),
        *("--unique", "system", "--ids-ignore-case", "--duplicates", "none"),
    )

    async def ask() -> None:
        headers = {"Authorization": "Bearer t"}
        async with aiohttp.ClientSession(f"{url}/", headers=headers) as http:
            async with http.get("campaigns?name=Spring", headers={"Authorization": ""}) as answer:
                assert answer.status == 401
            async with http.get("campaigns?name=Spring", headers={"Accept": "text/html"}) as answer:
                assert answer.status == 406
            async with http.get("campaigns?name=Spring") as answer:
                spring = (await answer.json())[0]["id"]
            async with http.get(f"campaigns/{spring}/customers") as answer:
                assert isinstance((await answer.json())[0]["attributes"], list)
            customers = [
                {"externalId": "X", "numbers": "111"},
                {"externalId": "b", "numbers": "111"},
                {"externalId": "B", "numbers": "111"},
                {"externalId": "c", "numbers": "11111111111"},
            ]
            async with http.post(f"campaigns/{spring}/customers/list", json=customers) as answer:
                assert [each["error"].partition(":")[0] for each in await answer.json()] == [
                    "Ungültige externalId",
                    "Ungültige externalId",
                    "Ungültige externalId",
                    "Ungültiger Wert für numbers",
                ]
            async with http.get("statistics") as answer:
                assert answer.status == 503

    asyncio.run(ask())


@pytest.fixture
def serving() -> Any:
    """Start ``obi simulator`` with these words, and get the URL that it tells; it must end in order."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> str:
        command = [sys.executable, "-u", "-m", "etl", "simulator", "--port", "0", "--db", ":memory:", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        assert "_sim" in told[1]
        assert "openapi.json" in told[2]
        return next(word for word in told[0].split() if word.startswith("http://"))

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0


async def test_the_library_takes_what_the_command_takes() -> None:
    fault = Fault(mode="503", nth=1)
    dialect = Dialect(attributes="single")
    async with (
        Simulator(faults=[fault], dialect=dialect, strict=True, auth="bearer:t", seed=SEED) as simulator,
        aiohttp.ClientSession(f"{simulator.base_url}/", headers={"Authorization": "Bearer t"}) as http,
    ):
        assert (await http.get("campaigns")).status == 503
        async with http.get(f"campaigns/{PREVIEW_CAMPAIGN}/customers") as answer:
            (customer,) = await answer.json()
            assert customer["attributes"] == {"attribute": {"name": "Phone1", "value": "333"}}
