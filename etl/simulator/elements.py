"""The interface's XML: its element names, and the way from XML to JSON and back.

The interface's document promises XML and shows none, so this is a reading of our own. Elements carry the JSON
names, and a list under a key is that element repeated::

    <customers>
      <customer>
        <externalId>10</externalId>
        <numbers>0215428754</numbers>
        <attributes><attribute><name>City</name><value>Rome</value></attribute></attributes>
        <script><name>Sales</name><answers>…</answers><answers>…</answers></script>
      </customer>
    </customers>

What is absent has no element; only an agentId or agentName that is null, as statistics have them, is an empty
one. Whoever posts may name root and entries as they like. Namespaces, attributes of elements and comments do
not count. An empty element is an absent value, but for an attribute's ``value``. Spaces around numbers, ids,
times and the like are not part of them; names, values, remarks, questions and answers are kept as they stand.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, XMLParser
from msgspec import Struct, field

_DEEPEST = 32
_MOST_ELEMENTS = 500_000  # of ten thousand customers, fifty each
_VERBATIM = frozenset({"name", "value", "remarks", "question", "answer"})
_SHOWN_WHEN_NULL = frozenset({"agentId", "agentName"})
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Names(Struct, frozen=True):
    """What the root of a body is called, and in a list (``entry`` not empty) each of its entries."""

    root: str
    entry: str = ""


NONE = Names("")
CAMPAIGN = Names("campaign")
CAMPAIGNS = Names("campaigns", "campaign")
CUSTOMER = Names("customer")
CUSTOMERS = Names("customers", "customer")
ITEMS = Names("items", "item")
STATISTICS = Names("statistics", "statistic")
RESULT_STATISTICS = Names("customerResultStatistics", "customerResultStatistic")


class MalformedXMLError(ValueError):
    """A body that is no XML, or such XML as nobody needs: DTDs, entities, elements nested too deeply."""


def to_xml(content: object, names: Names) -> bytes:
    """``content`` (decoded JSON) as an XML document in UTF-8; what XML can't hold becomes U+FFFD."""
    if names.entry and isinstance(content, list):
        inner = "".join(_element(names.entry, each) for each in content)
        body = f"<{names.root}>{inner}</{names.root}>"
    else:
        body = _element(names.root, content)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()


def _element(name: str, value: object) -> str:
    if value is None:
        return f"<{name}/>" if name in _SHOWN_WHEN_NULL else ""
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, dict):
        inner = "".join(_element(key, each) for key, each in value.items())
    elif isinstance(value, bool):
        inner = str(value).lower()
    else:
        inner = escape(_NO_XML.sub("\ufffd", str(value)), {"\r": "&#13;"})
    return f"<{name}>{inner}</{name}>"


def to_json(body: bytes, names: Names, *, encoding: str | None = None) -> bytes:
    """A posted XML document as JSON, all values text; ``encoding`` beats what its declaration says.

    Raises MalformedXMLError.
    """
    root = _parsed(body, encoding)
    if names.entry and "".join(root.texts).strip():
        raise MalformedXMLError("there is text where entries of a list are expected")
    entries = root.children if names.entry else [root]
    content = [_value(each) or {} for each in entries]
    return msgspec.json.encode(content if names.entry else content[0])


class _Node(Struct):
    name: str
    texts: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)


class _Builder:
    """The target of the parser: makes a tree of nodes, without namespaces and attributes."""

    def __init__(self) -> None:
        self._open = [_Node("")]
        self._count = 0

    def start(self, tag: str, _attributes: object) -> None:
        if len(self._open) > _DEEPEST:
            raise MalformedXMLError(f"elements are nested deeper than {_DEEPEST}")
        self._count += 1
        if self._count > _MOST_ELEMENTS:
            raise MalformedXMLError(f"there are more than {_MOST_ELEMENTS} elements")
        node = _Node(tag.rpartition("}")[2])
        self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def close(self) -> _Node:
        return self._open[0].children[0]


def _parsed(body: bytes, encoding: str | None) -> _Node:
    parser = XMLParser(target=_Builder(), encoding=encoding, forbid_dtd=True)
    try:
        parser.feed(body)
        root: _Node = parser.close()
    except MalformedXMLError:
        raise
    except DefusedXmlException:
        raise MalformedXMLError("a DTD is not allowed") from None
    except (ParseError, ValueError, LookupError) as error:
        raise MalformedXMLError(str(error)) from None
    return root


def _value(node: _Node) -> object:
    """The element's text, or its children by name; empty text is what the caller takes for absent."""
    if not node.children:
        text = "".join(node.texts)
        return text if node.name in _VERBATIM else text.strip()
    found: dict[str, list[object]] = {}
    for child in node.children:
        value = _value(child)
        if value != "" or child.name == "value":
            found.setdefault(child.name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
