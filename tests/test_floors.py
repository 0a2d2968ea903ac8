"""The architecture's floors: a module imports lower floors only, and the stages never import each other.

A package (``obi``, ``simulator``, ``sources``, ``cli``) is one unit: its own modules may import one another.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import etl

ROOT = Path(etl.__file__).parent

FLOORS: tuple[tuple[str, frozenset[str]], ...] = (
    ("0 words", frozenset({"errors", "records"})),
    # What tells of progress speaks in the words of records.
    ("0 the protocol of progress", frozenset({"progress"})),
    ("0 the words of a check", frozenset({"findings"})),
    ("0 how a value is shown", frozenset({"quoting"})),
    ("0 the collector of cycles", frozenset({"collector"})),
    ("1 patterns of digits", frozenset({"digitpatterns"})),
    ("1 what libphonenumber knows", frozenset({"plans"})),
    ("1 blocks of numbers", frozenset({"blocks"})),
    # A value's own grammar, which the rules for a field or a number stand on.
    (
        "1 grammars",
        frozenset(
            {"dates", "limits", "numbering", "patterns", "phonetext", "regions", "settings", "vocabulary"}
        ),
    ),
    ("1 the reading of whole blocks", frozenset({"quicknumbers"})),
    ("1 tables of a profile", frozenset({"profiletables"})),
    ("1 rules", frozenset({"fields", "phone", "profile"})),
    ("1 whole columns of phone cells", frozenset({"quickphones"})),
    ("1 guesses", frozenset({"guesses"})),
    ("1 what cells look like", frozenset({"looks"})),
    ("1 a header, and whose export it is", frozenset({"exports", "header"})),
    ("1 entries of do-not-call lists", frozenset({"entries"})),
    # Rules that are made from a profile: the columns of one input, its limits, its schema for editors.
    ("1 rules of a profile", frozenset({"areacodes", "columns", "expectations", "namesback", "schemas"})),
    ("2 how outcomes are kept", frozenset({"rowstore"})),
    ("2 lines of CSV", frozenset({"csvlines"})),
    ("2 edges", frozenset({"journal", "obi", "outputs", "simulator", "sources", "undone"})),
    ("2 what was handed over", frozenset({"handedover"})),
    # Tools of one stage, apart from it so that each fits on a page.
    ("2 processes that help", frozenset({"apart"})),
    ("2 throw-away files", frozenset({"scratch", "scratchfiles"})),
    ("2 files that a look-up asks", frozenset({"keyfile"})),
    (
        "2 what a stage works with",
        frozenset({"chunk", "circuit", "dateorder", "forms", "pace", "payload", "state"}),
    ),
    ("2 do-not-call lists", frozenset({"listcolumns", "suppression"})),
    ("2 which rows must not be called", frozenset({"suppressing"})),
    ("2 what earlier runs sent", frozenset({"earlier"})),
    ("2 each row's country", frozenset({"countries"})),
    ("2 what rows have claimed", frozenset({"seen"})),
    ("2 repeats", frozenset({"duplicates"})),
    ("2 inputs at a URL", frozenset({"remote"})),
    ("2 our copy of an input", frozenset({"spooling"})),
    ("2 what becomes of sent rows", frozenset({"gathering", "outcomes", "posting"})),
    ("2 what a campaign holds", frozenset({"holdings"})),
    ("3 stages", frozenset({"chunker", "poster", "reader", "reconciler", "survey", "validator"})),
    # Where stages meet, from what they share up to a whole run.
    ("4 places, links and campaigns", frozenset({"campaigns", "files", "link"})),
    ("4 handing over", frozenset({"handover"})),
    ("4 whom an export means", frozenset({"exportchoice", "exportwalk"})),
    ("4 what an export keeps", frozenset({"exportspool", "exporttable"})),
    ("4 who was met", frozenset({"exportgather"})),
    ("4 what is told of an export", frozenset({"exportreport"})),
    ("4 exports", frozenset({"exporting"})),
    ("4 searching customers", frozenset({"customersearch"})),
    ("4 which customers are meant", frozenset({"wanted"})),
    ("4 who of them is in a campaign", frozenset({"roster"})),
    ("4 answers of a deletion", frozenset({"removed"})),
    ("4 a campaign's fields", frozenset({"campaignfields"})),
    ("4 looking after campaigns", frozenset({"campaignchanges", "campaignsearch", "switching"})),
    ("4 what campaigns came to", frozenset({"figures"})),
    ("4 pictures of figures", frozenset({"pictures"})),
    ("4 a do-not-call list", frozenset({"listfiles"})),
    ("4 the work of a run", frozenset({"lists", "work"})),
    ("4 answers of a run", frozenset({"publishing"})),
    ("4 rows decided by a process of its own", frozenset({"deciding"})),
    ("4 what is still to be done", frozenset({"steps"})),
    ("4 the pipeline", frozenset({"pipeline"})),
    ("4 reading back", frozenset({"readback"})),
    ("4 deleting customers", frozenset({"deletions"})),
    ("4 customers of suppressed rows", frozenset({"loaded"})),
    ("4 what is asked of a run", frozenset({"orders"})),
    ("4 a profile for a file", frozenset({"drafts", "profilecheck"})),
    ("4 a profile as text", frozenset({"drafttext"})),
    ("4 reports", frozenset({"reports"})),
    ("4 what a check looks at", frozenset({"fit", "sample"})),
    ("4 checks", frozenset({"checks"})),
    ("4 answers while it runs", frozenset({"following"})),
    ("4 a sitting of a run", frozenset({"sittings"})),
    ("4 runs", frozenset({"runs"})),
    ("4 undoing a run", frozenset({"undo"})),
    ("4 deleting who is named", frozenset({"removal"})),
    ("4 opt-outs in one campaign", frozenset({"optoutsearch"})),
    ("4 opt-outs", frozenset({"optouts"})),
    ("4 one person by hand", frozenset({"adding"})),
    ("4 the library's face", frozenset({"api"})),
    ("5 faces", frozenset({"", "cli"})),
    ("5 python -m", frozenset({"__main__"})),
)
STAGES = frozenset({"survey", "reader", "validator", "chunker", "poster", "reconciler"})
PLACE = {unit: floor for floor, (_, units) in enumerate(FLOORS) for unit in units}

ONLY_IN: dict[str, tuple[str, ...]] = {
    "tenacity": ("etl.obi.retry",),
    "click": ("etl.cli",),
    "rich": ("etl.cli",),
    # The simulator's command tells of a data file that is none.
    "sqlite3": (
        "etl.journal",
        "etl.rowstore",
        "etl.undone",
        "etl.handedover",
        "etl.scratch",
        "etl.simulator",
        "etl.cli.simulator",
    ),
    "phonenumbers": (
        "etl.blocks",
        "etl.entries",
        "etl.phone",
        "etl.numbering",
        "etl.plans",
        "etl.quicknumbers",
        "etl.regions",
        "etl.profiletables",
    ),
    "matplotlib": ("etl.pictures",),
    "pandera": ("etl.forms",),
    "xlsxwriter": ("etl.outputs",),
    "pyarrow": ("etl.outputs",),
    "xlrd": ("etl.sources.xls",),
    "filelock": ("etl.state",),
}
NEVER: dict[str, frozenset[str]] = {
    "etl.errors": frozenset({"etl", "pandas", "aiohttp", "msgspec"}),
    "etl.records": frozenset({"etl", "pandas", "aiohttp"}),
    "etl.settings": frozenset({"click"}),
    "etl.profile": frozenset({"pandas", "pandera"}),
    "etl.phone": frozenset({"pandas"}),
    "etl.fields": frozenset({"pandas"}),
    "etl.journal": frozenset({"aiohttp"}),
    "etl.chunker": frozenset({"sqlite3", "aiohttp", "pandas"}),
    "etl.validator": frozenset({"aiohttp"}),
    "etl.reader": frozenset({"aiohttp"}),
    "etl.poster": frozenset({"sqlite3", "pandas"}),
    "etl.reconciler": frozenset({"aiohttp"}),
    "etl.pipeline": frozenset({"click", "rich"}),
}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; shipped data is none."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "_assets":
            found[".".join(("etl", *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = modules()


@cache
def imports_of(module: str) -> frozenset[str]:
    """The modules that a module imports anywhere in it, in functions and for type checking too."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively; write the whole name"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def unit_of(module: str) -> str:
    """``etl.obi.retry`` is of the unit ``obi``, ``etl`` itself of the unit ``""``."""
    return module.split(".")[1] if "." in module else ""


