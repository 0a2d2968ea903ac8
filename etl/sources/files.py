"""The bytes of an input: is it there, what are they, and a bounded way to read them.

What a file is, its bytes say and not its name.
"""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from etl.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 1 << 20
EXPANSION_FLOOR = 1 << 30
"""Decompressed bytes below which no ratio is suspicious: 1 GiB."""
TEXT_EXPANSION = 1000
WORKBOOK_EXPANSION = 100
"""Decompressed bytes a compressed byte, above which what is larger than the floor is refused: text is
streamed, a workbook stands in memory."""

_GZIP = b"\x1f\x8b"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_FOREIGN = (
    (b"%PDF", "a PDF document", "export the table as CSV or xlsx"),
    (_GZIP, "a gzip file inside a gzip file", "unpack it"),
    (b"BZh", "a bzip2 archive", "unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"PAR1", "a Parquet file", "export the table as CSV or xlsx"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV or xlsx"),
    (b"\x89PNG", "a picture", "export the table as CSV or xlsx"),
    (b"\xff\xd8\xff", "a picture", "export the table as CSV or xlsx"),
    (b"GIF8", "a picture", "export the table as CSV or xlsx"),
    (b"\x7fELF", "a program", "give the lead file instead"),
    (b"{\\rtf", "an RTF document", "export the table as CSV or xlsx"),
)
_WORKBOOK_PARTS = (("xl/workbook.xml", "xlsx"), ("xl/workbook.bin", "xlsb"))


def check_readable(path: Path, label: str) -> int:
    """Size in bytes of the regular file at ``path``; InputError where there is none that we may read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{label} is a folder; name the lead file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                f"{label} is not a regular file; copy its content into one, or use - for a pipe."
            )
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{label} is not there; check the name and the folder.") from None
    except PermissionError:
        raise InputError(f"{label} may not be read by this user; change its permissions.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{label} can't be opened ({error}); check the disk or share it is on.") from error
    return status.st_size


def sniff(path: Path, label: str) -> tuple[str, str]:
    """The kind (``csv``, ``xlsx``, ``xlsb``, ``xls``, ``ods``) and compression (``""``, ``gzip``) of a file.

    ``csv`` means "none of the others": whether it is text at all is found when it is decoded. InputError
    for an empty file and for what is recognised and can't be a lead file.
    """
    head = _head(path, label, compression="")
    compression = "gzip" if head.startswith(_GZIP) else ""
    if compression:
        head = _head(path, label, compression=compression)
    if not head:
        raise InputError(f"{label} is empty; export it again.")
    if compression and head.startswith((_OLE2, *_ZIP)):
        raise InputError(f"{label} is a compressed workbook or archive; unpack it first.")
    if head.startswith(_OLE2):
        _refuse_encrypted(path, label)
        return "xls", ""
    if head.startswith(_ZIP):
        return _workbook_kind(path, label), ""
    for magic, what, remedy in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"{label} is {what}, not a table; {remedy}.")
    return "csv", compression


@contextmanager
def open_bytes(path: Path, label: str, *, compression: str = "") -> Iterator[BinaryIO]:
    """The content of ``path``, decompressed, as a buffered stream.

    What goes wrong while it is read, a truncated archive or one that expands without measure included,
    is raised as InputError.
    """
    try:
        with path.open("rb") as plain:
            if not compression:
                yield plain
                return
            with io.BufferedReader(_Inflated(plain, label=label, size=path.stat().st_size), CHUNK) as stream:
                yield cast("BinaryIO", stream)
    except OSError as error:
        raise InputError(f"{label} can't be read ({error}); check the disk or share it is on.") from error


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes in pieces of one MiB."""
    while chunk := stream.read(CHUNK):
        yield chunk


def _check_expansion(expanded: int, *, size: int, ratio: int, label: str) -> None:
    """InputError where ``size`` bytes on disk became ``expanded`` ones, as only a bomb does."""
    if expanded > EXPANSION_FLOOR and expanded > ratio * size:
        raise InputError(
            f"{label} unpacks to more than {ratio:,} times its size, which no lead file does; "
            "save it as plain CSV if you trust it."
        )


class _Inflated(io.RawIOBase):
    """A gzip stream that speaks of its troubles as InputError and stops before it floods the disk."""

    def __init__(self, plain: BinaryIO, *, label: str, size: int) -> None:
        self._stream = gzip.GzipFile(fileobj=plain, mode="rb")
        self._label = label
        self._size = size
        self._expanded = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        try:
            count = self._stream.readinto(buffer)
        except EOFError:
            raise InputError(
                f"{self._label} is a gzip file that ends too early; transfer or export it again."
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{self._label} is a damaged gzip file ({error}); transfer or export it again."
            ) from error
        self._expanded += count
        _check_expansion(self._expanded, size=self._size, ratio=TEXT_EXPANSION, label=self._label)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _head(path: Path, label: str, *, compression: str) -> bytes:
    with open_bytes(path, label, compression=compression) as stream:
        return stream.read(4096)


def _refuse_encrypted(path: Path, label: str) -> None:
    # An encrypted xlsx is an OLE2 file with one stream of this name ([MS-OFFCRYPTO] 2.3.4).
    needle = "EncryptedPackage".encode("utf-16-le")
    tail = b""
    with open_bytes(path, label) as stream:
        for chunk in chunks(stream):
            if needle in tail + chunk:
                raise InputError(f"{label} is an encrypted workbook; save it without a password.")
            tail = chunk[-len(needle) :]


def _workbook_kind(path: Path, label: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            _check_expansion(
                sum(entry.file_size for entry in entries),
                size=path.stat().st_size,
                ratio=WORKBOOK_EXPANSION,
                label=label,
            )
            for part, kind in _WORKBOOK_PARTS:
                if part in names:
                    return kind
            if "content.xml" in names and "mimetype" in names:
                with archive.open("mimetype") as stream:
                    if stream.read(100).startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
                        return "ods"
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{label} is a damaged workbook or archive; save it again.") from error
    raise InputError(f"{label} is a zip archive and no workbook; unpack it and name the lead file.")
