"""Inputs at a URL: fetched whole, to be read as any file is.

fsspec knows the protocols; what a protocol needs beside it comes with one of our extras. Credentials are the
libraries' own business (environment, key files), or stand in the URL: what is told of a URL never holds them.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from etl.errors import ConfigError, InputError

EXTRAS = {
    "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure", "az": "azure",
    "sftp": "sftp", "ssh": "sftp", "smb": "smb",
}  # fmt: skip
"""Protocols, and the extra of this distribution that brings what they need."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SILENCE = 60
"""Seconds without a byte after which a server is given up."""


def is_url(word: str) -> bool:
    """Whether an input is named by a URL; a Windows drive is none."""
    return _URL.match(word) is not None


def shown(url: str) -> str:
    """The URL as it may be told: without user, password, query and fragment, which may hold secrets."""
    scheme, rest = url.split("://", 1)
    place, mark, _ = rest.partition("?")
    if scheme.lower() in {"http", "https"}:
        place = place.partition("#")[0]
    host = place.partition("/")[0]
    # A password may hold a slash or a question mark, though it should not: what follows the last @ is safe.
    if "@" in host or re.search(r":(?!\d*$)", host.rpartition("]")[2]):
        place = f"***@{place.rpartition('@')[2]}" if "@" in place else "***"
    return f"{scheme}://{place}{'?***' if mark else ''}"


def last_name(source: str) -> str:
    """What an input is called that has no place: the last name of a URL's path, or ``stdin``."""
    if source == "-":
        return "stdin"
    ends = r"[?#]" if source.lower().startswith("http") else r"[?]"
    path = re.split(ends, source.split("://", 1)[1])[0].rstrip("/")
    name = Path(unquote(path.rpartition("/")[2])).name if "/" in path else ""
    return name if name.strip(".") else "input"


def fetch(url: str, target: Path) -> None:
    """Write what is at ``url`` to the file ``target``.

    Raises InputError, without any secret of the URL, where that can't be done; OSError where ``target`` can't
    be written; ConfigError for a proxy that is none.
    """
    name = shown(url)
    files, path = _opened(url, name)
    try:
        files.get_file(path, str(target))
    except FileNotFoundError:
        raise InputError(f"{name} is not there; check the URL.") from None
    except PermissionError:
        raise InputError(f"{name} may not be read with the credentials at hand; check them.") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        # What the libraries say may hold the URL with its secrets.
        status = getattr(error, "status", None)
        what = f"HTTP {status}" if isinstance(status, int) else type(error).__name__
        raise InputError(
            f"{name} can't be fetched ({what}); check the URL, its credentials and the network."
        ) from None


def _opened(url: str, name: str) -> tuple[Any, str]:
    """The file system for a URL, and the path that it knows the file by. Raises InputError."""
    from fsspec.core import url_to_fs  # noqa: PLC0415  -- most inputs are files, which need none of it

    scheme = url.split("://", 1)[0].lower()
    try:
        options = _http(url) if scheme in {"http", "https"} else {}
        files, path = url_to_fs(url, skip_instance_cache=True, **options)
    except ConfigError:
        raise
    except ImportError:
        if extra := EXTRAS.get(scheme):
            raise InputError(
                f"For {scheme}:// something more is needed: pip install 'obi-import[{extra}]'."
            ) from None
        raise InputError(
            f"For {scheme}:// a library is missing that fsspec names in its documentation; install that, "
            "or copy the file here first."
        ) from None
    except ValueError:
        raise InputError(f"{name}: nothing here opens {scheme}://; copy the file here first.") from None
    except Exception as error:  # noqa: BLE001  -- every library has errors of its own
        raise InputError(f"{name} can't be reached ({type(error).__name__}); check the URL.") from None
    return files, str(path)


def _http(url: str) -> dict[str, Any]:
    from aiohttp import ClientTimeout  # noqa: PLC0415  -- the same
    from yarl import URL  # noqa: PLC0415  -- the same

    from etl.obi.proxy import proxy_for  # noqa: PLC0415  -- the same

    timeout = ClientTimeout(total=None, connect=_SILENCE, sock_read=_SILENCE)
    proxy = proxy_for(URL(url))
    return {"client_kwargs": {"timeout": timeout}} | ({"proxy": str(proxy)} if proxy else {})
