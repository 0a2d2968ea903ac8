"""XML bodies to JSON and back, at the transport's door: everything behind it knows JSON only.

The interface's document promises XML and shows none, so the reading is ours, here and nowhere else: elements
carry the JSON names, a list under a key is its element repeated, a null has no element. The roots are
``campaigns`` of ``campaign``, ``customers`` of ``customer``, ``items`` of ``item``, and so on; what is read
may have other roots, and namespaces and XML attributes are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args
from xml.etree.ElementTree import ParseError

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from msgspec import Struct
from msgspec.structs import fields

from etl.obi.models import (
    AgentStatistics,
    Campaign,
    CustomerResultStatistics,
    ItemResult,
    Statistics,
    StoredCustomer,
)

MOST_DEEP = 32
"""Elements inside elements; the interface has seven."""

MOST_ELEMENTS = 1_000_000
"""Elements in all: ten thousand customers with twenty attributes each have fewer."""

_LISTS = frozenset({"attribute", "answers"})
"""Elements that stand for a list, even where there is one of them."""

_VERBATIM = frozenset({"name", "value", "question", "answer", "remarks", "error"}) | {
    "externalId", "numbers", "result", "callResult", "classifier", "timeZone", "customIvrNumber",
    "campaignName", "agentName", "queueName", "dialerName",
}  # fmt: skip
"""Texts in which blanks count; from numbers, ids, dates and words of closed lists they are cut off."""

_MAY_BE_EMPTY = frozenset({"name", "value"})
"""Texts that are there even where their element is empty; anything else is absent then."""

_NUMBERS = frozenset(
    field.encode_name
    for kind in (
        AgentStatistics,
        Campaign,
        CustomerResultStatistics,
        ItemResult,
        Statistics,
        StoredCustomer,
    )
    for field in fields(kind)
    if {int, float} & {field.type, *get_args(field.type)}
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_PAGE = re.compile(
    rb"(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


class XmlError(ValueError):
    """A body that is no XML of ours, or one that XML can't hold; the message has nothing of its content."""


def is_xml(body: bytes) -> bool:
    """Whether ``body`` (UTF-8) is XML rather than JSON or a page of HTML.

    By how it begins, since servers err in media types: JSON never begins with ``<``.
    """
    start = body[:1000].lstrip()
    return start.startswith(b"<") and not _PAGE.match(start)


def to_json(body: bytes, *, many: bool) -> bytes:
    """The JSON that says what the XML ``body`` (UTF-8, whatever it declares) says.

    ``many`` makes a list of the root's children, else the root is one object. Raises XmlError, for a DTD,
    entities and too deep a nesting as well.
    """
    root = _parsed(body)
    if not many:
        return msgspec.json.encode(_object(root))
    if not root.children and "".join(root.texts).strip():
        raise XmlError("a text where a list was due")
    return msgspec.json.encode([_object(child) for child in root.children])


def from_json(body: bytes, element: str) -> bytes:
    """The XML (UTF-8) that says what the JSON ``body`` says: one ``element``, or a list of them.

    Raises XmlError for a character that XML has no way to hold, and for a body that is no such JSON.
    """
    try:
        content = msgspec.json.decode(body)
        many = isinstance(content, list)
        written = _written(f"{element}s", {element: content}) if many else _written(element, content)
        return "".join(['<?xml version="1.0" encoding="UTF-8"?>', *written]).encode()
    except (msgspec.MsgspecError, RecursionError):
        raise XmlError("the body is not JSON") from None


class _Element(Struct):
    name: str
    children: list[_Element]
    texts: list[str]


class _Builder:
    """What the parser tells its events to; ``close`` gives the root."""

    def __init__(self) -> None:
        self._open = [_Element("", [], [])]
        self._count = 0

    def start(self, name: str, _attributes: object) -> None:
        if len(self._open) > MOST_DEEP:
            raise XmlError("its elements are nested too deeply")
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise XmlError("it has more elements than any sound answer")
        element = _Element(name.rpartition("}")[2], [], [])
        self._open[-1].children.append(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def end(self, _name: str) -> None:
        self._open.pop()

    def close(self) -> _Element:
        return self._open[0].children[0]


def _parsed(body: bytes) -> _Element:
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True)
    try:
        parser.feed(body.decode())  # a text, so that what the declaration says of its encoding is moot
        root: _Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise XmlError(f"no well-formed XML (line {line}, column {column + 1})") from None
    except DefusedXmlException:
        raise XmlError("XML with a DTD or entities, which are refused") from None
    except UnicodeDecodeError:
        raise XmlError("XML in an encoding that it does not declare") from None
    return root


def _object(element: _Element) -> Any:
    """What an element holds: an object where it has children or nothing, else its text."""
    value = _value(element)
    return {} if value is None else value


def _value(element: _Element) -> Any:
    """As in JSON; None for an element that is as good as absent."""
    if not element.children:
        return _leaf(element.name, "".join(element.texts))
    found: dict[str, Any] = {}
    for child in element.children:
        value = _value(child)
        if value is None:
            continue
        if child.name not in found:
            found[child.name] = [value] if child.name in _LISTS else value
        elif isinstance(held := found[child.name], list):
            held.append(value)
        else:
            found[child.name] = [held, value]
    return found


def _leaf(name: str, text: str) -> str | int | float | None:
    if name not in _VERBATIM:
        text = text.strip()
    if not text:
        return "" if name in _MAY_BE_EMPTY else None
    if name in _NUMBERS and (number := _NUMBER.fullmatch(text)):
        return float(text) if number[1] or number[2] else int(text)
    return text


def _written(name: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, list):
        for one in value:
            yield from _written(name, one)
        return
    if not _NAME.fullmatch(name):
        raise XmlError("a key of the body is no name for an XML element")
    yield f"<{name}>"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _written(key, inner)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    else:
        yield _escaped(name, str(value))
    yield f"</{name}>"


def _escaped(name: str, text: str) -> str:
    if found := _FORBIDDEN.search(text):
        raise XmlError(f"XML can't hold the character U+{ord(found[0]):04X} in {name}; take it out")
    return text.translate(_ESCAPES)
