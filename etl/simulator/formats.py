"""Media types, charsets and content codings: what a request's headers say of its body and of the answer's.

The interface's document has JSON or XML by ``Accept`` and ``Content-Type``, and text/html for the id of a new
customer. Where a request is not exact about it, neither is the simulator, unless it is ``strict``:

- an ``Accept`` that is missing, or allows neither, gets JSON; XML is for those who prefer it (RFC 9110, with
  q-values; of two that are wanted alike, JSON is given);
- a body whose ``Content-Type`` is missing, or says nothing useful (text/plain, a form's, octets), is JSON or
  XML by its first byte; only what surely is neither (an image, an archive, a multipart form) is refused.

Strict is 406 for the one and 415 for the other. Unknown charsets and content codings are 415 in any case.
A byte order mark is no part of a body, and beats the charset.
"""

from __future__ import annotations

import codecs
import functools
import re
import zlib

from etl.simulator import elements
from etl.simulator.elements import MalformedXMLError, Names
from etl.simulator.messages import HTML, JSON, TEXT, XML, Refusal

_ALIASES = {JSON: (JSON, "text/json"), XML: (XML, "text/xml"), HTML: (HTML,)}
_QUALITY = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^\s;"']+)""")
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAYS_NOTHING = re.compile(r"text/.*|application/(?:octet-stream|x-www-form-urlencoded)")
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be")},
    **{f"iso-8859-{part}": f"iso-8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"windows-125{page}": f"cp125{page}" for page in range(9)},
    **dict.fromkeys(("latin1", "latin-1"), "iso-8859-1"),
}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@functools.lru_cache(maxsize=256)
def preferred(accept: str) -> str:
    """JSON or XML: which of them an ``Accept`` header prefers."""
    return XML if quality(accept, XML) > quality(accept, JSON) else JSON


def accepts_either(accept: str) -> bool:
    """Whether an ``Accept`` header allows JSON or XML."""
    return quality(accept, JSON) > 0 or quality(accept, XML) > 0


def quality(accept: str, media: str) -> float:
    """The weight, from 0 to 1, that an ``Accept`` header gives to a media type; 1 where it is empty."""
    if not accept.strip():
        return 1.0
    main = media.partition("/")[0]
    best = (0, 0.0)
    for part in accept.lower().split(","):
        name, *parameters = part.split(";")
        name = name.strip()
        rank = 3 if name in _ALIASES[media] else {f"{main}/*": 2, "*/*": 1, "*": 1}.get(name, 0)
        found = [match[1] for match in map(_QUALITY.fullmatch, parameters) if match]
        best = max(best, (rank, min(1.0, float(found[0])) if found else 1.0 if rank else 0.0))
    return best[1] if best[0] else 0.0


def unpacked(body: bytes, content_encoding: str, *, largest: int) -> bytes:
    """The body with its content codings (gzip, deflate) taken off. Raises Refusal: 400, 413, 415."""
    codings = [each.strip().lower() for each in content_encoding.split(",")]
    for coding in reversed([each for each in codings if each not in {"", "identity"}]):
        if coding in {"gzip", "x-gzip"}:
            body = _inflated(body, 16 + zlib.MAX_WBITS, largest=largest)
        elif coding == "deflate":
            # Many senders leave the zlib header out, against RFC 9110; the first byte tells.
            headed = body[:1] and body[0] & 0x0F == zlib.DEFLATED
            body = _inflated(body, zlib.MAX_WBITS if headed else -zlib.MAX_WBITS, largest=largest)
        else:
            raise Refusal(415, "Content-Encoding: gzip or deflate is expected")
    return body


def _inflated(body: bytes, window: int, *, largest: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        content = inflater.decompress(body, largest + 1)
    except zlib.error:
        raise Refusal(400, "The body is not what its Content-Encoding says") from None
    if len(content) > largest:
        raise too_large(largest)
    if not inflater.eof or inflater.unused_data:
        raise Refusal(400, "The body is not what its Content-Encoding says")
    return content


def too_large(largest: int) -> Refusal:
    """413 for a body of more than ``largest`` bytes."""
    return Refusal(413, f"More than {largest} bytes in one request")


def check_content_type(content_type: str, *, text: bool, strict: bool) -> None:
    """Raises Refusal (415) for a body that is not JSON or XML (plain ``text``), or surely can't be."""
    media, _ = _media_type(content_type)
    wanted = {TEXT} if text else {JSON, XML}
    if media not in wanted if strict else _is_hopeless(media):
        raise Refusal(415, f"Content-Type: {TEXT if text else f'{JSON} or {XML}'} is expected")


def read_entity(body: bytes, content_type: str, names: Names) -> tuple[bytes, bool]:
    """A posted JSON or XML body as JSON in UTF-8, and whether it was XML. Raises Refusal: 400, 415."""
    media, charset = _media_type(content_type)
    if not _is_xml(media, body):
        return _as_utf8(body, charset), False
    try:
        if charset and not body.startswith(tuple(mark for mark, _ in _MARKS)):
            return elements.to_json(_as_utf8(body, charset), names, encoding="utf-8"), True
        return elements.to_json(body, names), True
    except MalformedXMLError as error:
        raise Refusal(400, f"Malformed XML: {error}") from None


def read_text(body: bytes, content_type: str) -> bytes:
    """A posted text in UTF-8. Raises Refusal: 400, 415."""
    _, charset = _media_type(content_type)
    return _as_utf8(body, charset)


def _is_xml(media: str, body: bytes) -> bool:
    if media in _ALIASES[JSON] or media.endswith("+json"):
        return False
    if media in _ALIASES[XML] or media.endswith("+xml"):
        return True
    mark = next((each for each, _ in _MARKS if body.startswith(each)), b"")
    return body.removeprefix(mark).lstrip(b" \t\r\n\0").startswith(b"<")


def _is_hopeless(media: str) -> bool:
    """True for a well-formed media type that says of a body that it is neither JSON nor XML nor text."""
    known = media in {JSON, XML} or media.endswith(("+json", "+xml"))
    return bool(_MEDIA_TYPE.fullmatch(media)) and not known and not _SAYS_NOTHING.fullmatch(media)


def _media_type(content_type: str) -> tuple[str, str | None]:
    """The media type in lower case, and the codec of its charset. Raises Refusal (415)."""
    media, _, parameters = content_type.lower().partition(";")
    charset = _CHARSET.search(f";{parameters}")
    if charset is None:
        return media.strip(), None
    codec = _CHARSETS.get(charset[1])
    if codec is None:
        raise Refusal(415, "Content-Type: this charset is not known")
    return media.strip(), codec


def _as_utf8(body: bytes, codec: str | None) -> bytes:
    marked = next((each for mark, each in _MARKS if body.startswith(mark)), None)
    codec = marked or codec or "utf-8"
    if codec == "utf-8":
        return body.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode(codec).encode()
    except UnicodeDecodeError:
        raise Refusal(400, "The body is not what its charset says") from None
