"""``python -m etl`` is ``obi``."""

from etl.cli import main

main()
