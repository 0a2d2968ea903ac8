"""XML at the door: what it becomes, and what is made of ours."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings, strategies as st

from etl.obi.charsets import as_utf8
from etl.obi.customers import _read_customers
from etl.obi.models import (
    Attribute,
    Attributes,
    DialingMode,
    NewCustomer,
    ScriptAnswer,
    StoredCustomer,
    encode,
)
from etl.obi.wire import Answer
from etl.obi.xml import MOST_DEEP, XmlError, from_json, is_xml, to_json


def holds(char: str) -> bool:
    """Whether XML 1.0 can hold a character (its production 2)."""
    code = ord(char)
    return code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


ANY_TEXT = st.text(st.characters(codec="utf-8"))
HELD = st.text(st.characters(codec="utf-8").filter(holds))


def customers(text: Any) -> st.SearchStrategy[NewCustomer]:
    """New customers whose texts are drawn from ``text``."""
    full = text.filter(bool)
    return st.builds(
        NewCustomer,
        external_id=text,
        numbers=text,
        date=st.none() | st.datetimes().map(lambda when: when.isoformat() + "Z"),
        agent_id=st.none() | st.uuids().map(lambda uuid: uuid.hex.upper()),
        dialing_mode=st.none() | st.sampled_from(DialingMode),
        preview_time=st.none() | st.integers(),
        priority=st.none() | st.integers(-(2**63), 2**63),
        time_zone=st.none() | full,
        attributes=st.lists(st.tuples(text, text), max_size=4).map(Attributes.of),
    )


@given(customers(HELD))
def test_any_customer_comes_through_xml_as_it_was(customer: NewCustomer) -> None:
    body = encode(customer)
    found = json.loads(to_json(from_json(body, "customer"), many=False))
    assert numbers_as_text(found) == numbers_as_text(json.loads(body))


@given(st.lists(customers(HELD), max_size=3))
def test_any_list_of_customers_comes_through_xml_as_it_was(each: list[NewCustomer]) -> None:
    body = b"[" + b",".join(map(encode, each)) + b"]"
    found = json.loads(to_json(from_json(body, "customer"), many=True))
    assert numbers_as_text(found) == numbers_as_text(json.loads(body))


def numbers_as_text(value: Any) -> Any:
    """A number that no machine integer holds stays text in XML; readers take both."""
    if isinstance(value, dict):
        return {name: numbers_as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [numbers_as_text(inner) for inner in value]
    return str(value)


@given(ANY_TEXT)
def test_what_xml_can_not_hold_is_refused_and_nothing_else_is(text: str) -> None:
    body = encode(NewCustomer(attributes=Attributes.of([("Note", text)])))
    if all(map(holds, text)):
        read = json.loads(to_json(from_json(body, "customer"), many=False))
        assert read["attributes"]["attribute"][0]["value"] == text
    else:
        with pytest.raises(XmlError, match=r"can't hold the character U\+[0-9A-F]{4} in value"):
            from_json(body, "customer")


@given(st.binary() | st.text().map(str.encode) | st.text(st.sampled_from("<>/&;a! [\"'?-x")).map(str.encode))
@settings(max_examples=300)
def test_no_body_breaks_the_door(body: bytes) -> None:
    """It is read, or it is an XmlError."""
    for charset in (None, "utf-16", "latin-1", "hex", "nonsense"):
        try:
            json.loads(to_json(as_utf8(body, charset), many=True))
        except XmlError as error:
            assert "<" not in str(error)  # noqa: PT017  -- it need not be raised


SAID = st.text(st.characters(codec="utf-8").filter(holds).filter(lambda char: char != "\r"), min_size=1)
PAIRS = st.tuples(SAID, SAID | st.just(""))
STORED = st.fixed_dictionaries(
    {"id": st.uuids().map(lambda uuid: uuid.hex.upper())},
    optional={
        "externalId": SAID,
        "numbers": SAID,
        "result": SAID,
        "classifier": SAID,
        "callCount": st.integers(0, 2**40),
        "lastBNumber": st.integers(0, 3),
        "date": st.just("9999-12-31T23:59:59Z"),
        "agentId": st.none(),
        "dialingMode": st.sampled_from(["PREVIEW", "PREDICTIVE", "TELEPATHIC"]),
        "priority": st.integers(-(2**63), 2**63 - 1),
        "attributes": st.lists(PAIRS, min_size=1, max_size=3).map(
            lambda pairs: {"attribute": [{"name": name, "value": value} for name, value in pairs]}
        ),
        "script": st.lists(PAIRS, min_size=1, max_size=3).map(
            lambda pairs: {"name": "S", "answers": [{"question": q, "answer": a or "-"} for q, a in pairs]}
        ),
        "new": SAID,
    },
)


def element(name: str, value: Any) -> ET.Element:
    """What another library than the client's makes of decoded JSON."""
    made = ET.Element(name)
    if isinstance(value, dict):
        for key, inner in value.items():
            made.extend(element(key, one) for one in (inner if isinstance(inner, list) else [inner]))
    elif value is not None:
        made.text = str(value)
    return made


@given(st.lists(STORED, max_size=3))
def test_customers_that_a_server_writes_in_xml_are_those_that_it_writes_in_json(held: list[Any]) -> None:
    root = ET.Element("customers")
    root.extend(element("customer", each) for each in held)
    in_json = json.dumps(held).encode()
    in_xml = to_json(ET.tostring(root, encoding="utf-8"), many=True)
    assert _read_customers(Answer(200, {}, in_xml)) == _read_customers(Answer(200, {}, in_json))


def read(xml: str) -> list[StoredCustomer]:
    """What the client makes of an answer to a search for customers."""
    return _read_customers(Answer(200, {}, to_json(xml.encode(), many=True)))


