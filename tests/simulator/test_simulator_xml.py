"""The interface in XML: the same calls, the same truth as in JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from xml.etree.ElementTree import Element

import aiohttp
import defusedxml.ElementTree
import pytest
from hypothesis import given, settings, strategies as st

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Fault, Simulator, elements
from etl.simulator.elements import MalformedXMLError

CAMPAIGN = f"campaigns/{PREVIEW_CAMPAIGN}"
CUSTOMERS = f"{CAMPAIGN}/customers"
XML = {"Accept": "application/xml", "Content-Type": "application/xml"}
POST = XML | {"Accept": "text/html"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(strict=True) as running:
        yield running


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.base_url}/", timeout=timeout) as session:
        yield session


async def read(http: aiohttp.ClientSession, path: str) -> Element:
    async with http.get(path, headers=XML) as answer:
        assert (answer.status, answer.content_type) == (200, "application/xml")
        root: Element = defusedxml.ElementTree.fromstring(await answer.read())
        return root


def texts(element: Element, path: str) -> list[str | None]:
    return [each.text for each in element.findall(path)]


async def add(http: aiohttp.ClientSession, body: str) -> str:
    async with http.post(CUSTOMERS, data=body.encode(), headers=POST) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.text()


FULL = """<?xml version="1.0" encoding="UTF-8"?>
<o:customer xmlns:o="urn:any" kind="ignored">
  <!-- a comment -->
  <externalId> 007 </externalId>
  <numbers>
    0215428754;98521542
  </numbers>
  <agentId> 38ffaea3-c2b5-4cd6-bcfb-ccf2006c0800 </agentId>
  <dialingMode>PREVIEW</dialingMode>
  <previewTime> 30 </previewTime>
  <priority>5</priority>
  <timeZone/>
  <date></date>
  <attributes>
    <attribute><name>City</name><value> Łódź &amp; &lt;Umgebung&gt; </value></attribute>
    <attribute><name>Note</name><value/></attribute>
    <o:attribute><o:name>Tier</o:name><o:value><![CDATA[<gold>]]></o:value></o:attribute>
  </attributes>
  <unknown><deeper>1</deeper></unknown>
