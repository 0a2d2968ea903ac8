"""Elasticsearch's own bulk helper against the same server, which answers ``_bulk`` too.

It is no loader for this interface. It is the best known of its kind, and shows what such a client takes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_streaming_bulk

from benchmarks.peers.leads import BATCH, customer, lines


def actions(path: Path) -> Iterator[dict[str, Any]]:
    """Give what is to be indexed."""
    for line in lines(path):
        document = customer(line)
        yield {"_index": "leads", "_id": document["externalId"], "_source": document}


async def main(path: Path, url: str) -> int:
    """Load the file; 1 where a customer was not created."""
    parts = urlsplit(url)
    failed = 0
    async with AsyncElasticsearch(f"{parts.scheme}://{parts.netloc}") as client:
        async for _, item in async_streaming_bulk(client, actions(path), chunk_size=BATCH):
            failed += item["index"]["status"] != 201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2])))
