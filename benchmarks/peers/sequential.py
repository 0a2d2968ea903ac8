"""csv, phonenumbers and requests, one request after the other: the script that comes to mind first."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import requests

from benchmarks.peers.leads import BATCH, customer, lines, not_created


def main(path: Path, url: str) -> int:
    """Load the file; 1 where a customer was not created."""
    failed = 0
    customers = map(customer, lines(path))
    with requests.Session() as session:
        while batch := list(islice(customers, BATCH)):
            response = session.post(url, json=batch, timeout=60)
            response.raise_for_status()
            failed += not_created(response.json())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