</o:customer>"""


async def test_a_customer_in_xml_is_the_customer_in_json(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    customer_id = await add(http, FULL)
    (kept,) = simulator.customers(PREVIEW_CAMPAIGN)
    kept.pop("modificationDate")
    assert kept == {
        "id": customer_id,
        "externalId": "007",
        "numbers": "0215428754;98521542",
        "agentId": "38FFAEA3C2B54CD6BCFBCCF2006C0800",
        "dialingMode": "PREVIEW",
        "previewTime": 30,
        "priority": 5,
        "callCount": 0,
        "lastBNumber": 0,
        "attributes": {
            "attribute": [
                {"name": "City", "value": " Łódź & <Umgebung> "},
                {"name": "Note", "value": ""},
                {"name": "Tier", "value": "<gold>"},
                {"name": "Phone1", "value": "0215428754"},
                {"name": "Phone2", "value": "98521542"},
            ]
        },
    }
    shown = await read(http, f"{CUSTOMERS}/{customer_id}")
    assert shown.tag == "customer"
    assert texts(shown, "externalId") == ["007"]
    assert texts(shown, "priority") == ["5"]
    assert texts(shown, "date") == []
    assert texts(shown, "attributes/attribute/name") == ["City", "Note", "Tier", "Phone1", "Phone2"]
    assert texts(shown, "attributes/attribute/value")[:3] == [" Łódź & <Umgebung> ", None, "<gold>"]


async def test_a_list_in_xml_is_answered_item_by_item(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    body = """<anything><row><numbers>111111</numbers></row><row><numbers>+number;</numbers></row>
        <customer/><other>text</other></anything>"""
    async with http.post(f"{CUSTOMERS}/list", data=body, headers=XML) as answer:
        assert (answer.status, answer.content_type) == (200, "application/xml")
        items = defusedxml.ElementTree.fromstring(await answer.read())
    assert (items.tag, {each.tag for each in items}) == ("items", {"item"})
    assert texts(items, "item/statusCode") == ["201", "400", "400", "400"]
    assert texts(items, "item/id") == [each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)]
    assert texts(items, "item/error")[0] == "Invalid numbers: '+number;'"


@pytest.mark.parametrize("body", ["<customers/>", "<customers></customers>", "<customers>\n</customers>"])
async def test_an_empty_list_in_xml_is_answered_by_an_empty_one(
    http: aiohttp.ClientSession, body: str
) -> None:
    async with http.post(f"{CUSTOMERS}/list", data=body, headers=XML) as answer:
        assert (await answer.text()).endswith("<items></items>")


async def test_a_list_with_one_customer_is_a_list(http: aiohttp.ClientSession) -> None:
    await add(http, "<customer><numbers>111</numbers></customer>")
    found = await read(http, CUSTOMERS)
    assert (found.tag, [each.tag for each in found]) == ("customers", ["customer"])


async def test_lists_are_named_after_what_they_hold(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.seed(
        {"campaigns": [{"id": EXAMPLE_CAMPAIGN, "customers": [{"numbers": "111", "result": "SUCCESS"}]}]}
    )
    for path, root, entry in (
        ("campaigns", "campaigns", "campaign"),
        (
            f"campaigns/{EXAMPLE_CAMPAIGN}/customerResultStatistics",
            "customerResultStatistics",
            "customerResultStatistic",
        ),
    ):
        found = await read(http, path)
        assert (found.tag, {each.tag for each in found}) == (root, {entry})
    assert (await read(http, "statistics")).tag == "statistics"
    one = await read(http, CAMPAIGN)
    assert (one.tag, texts(one, "name")) == ("campaign", ["Test Preview Campaign"])


def test_a_null_agent_of_statistics_is_an_empty_element_and_no_other_null_is() -> None:
    rows = [{"campaignId": "A", "agentId": None, "agentName": None, "amount": 0.0, "other": None}]
    assert elements.to_xml(rows, elements.STATISTICS).endswith(
        b"<statistics><statistic><campaignId>A</campaignId><agentId/><agentName/><amount>0.0</amount>"
        b"</statistic></statistics>"
    )


async def test_a_campaign_is_updated_in_xml(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    body = """<campaign><name> Spring </name><dialingMode> PREDICTIVE </dialingMode>
        <queueId>63aa93f4-93a5-4c5a-8597-fcfa670b2382</queueId><abandonRate> 1.5 </abandonRate></campaign>"""
    async with http.put(CAMPAIGN, data=body, headers=XML) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    shown = await read(http, CAMPAIGN)
    assert texts(shown, "name") == [" Spring "]
    assert texts(shown, "dialingMode") == ["PREDICTIVE"]
    assert texts(shown, "abandonRate") == ["1.5"]


async def test_a_script_is_shown_with_its_answers_repeated(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    answers = [{"question": "One?", "answer": " yes "}, {"question": "Two?", "answer": "no"}]
    customer = {"numbers": "111", "script": {"name": "Sales", "answers": answers}}
    simulator.seed({"campaigns": [{"id": PREVIEW_CAMPAIGN, "customers": [customer]}]})
    shown = await read(http, f"{CUSTOMERS}?includeScript=true")
    assert texts(shown, "customer/script/name") == ["Sales"]
    assert texts(shown, "customer/script/answers/question") == ["One?", "Two?"]
    assert texts(shown, "customer/script/answers/answer") == [" yes ", "no"]


async def test_what_xml_cannot_hold_is_replaced(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    value = "a\x01b\x1f\ufffe]]>\r\n\t&"
    simulator.seed(
        {
            "campaigns": [
                {
                    "id": PREVIEW_CAMPAIGN,
                    "customers": [{"numbers": "111", "attributes": {"name": "N", "value": value}}],
                }
            ]
        }
    )
    shown = await read(http, CUSTOMERS)
    assert texts(shown, "customer/attributes/attribute/value")[0] == "a\ufffdb\ufffd\ufffd]]>\r\n\t&"


@pytest.mark.parametrize("declared", ["utf-16", "iso-8859-1", "windows-1252"])
async def test_an_xml_declaration_names_the_encoding(
    http: aiohttp.ClientSession, simulator: Simulator, declared: str
) -> None:
    customer = "<c><externalId>Köln</externalId><numbers>111</numbers></c>"
    body = f'<?xml version="1.0" encoding="{declared}"?>{customer}'
    async with http.post(CUSTOMERS, data=body.encode(declared), headers=POST) as answer:
        assert answer.status == 201
    assert simulator.customers(PREVIEW_CAMPAIGN)[0]["externalId"] == "Köln"


async def test_refusals_are_plain_text_for_who_wants_xml_too(http: aiohttp.ClientSession) -> None:
    async with http.get("campaigns/unknown", headers=XML) as answer:
        assert (answer.status, answer.content_type) == (404, "text/plain")
        assert await answer.text() == "Campaign not found"


def test_more_elements_than_anyone_needs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "_MOST_ELEMENTS", 100)
    assert json.loads(elements.to_json(b"<c>" + b"<a/>" * 99 + b"</c>", elements.CUSTOMERS)) == [{}] * 99
    with pytest.raises(MalformedXMLError, match="more than 100 elements"):
        elements.to_json(b"<c>" + b"<a/>" * 100 + b"</c>", elements.CUSTOMERS)


# --- faults ------------------------------------------------------------------------------------------


async def post(http: aiohttp.ClientSession, rows: int = 4) -> tuple[int, bytes]:
    body = "".join(f"<customer><numbers>1111{number}</numbers></customer>" for number in range(rows))
    try:
        async with http.post(
            f"{CUSTOMERS}/list", data=f"<customers>{body}</customers>", headers=XML
        ) as answer:
            return answer.status, await answer.read()
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
        return 0, b""


@pytest.mark.parametrize(
    ("mode", "codes"),
    [
        ("short_array", ["201"] * 3),
        ("long_array", ["201"] * 5),
        ("reordered_array", ["201"] * 4),
        ("status_code_missing", ["201"] * 3),
        ("id_missing", ["201"] * 4),
        ("duplicate_ids", ["201"] * 4),
        ("item_500", ["500"] + ["201"] * 3),
        ("item_429", ["429"] + ["201"] * 3),
        ("body_no_list", []),
    ],
)
async def test_damaged_lists_are_damaged_in_xml_too(
    http: aiohttp.ClientSession, simulator: Simulator, mode: str, codes: list[str]
) -> None:
    simulator.add_fault(mode)
    status, body = await post(http)
    items = defusedxml.ElementTree.fromstring(body)
    assert (status, texts(items, "item/statusCode")) == (200, codes)


async def test_a_truncated_answer_in_xml_ends_in_its_middle(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("truncated_json")
    status, body = await post(http)
    assert (status, body[:5]) == (200, b"<?xml")
    with pytest.raises(defusedxml.ElementTree.ParseError):
        defusedxml.ElementTree.fromstring(body)
    assert simulator.count(PREVIEW_CAMPAIGN) == 4


async def test_a_partial_commit_takes_the_first_customers_of_an_xml_list(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("reset_after_partial_commit", params={"items": 3})
    assert (await post(http))[0] == 0
    assert simulator.count(PREVIEW_CAMPAIGN) == 3


async def test_limits_count_the_customers_and_the_bytes_of_xml(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("413_above", params={"items": 3, "bytes": 200})
    assert [(await post(http, rows))[0] for rows in (1, 3, 4)] == [200, 200, 413]
    simulator.clear_faults()
    simulator.add_fault("413_above", params={"bytes": 100})
    assert [(await post(http, rows))[0] for rows in (1, 3)] == [200, 413]


async def test_stale_reads_are_empty_lists_in_xml(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    await post(http)
    simulator.add_fault(Fault(mode="stale_reads").mode)
    assert len(await read(http, CUSTOMERS)) == 0


# --- the way there and back --------------------------------------------------------------------------

NAMES = st.sampled_from(["externalId", "numbers", "name", "value", "remarks", "a", "b"])
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
).filter(lambda text: text == text.strip())
TREES: st.SearchStrategy[Any] = st.recursive(
    TEXTS,
    lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, min_size=2, max_size=3), min_size=1),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(NAMES, TREES, min_size=1), max_size=3))
def test_what_is_written_as_xml_is_read_as_it_was(content: list[dict[str, Any]]) -> None:
    written = elements.to_xml(content, elements.CUSTOMERS)
    assert json.loads(elements.to_json(written, elements.CUSTOMERS)) == content


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | st.text(alphabet="<>/&;a!?[]- \"'=\0", max_size=40).map(str.encode))
def test_whatever_is_posted_as_xml_is_read_or_refused(body: bytes) -> None:
    for names in (elements.CUSTOMER, elements.CUSTOMERS):
        read = refused = None
        try:
            read = json.loads(elements.to_json(body, names))
        except MalformedXMLError as error:
            refused = str(error)
        assert refused or isinstance(read, list if names.entry else dict | str)
