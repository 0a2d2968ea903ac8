"""Writes the sample exports of CRMs, the same bytes each time: ``python samples/make_crm_samples.py``.

Each has the columns, the file form and the quirks of the real thing, and a trouble in each row: a column of
notes says which. Nobody in them is real (see ``make_samples.py``); American numbers have the 555 01 that is
kept for fiction.

``python samples/make_crm_samples.py --accept`` also loads them on the simulator, and writes what came out
beside them; read the difference before you commit it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import crm_exports as first
import crm_exports_more as more
import make_samples
from crm_forms import Sample

from etl import Settings, load
from etl.profile import find_profile

FOLDER = make_samples.HERE / "crm"

SAMPLES: tuple[Sample, ...] = (
    first.SALESFORCE_LEADS,
    first.SALESFORCE_CONTACTS,
    first.HUBSPOT,
    first.ZOHO,
    first.PIPEDRIVE,
    more.DYNAMICS,
    first.GOOGLE,
    more.OUTLOOK,
    more.OUTLOOK_GERMAN,
    more.ODOO,
    more.SUITECRM,
    more.FIVE9,
    more.GENESYS,
    first.OBI_ADMIN,
)


def expected_of(sample: Sample) -> tuple[Path, Path]:
    """Where the expected results and rejects of a sample are."""
    stem = Path(sample.file).stem
    return FOLDER / f"{stem}.expected.csv", FOLDER / f"{stem}.rejects.expected.csv"


def accept() -> None:
    """Load the samples on the simulator, and keep what came out as what is expected."""
    for sample in SAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            report = load(
                FOLDER / sample.file,
                campaign=make_samples.CAMPAIGN,
                results=Path(folder) / "results.csv",
                rejects=Path(folder) / "rejects.csv",
                settings=Settings(state_dir=Path(folder) / "state"),
                simulate=True,
                profile=find_profile(None, **sample.given),
            )
            for written, expected in zip((report.results, report.rejects), expected_of(sample), strict=True):
                expected.write_bytes(make_samples.comparable(Path(written)))


def main() -> None:
    """Write the samples."""
    FOLDER.mkdir(exist_ok=True)
    for sample in SAMPLES:
        (FOLDER / sample.file).write_bytes(sample.bytes())
    if "--accept" in sys.argv:
        accept()


if __name__ == "__main__":
    main()
