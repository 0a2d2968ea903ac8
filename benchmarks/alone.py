"""``obi`` in one process, however long the input: what there is without the processes that help.

``python -m benchmarks.alone`` takes the words of ``obi``.
"""

from __future__ import annotations

import sys

import etl.cli
import etl.deciding
import etl.following


def without_help() -> None:
    """Have no process started beside this one."""
    etl.deciding.LONG = etl.deciding.LARGE = etl.following.LONG = sys.maxsize


if __name__ == "__main__":
    without_help()
    etl.cli.main()
