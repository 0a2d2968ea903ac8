"""The lead file as Singer messages on standard output: one SCHEMA, and a RECORD a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.make_leads import HEADER
from benchmarks.peers.leads import lines


def main(path: Path) -> None:
    """Write the messages."""
    properties = {name: {"type": "string"} for name in HEADER}
    schema = {"type": "object", "properties": properties}
    head = {"type": "SCHEMA", "stream": "leads", "schema": schema, "key_properties": ["External ID"]}
    print(json.dumps(head))
    for line in lines(path):
        print(json.dumps({"type": "RECORD", "stream": "leads", "record": line}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
