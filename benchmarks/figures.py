"""What was measured, as it is kept beside the page that is made from it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct, field

from benchmarks.measure import Case

LIBRARIES = (
    "aiohttp", "dlt", "elasticsearch", "msgspec", "pandas", "pandera", "phonenumbers", "python-calamine",
    "requests", "singer-sdk",
)  # fmt: skip


class Part(Struct, frozen=True, kw_only=True):
    """What one part of the benchmark measured: in which form, when, and what it had to leave out."""

    form: str
    day: str
    cases: list[Case]
    skipped: list[str] = field(default_factory=list)

    def sizes(self, name: str) -> list[Case]:
        """The cases of this name by their rows. Raises LookupError where there is none."""
        found = sorted((case for case in self.cases if case.name == name), key=lambda case: case.rows)
        if not found:
            raise LookupError(name)
        return found

    def one(self, name: str) -> Case:
        """The case of this name that has most rows; raises as ``sizes``."""
        return self.sizes(name)[-1]

    def small(self, name: str) -> Case:
        """The case of this name that has fewest rows; raises as ``sizes``."""
        return self.sizes(name)[0]

    def names(self) -> list[str]:
        """Names of cases in the order in which they were measured first."""
        return list(dict.fromkeys(case.name for case in self.cases))


class Figures(Struct, kw_only=True):
    """Everything: the machine, and the parts by name, which may be of different days.

    ``note`` is a sentence about how it was measured, where there is something to say.
    """

    note: str = ""
    machine: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Figures:
        """The figures at ``path``, none where there is no such file."""
        return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """Keep them at ``path``, a case a line: what changes can be read."""
        text = msgspec.json.encode(_rounded(msgspec.to_builtins(self)))
        path.write_bytes(text.replace(b'{"name":', b'\n{"name":') + b"\n")


def _rounded(value: object) -> object:
    """Four decimals: more is noise."""
    match value:
        case float():
            return round(value, 4)
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value


def today() -> str:
    """The date."""
    return datetime.now(UTC).date().isoformat()


def machine() -> dict[str, str]:
    """What the figures depend on; nothing that names the machine."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{_processor()}, {cores} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES if _is_there(name)},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def _is_there(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
