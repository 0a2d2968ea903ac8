"""singer-sdk: a tap in a process of its own, and a target whose BatchSink posts."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import requests
from singer_sdk import BatchSink, Target
from singer_sdk.typing import PropertiesList, Property, StringType

from benchmarks.peers.leads import BATCH, customer, not_created


class ObiSink(BatchSink):
    """Posts a hundred customers a request."""

    max_size = BATCH

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session = requests.Session()

    def process_batch(self, context: dict[str, Any]) -> None:
        """Post a batch."""
        batch = [customer(record) for record in context["records"]]
        response = self._session.post(self.config["url"], json=batch, timeout=60)
        response.raise_for_status()
        if failed := not_created(response.json()):
            raise ValueError(f"{failed} customers were not created")


class ObiTarget(Target):
    """The target."""

    name = "target-obi"
    config_jsonschema: ClassVar[dict[str, Any]] = PropertiesList(
        Property("url", StringType, required=True)
    ).to_dict()
    default_sink_class = ObiSink


def main(path: Path, url: str) -> int:
    """Load the file; raises where a customer was not created."""
    logging.disable(logging.INFO)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.singer_tap", str(path)], stdout=subprocess.PIPE, text=True
    ) as tap:
        ObiTarget(config={"url": url}).listen(tap.stdout)
    return tap.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
