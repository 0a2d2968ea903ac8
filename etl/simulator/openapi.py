"""Where the interface's OpenAPI description is, which the simulator serves."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def description() -> bytes | None:
    """``schemas/openapi.json``, in a wheel inside the package, in a checkout beside it; None if it is not."""
    package = Path(str(resources.files("etl")))
    for folder in (package / "_assets", package.parent):
        path = folder / "schemas" / "openapi.json"
        if path.is_file():
            return path.read_bytes()
    return None
