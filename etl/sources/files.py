"""The bytes of an input: is it there, what are they, and a bounded way to read them.

What a file is, its bytes say and not its name.
"""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from etl.errors import InputError
from etl.quoting import excerpt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 1 << 20
EXPANSION_FLOOR = 1 << 30
"""Decompressed bytes below which no ratio is suspicious: 1 GiB."""
WORKBOOK_FLOOR = 1 << 28
"""The same for a workbook, whose bytes are costlier."""
TEXT_EXPANSION = 1000
WORKBOOK_EXPANSION = 100
"""Decompressed bytes a compressed byte, above which what is larger than the floor is refused."""

_GZIP = b"\x1f\x8b"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BIFF = (b"\x09\x08\x08\0", b"\x09\x08\x10\0", b"\x09\x04\x06\0", b"\x09\x02\x06\0", b"\x09\0\x04\0")
"""How a workbook of the nineties begins, and those that scripts still write in that way."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_FOREIGN = (
    (b"%PDF", "a PDF document", "export the table as CSV or xlsx"),
    (_GZIP, "a gzip file inside of an archive", "unpack it"),
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
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_WORKBOOK_PARTS = (("xl/workbook.xml", "xlsx"), ("xl/workbook.bin", "xlsb"))


def check_readable(path: Path, label: str) -> int:
    """Size in bytes of the regular file at ``path``; InputError where there is none that we may read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{label or path} is a folder; name the lead file in it.")
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
    """The kind (``csv``, ``xlsx``, ``xlsb``, ``xls``, ``ods``) and compression of a file.

    The compression is empty, ``gzip``, or ``zip`` for an archive with one member. ``csv`` means "none of the
    others": whether it is text at all is found when it is decoded. InputError for an empty file and for what
    is recognised and can't be a lead file.
    """
    head = _head(path, label, compression="")
    compression = "gzip" if head.startswith(_GZIP) else ""
    if head.startswith(_ZIP):
        if kind := _workbook_kind(path, label):
            return kind, ""
        compression = "zip"
    if compression:
        head = _head(path, label, compression=compression)
    if not head:
        raise InputError(f"{label} is empty; export it again.")
    if compression and (head.startswith((_OLE2, *_ZIP)) or head[257:262] == b"ustar"):
        raise InputError(
            f"{label} is a {compression} file that holds a workbook or another archive; unpack it first."
        )
    if head.startswith(_OLE2):
        _refuse_encrypted(path, label)
        return "xls", ""
    if not compression and head.startswith(_BIFF):
        return "xls", ""
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
            inflated = _Inflated(plain, label=label, size=path.stat().st_size, compression=compression)
            with io.BufferedReader(inflated, CHUNK) as stream:
                yield cast("BinaryIO", stream)
    except OSError as error:
        raise InputError(f"{label} can't be read ({error}); check the disk or share it is on.") from error


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes in pieces of one MiB."""
    while chunk := stream.read(CHUNK):
        yield chunk


def _check_expansion(expanded: int, *, size: int, ratio: int, floor: int, label: str) -> None:
    """InputError where ``size`` bytes on disk became ``expanded`` ones, as only a bomb does."""
    if expanded > floor and expanded > ratio * size:
        raise InputError(
            f"{label} unpacks to more than {ratio:,} times its size, which no lead file does; "
            "save it as plain CSV if you trust it."
        )


class _Inflated(io.RawIOBase):
    """A packed stream that speaks of its troubles as InputError and stops before it floods the disk."""

    def __init__(self, plain: BinaryIO, *, label: str, size: int, compression: str) -> None:
        self._label = label
        self._size = size
        self._what = compression
        self._expanded = 0
        self._archive = _Member(plain, label) if compression == "zip" else gzip.GzipFile(fileobj=plain)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        try:
            count = self._archive.readinto(buffer)
        except EOFError:
            raise InputError(
                f"{self._label} is a {self._what} file that ends too early; transfer or export it again."
            ) from None
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
            raise InputError(
                f"{self._label} is a damaged {self._what} file ({excerpt(str(error))}); "
                "transfer or export it again."
            ) from error
        self._expanded += count
        _check_expansion(
            self._expanded,
            size=self._size,
            ratio=TEXT_EXPANSION,
            floor=EXPANSION_FLOOR,
            label=self._label,
        )
        return count

    def close(self) -> None:
        self._archive.close()
        super().close()


class _Member:
    """The one member of a zip archive that is a file of its own."""

    def __init__(self, plain: BinaryIO, label: str) -> None:
        try:
            self._archive = zipfile.ZipFile(plain)
            self._stream = cast("zipfile.ZipExtFile", self._archive.open(_only_member(self._archive, label)))
        except NotImplementedError as error:
            raise InputError(
                f"{label} is packed in a way that can't be read here ({excerpt(str(error))}); "
                "pack it plainly."
            ) from error
        except (zipfile.BadZipFile, ValueError, EOFError) as error:
            raise InputError(
                f"{label} is a damaged zip file ({excerpt(str(error))}); transfer or export it again."
            ) from error

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        self._archive.close()


def _only_member(archive: zipfile.ZipFile, label: str) -> zipfile.ZipInfo:
    """InputError where there is none or several, or the one is encrypted."""
    members = [entry for entry in archive.infolist() if not _is_by_the_way(entry)]
    if not members:
        raise InputError(f"{label} is a zip archive without any file in it; export it again.")
    if len(members) > 1:
        names = ", ".join(excerpt(entry.filename) for entry in members[:5])
        rest = f" and {len(members) - 5:,} more" if len(members) > 5 else ""
        raise InputError(
            f"{label} is a zip archive of {len(members):,} files ({names}{rest}); "
            "unpack it and name the lead file."
        )
    if members[0].flag_bits & 1:
        raise InputError(f"{label} is an encrypted zip archive; unpack it, or pack it without a password.")
    return members[0]


def _is_by_the_way(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and Windows put into archives beside the files."""
    parts = entry.filename.replace("\\", "/").split("/")
    name = parts[-1]
    return not name or "__MACOSX" in parts or name.startswith("._") or name in {".DS_Store", "Thumbs.db"}


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
    """The kind of a workbook that is a zip archive, empty for an archive that is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            parts = {entry.filename.replace("\\", "/").lower(): entry for entry in entries}
            kind = next((kind for part, kind in _WORKBOOK_PARTS if part in parts), "")
            if not kind and "content.xml" in parts and "mimetype" in parts:
                with archive.open(parts["mimetype"]) as stream:
                    kind = "ods" if stream.read(100).startswith(_ODS) else ""
            if kind:
                _check_expansion(
                    sum(entry.file_size for entry in entries),
                    size=path.stat().st_size,
                    ratio=WORKBOOK_EXPANSION,
                    floor=WORKBOOK_FLOOR,
                    label=label,
                )
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{label} is a damaged workbook or archive; save it again.") from error
    if "encrypted-package" in parts:  # ODF 1.4 part 2, 3.4.1
        raise InputError(f"{label} is an encrypted workbook; save it without a password.")
    if not kind and parts.keys() & {"[content_types].xml", "mimetype"}:
        raise InputError(f"{label} is a document and no workbook; export the table as CSV or xlsx.")
    return kind
