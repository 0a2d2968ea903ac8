"""A workbook's zip archive and the XML in it, read as hostile until it has shown that it is not.

Parts are streamed by expat. Document types are refused, so that no entity is ever expanded; so are elements
nested without end and markup without end, which expat would hold in memory. The packaging is that of
ECMA-376 part 2 (Office Open XML).
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

CHUNK = 1 << 16
MOST_TEXT = 1 << 20
"""Characters that a cell may have: thirty times what spreadsheet programs allow."""
DEEPEST = 256
"""Elements inside of each other, beyond which expat would fill the memory with them."""
MOST_ELEMENTS = 2_000_000
"""Elements of a part that is no sheet: what is kept of them is in memory."""
_LONGEST_TAG = 1 << 20

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Characters = Callable[[str], None]


class Element(NamedTuple):
    """An element's name, that of the element around it, and its attributes; all without prefixes."""

    name: str
    parent: str
    attributes: dict[str, str]


class Relation(NamedTuple):
    """What a part says of another: the last word of the relation's type, and the other part's name."""

    kind: str
    part: str


class Package:
    """The parts of an archive by name: any case, either slash, as spreadsheet programs take them.

    Raises ValueError for two parts of one name: which of them is meant, nobody can tell.
    """

    def __init__(self, archive: zipfile.ZipFile, streams: ExitStack) -> None:
        self._archive = archive
        self._streams = streams
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            name = _plain(entry.filename)
            if name in self._entries and not entry.is_dir():
                raise ValueError("two parts of the same name")
            self._entries[name] = entry

    def __contains__(self, part: str) -> bool:
        return _plain(part) in self._entries

    def chunks(self, part: str) -> Iterator[bytes]:
        """The content of a part in pieces, the last of them empty; KeyError where there is no such part."""
        stream = self._streams.enter_context(self._archive.open(self._entries[_plain(part)]))
        while chunk := stream.read(CHUNK):
            yield chunk
        yield b""

    def elements(self, part: str) -> Iterator[Element]:
        """The elements of a part in the order in which they begin; document types are refused."""
        stack = [""]
        begun: list[Element] = []
        count = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            if len(stack) > DEEPEST:
                raise ValueError("elements nested without end")
            name = local(tag)
            begun.append(Element(name, stack[-1], {local(key): value for key, value in attributes.items()}))
            stack.append(name)

        def end(_tag: str) -> None:
            stack.pop()

        markup = Markup(start, end, lambda _text: None)
        for chunk in self.chunks(part):
            markup.feed(chunk)
            count += len(begun)
            if count > MOST_ELEMENTS:
                raise ValueError("elements without end")
            yield from begun
            begun.clear()

    def relations(self, part: str) -> dict[str, Relation]:
        """The relations of a part by their ids; targets are made absolute. ``""`` is the package."""
        folder, name = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        if path not in self:
            return {}
        return {
            said["Id"]: Relation(
                said["Type"].rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, said["Target"].replace("\\", "/"))).lstrip(
                    "/"
                ),
            )
            for name, _, said in self.elements(path)
            if name == "Relationship" and said.get("TargetMode") != "External"
        }


@contextmanager
def opened(path: Path) -> Iterator[Package]:
    """The package at ``path``."""
    # An archive's file stays open as long as a part of it does, and a part may be left in mid-stream.
    with zipfile.ZipFile(path) as archive, ExitStack() as streams:
        yield Package(archive, streams)


class Markup:
    """A stream of XML, parsed as far as it was fed, with a handler for each kind of event.

    Handlers get tags as they are written, with their prefixes; with ``namespaces``, names are the namespace,
    a space, and the local name.
    """

    def __init__(self, start: Start, end: End, characters: Characters, *, namespaces: bool = False) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" " if namespaces else None)
        self._parser.buffer_text = True
        self._parser.buffer_size = CHUNK
        self._parser.StartDoctypeDeclHandler = _refuse_document_type
        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = end
        self._parser.CharacterDataHandler = characters
        self._fed = 0

    def feed(self, content: bytes) -> None:
        """Parse some more; empty bytes end the document. Raises ValueError or expat's own error."""
        self._parser.Parse(content, not content)
        # Markup that goes on and on is held by expat, and gone through again with each piece of it.
        self._fed += len(content)
        if self._fed - self._parser.CurrentByteIndex > _LONGEST_TAG:
            raise ValueError("markup without end")


def main_part(parts: Package, usual: str) -> str:
    """The name of the part that holds the document, by the package's relations."""
    main = (relation.part for relation in parts.relations("").values() if relation.kind == "officeDocument")
    return next((part for part in main if part in parts), usual)


def local(tag: str) -> str:
    """A tag or attribute without its namespace or prefix."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def _plain(part: str) -> str:
    return posixpath.normpath("/" + part.replace("\\", "/")).lstrip("/").lower()


def _refuse_document_type(*_declaration: object) -> None:
    raise ValueError("a document type")