def own_imports() -> list[tuple[str, str]]:
    return [
        (module, found) for module in MODULES for found in imports_of(module) if found.split(".")[0] == "etl"
    ]


def test_every_module_stands_on_exactly_one_floor() -> None:
    units = [unit for _, floor in FLOORS for unit in floor]
    assert len(set(units)) == len(units)
    assert {unit_of(module) for module in MODULES} == set(units), "give a new module its floor in FLOORS"


def test_modules_import_lower_floors_only() -> None:
    wrong = [
        f"{module} ({FLOORS[PLACE[unit_of(module)]][0]}) imports {found} ({FLOORS[PLACE[unit_of(found)]][0]})"
        for module, found in own_imports()
        if unit_of(found) != unit_of(module) and PLACE[unit_of(found)] >= PLACE[unit_of(module)]
    ]
    assert wrong == []


def test_every_import_of_our_own_is_of_a_module_that_is_there() -> None:
    assert {found for _, found in own_imports()} <= set(MODULES)


def test_the_stages_of_the_test_are_the_stages_of_the_floor() -> None:
    assert dict(FLOORS)["3 stages"] == STAGES


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_no_stage_reaches_another_not_even_by_a_detour(stage: str) -> None:
    assert {unit_of(module) for module in closure(f"etl.{stage}")} & STAGES == {stage}


