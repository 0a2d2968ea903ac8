"""The sample exports of CRMs: they are what the script makes, and end as they are expected to.

A person read the expected results row by row; `python samples/make_crm_samples.py --accept` writes them anew
where a change is meant.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from etl import RunReport, Settings, aload
from etl.profile import asset, find_profile, read_profile
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

SAMPLES = asset("samples")
ROOT = SAMPLES.parent
FILES = sorted(path.name for path in (SAMPLES / "crm").iterdir() if "expected" not in path.name)
FOR_FICTION = re.compile(r"\+44(?:2079460|1214960|1614960)\d{3}|\+493023125\d{3}|\+1(?:212|312|415)55501\d\d")
BUILT_IN = sorted(path.stem for path in (asset("schemas") / "profiles").glob("*.toml"))

Load = Callable[..., Any]


def script(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    """The script that makes the samples."""
    path, modules = list(sys.path), set(sys.modules)
    yield script(SAMPLES / "make_crm_samples.py")
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "samples" in name or name.startswith(("crm_exports", "crm_forms")):
            del sys.modules[name]


@pytest.fixture
def load_sample(settings_for: Callable[..., Settings], own_place: Path, maker: ModuleType) -> Load:
    """Load a sample into a running simulator; its results and rejects are in the working folder."""

    async def load(simulator: Simulator, file: str) -> RunReport:
        (sample,) = (each for each in maker.SAMPLES if each.file == file)
        return await aload(
            SAMPLES / "crm" / file,
            campaign=PREVIEW_CAMPAIGN,
            profile=find_profile(None, **sample.given),
            settings=settings_for(simulator.base_url),
            results=own_place / "results.csv",
            rejects=own_place / "rejects.csv",
        )

    return load


def test_there_is_a_sample_of_each_built_in_profile(maker: ModuleType) -> None:
    assert sorted(sample.file for sample in maker.SAMPLES) == FILES
    table = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    for name in set(BUILT_IN) - {"obi"}:
        assert f"| `{name}` |" in table


@pytest.mark.parametrize("file", FILES)
def test_a_sample_is_what_the_script_makes(file: str, maker: ModuleType) -> None:
    (sample,) = (each for each in maker.SAMPLES if each.file == file)
    written = SAMPLES / "crm" / file
    if written.suffix == ".xlsx":  # its bytes depend on the library's version
        openpyxl: Any = pytest.importorskip("openpyxl")
        (sheet,) = openpyxl.load_workbook(written).worksheets
        cells = [["" if cell.value is None else str(cell.value) for cell in row] for row in sheet.iter_rows()]
        assert cells == [[cell.removeprefix("#") for cell in row] for row in sample.rows()]
    else:
        assert written.read_bytes() == sample.bytes()
    assert len({about for about, _ in sample.troubles}) == len(sample.troubles)


@pytest.mark.parametrize("file", FILES)
async def test_each_row_of_an_export_ends_as_expected(
    file: str, maker: ModuleType, load_sample: Load
) -> None:
    async with Simulator() as simulator:
        report = await load_sample(simulator, file)
        customers = simulator.customers(PREVIEW_CAMPAIGN)

    (sample,) = (each for each in maker.SAMPLES if each.file == file)
    expected = maker.expected_of(sample)
    for written, wanted in zip((report.results, report.rejects), expected, strict=True):
        assert _lines(maker.make_samples.comparable(Path(written))) == _lines(wanted.read_bytes())
    assert report.rows == len(sample.troubles)
    numbers = [number for customer in customers for number in customer["numbers"].split(";")]
    assert numbers
    assert [number for number in numbers if not FOR_FICTION.fullmatch(number)] == []
    assert re.findall(r"@(?!example\.com\b)\w", json.dumps(customers)) == []


def _lines(content: bytes) -> list[str]:
    """Line by line, ends kept, so that a difference is shown where it is."""
    return content.decode("utf-8-sig").splitlines(keepends=True)


@pytest.mark.parametrize("file", FILES)
def test_no_number_of_a_column_that_nobody_is_called_at_is_sent(file: str, maker: ModuleType) -> None:
    """Fax, pager, assistant: their digits are in no number that is sent, unless another column has them."""
    (sample,) = (each for each in maker.SAMPLES if each.file == file)
    with maker.expected_of(sample)[0].open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        never = {
            name for name in row if re.search(r"(?i)fax|pager|assist|asst|isdn|telex|callback|rück", name)
        }
        elsewhere = " ".join(_digits(row[name]) for name in row if name not in never and "obi_" not in name)
        for name in never:
            national = _digits(row[name]).removeprefix("44").removeprefix("0")
            if len(national) > 6 and national not in elsewhere:
                assert national not in _digits(row["obi_numbers"]), (row["obi_row"], name)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def test_the_docs_hold_the_table_of_exports_as_it_is(maker: ModuleType) -> None:
    """If they don't, `python docs/make_crm_table.py` writes it anew."""
    tables = script(ROOT / "docs" / "make_crm_table.py")
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    made = tables.table([(sample.file, sample.header) for sample in maker.SAMPLES])
    assert tables.with_table(page, made) == page


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_profile_says_how_it_is_used(name: str) -> None:
    text = (asset("schemas") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    assert read_profile(name).name == name
    assert re.search(
        rf"#   obi load \S+ --campaign .*--profile {'YOUR-FILE.toml' if name == 'obi' else name}\b", text
    )