def customer(inner: str) -> StoredCustomer:
    [found] = read(f"<customers><customer><id>K</id>{inner}</customer></customers>")
    return found


def test_a_single_one_of_anything_is_still_one_of_a_list() -> None:
    found = customer(
        "<attributes><attribute><name>City</name><value>Leeds</value></attribute></attributes>"
        "<script><name>S</name><answers><question>Q</question><answer>A</answer></answers></script>"
    )
    assert found.attributes == (Attribute("City", "Leeds"),)
    assert found.script
    assert found.script.answers == (ScriptAnswer("Q", "A"),)


def test_a_value_that_looks_like_a_number_stays_text() -> None:
    found = customer(
        "<externalId>007</externalId><numbers>0215428754</numbers><callCount>03</callCount>"
        "<attributes><attribute><name>1</name><value>007</value></attribute>"
        "<attribute><name>Score</name><value>1.0</value></attribute></attributes>"
    )
    assert (found.external_id, found.number_list, found.call_count) == ("007", ("0215428754",), 3)
    assert found.attributes == (Attribute("1", "007"), Attribute("Score", "1.0"))


def test_blanks_count_in_texts_and_not_around_numbers_ids_and_dates() -> None:
    [found] = read("""
        <customers>
          <customer>
            <id>
              K
            </id>
            <externalId> 7 </externalId>
            <callCount>
              3
            </callCount>
            <lastBNumber> 0 </lastBNumber>
            <dialingMode> PREVIEW </dialingMode>
            <modificationDate> 2026-05-05T12:30:00.393Z </modificationDate>
            <attributes>
              <attribute><name>Note</name><value>  two\tlines&#13;
 </value></attribute>
            </attributes>
            <script>
            </script>
          </customer>
        </customers>""")
    assert (found.id, found.external_id, found.call_count, found.last_b_number) == ("K", " 7 ", 3, 0)
    assert found.dialing_mode is DialingMode.PREVIEW
    assert found.modified_at
    assert found.attributes == (Attribute("Note", "  two\tlines\r\n "),)
    assert found.script is None


def test_an_empty_element_is_absent_but_an_empty_value_is_empty() -> None:
    found = customer(
        "<numbers/><callCount></callCount><agentId/><dialingMode> </dialingMode><attributes>"
        "<attribute><name>A</name><value/></attribute><attribute><name>B</name><value></value></attribute>"
        "</attributes>"
    )
    assert (found.numbers, found.call_count, found.agent_id, found.dialing_mode) == (None, None, None, None)
    assert found.attributes == (Attribute("A", ""), Attribute("B", ""))
    assert customer("<attributes/>").attributes == customer("<attributes>\n</attributes>").attributes == ()


def test_attributes_read_alike_wrapped_and_bare() -> None:
    one, two = (f"<name>{name}</name><value>{name}</value>" for name in "AB")
    wrapped = f"<attributes><attribute>{one}</attribute><attribute>{two}</attribute></attributes>"
    bare = f"<attributes>{one}</attributes><attributes>{two}</attributes>"
    assert customer(wrapped).attributes == customer(bare).attributes
    assert customer(f"<attributes>{one}</attributes>").attributes == (Attribute("A", "A"),)


def test_names_of_roots_namespaces_xml_attributes_and_comments_do_not_count() -> None:
    [found] = read(
        '<?xml version="1.0"?><!-- hello --><ns:list xmlns:ns="urn:x" xmlns="urn:y" size="1">'
        '<thing xsi:type="c" xmlns:xsi="urn:z"><ns:id>K</ns:id><externalId xsi:nil="true"/>'
        "<numbers>+44<!-- x -->2079460101</numbers><result><![CDATA[<A> & B]]></result><new><a>1</a></new>"
        "</thing><?target data?></ns:list>"
    )
    assert (found.id, found.external_id, found.numbers) == ("K", None, "+442079460101")
    assert found.result == "<A> & B"


def test_an_empty_list_is_empty() -> None:
    assert read("<customers/>") == read("<customers>\n  </customers>") == []


def test_a_nesting_is_bounded() -> None:
    assert json.loads(to_json(b"<a>" * MOST_DEEP + b"</a>" * MOST_DEEP, many=False))
    with pytest.raises(XmlError, match="nested too deeply"):
        to_json(b"<a>" * (MOST_DEEP + 1) + b"</a>" * (MOST_DEEP + 1), many=False)


def test_no_more_elements_are_read_than_a_sound_answer_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.obi.xml.MOST_ELEMENTS", 10)
    assert to_json(b"<a>" + b"<b/>" * 9 + b"</a>", many=True) == b"[%s]" % b",".join([b"{}"] * 9)
    with pytest.raises(XmlError, match="more elements"):
        to_json(b"<a>" + b"<b/>" * 10 + b"</a>", many=True)


@pytest.mark.parametrize(
    ("body", "known"),
    [
        ("<customers/>", True),
        ('<?xml version="1.0"?><customers/>', True),
        ("\n<!-- made by hand --> <items/>", True),
        ("<html/>", False),
        ("<!doctype HTML><html/>", False),
        ('<?xml version="1.0"?>\n<!DOCTYPE html SYSTEM "x"><html/>', False),
        ("<!-- login --><!-- page -->\n<html>", False),
        ("<!-- -->" * 120 + "<items/>", True),
        ('[{"a": "<b>"}]', False),
        ("", False),
        ("created", False),
    ],
)
def test_json_never_begins_with_an_angle_bracket_and_a_page_is_no_xml(body: str, known: bool) -> None:
    assert is_xml(body.encode()) is known