def test_client_and_simulator_share_no_module_of_ours() -> None:
    """The two are written from the document apart, so that each checks the other."""
    client, simulator = (
        {module for start in MODULES if unit_of(start) == unit for module in closure(start)}
        for unit in ("obi", "simulator")
    )
    assert client & simulator == set()


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_where_its_edge_is_and_nowhere_else(library: str) -> None:
    users = {module for module in MODULES if library in roots(module)}
    places = ONLY_IN[library]
    assert users
    assert [user for user in sorted(users) if not user.startswith(places)] == []


@pytest.mark.parametrize("module", sorted(NEVER))
def test_a_module_does_not_know_what_it_must_not(module: str) -> None:
    assert roots(module) & NEVER[module] == set()


def test_no_module_of_the_library_prints() -> None:
    printing = [
        module
        for module, path in MODULES.items()
        if unit_of(module) != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


@pytest.mark.parametrize(
    ("argument", "heavy"),
    [
        ("--help", ["pandas", "pandera", "aiohttp", "pydantic", "phonenumbers", "etl.runs", "rich"]),
        ("--version", ["pandas", "pandera", "aiohttp", "pydantic", "phonenumbers", "etl.runs", "rich"]),
        ("load --help", ["pandas", "pandera", "aiohttp"]),
    ],
)
def test_help_waits_for_nothing_heavy(argument: str, heavy: list[str]) -> None:
    script = f"""
import sys
sys.argv = ["obi", *{argument.split()!r}]
from etl.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {heavy!r} if name in sys.modules]
assert not loaded, loaded
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import sys, etl; assert not {'pandas', 'aiohttp', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def roots(module: str) -> set[str]:
    """The first names of what a module imports: libraries, and ``etl`` for its own."""
    return {found.split(".")[0] for found in imports_of(module)}


def closure(module: str) -> set[str]:
    """The module and all of ours that it imports, directly or not."""
    found: set[str] = set()
    open_ones = [module]
    while open_ones:
        each = open_ones.pop()
        if each not in found:
            found.add(each)
            open_ones += [other for other in imports_of(each) if other in MODULES]
    return found
