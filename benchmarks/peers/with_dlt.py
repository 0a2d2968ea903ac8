"""dlt with a destination of its own, which posts; eight of its workers send at a time."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

# dlt reads these when it is imported. It would call home, and it sends several files at a time, not parts
# of one: so the file is cut.
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "5000",
    "LOAD__WORKERS": "8",
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
}

import dlt
import requests

from benchmarks.peers.leads import BATCH, customer, lines, not_created

URL = sys.argv[2]
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=8))


@dlt.destination(batch_size=BATCH, name="obi")
def obi(items: list[dict[str, Any]], table: dict[str, Any]) -> None:
    """Post a batch."""
    del table
    response = session.post(URL, json=items, timeout=60)
    response.raise_for_status()
    if failed := not_created(response.json()):
        raise ValueError(f"{failed} customers were not created")


@dlt.resource(name="customers", columns={"attributes": {"data_type": "json"}})
def customers(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Give the customers in pages, which cost dlt less than one by one."""
    each = map(customer, lines(path))
    while page := list(islice(each, 1_000)):
        yield page


def main(path: Path) -> None:
    """Load the file; raises where a customer was not created."""
    with tempfile.TemporaryDirectory(prefix="dlt-") as folder:
        pipeline = dlt.pipeline("leads", destination=obi(), pipelines_dir=folder)
        pipeline.run(customers(path)).raise_on_failed_jobs()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
