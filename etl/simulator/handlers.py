"""What each call of the interface does: plain functions from a call to its answer.

A handler changes the database in one transaction and in one go, so its answer is the truth when it returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from etl.simulator import campaigns, search, values
from etl.simulator.campaigns import Campaign
from etl.simulator.customers import Customer, InvalidCustomerError, draft, not_unique
from etl.simulator.dialect import Dialect
from etl.simulator.messages import HTML, JSON, Answer, Call, Refusal, json_answer
from etl.simulator.store import Store

Handler = Callable[[Store, Call], Answer]

_NO_CONTENT = Answer(status=204)
_MOST_CUSTOMERS = 10_000  # in one request; the document recommends a hundred


def list_campaigns(store: Store, call: Call) -> Answer:
    """``GET /campaigns``."""
    asked = search.statistics_search(call.query)
    found = search.campaign_filter(call.query, [_with_counters(store, each) for each in store.campaigns()])
    if asked is not None:
        found = [_with_statistics(store, each, asked=asked) for each in found]
        if asked.agents is not None:
            found = [each for each in found if "stats" in each]
    return json_answer(found)


def get_campaign(store: Store, call: Call) -> Answer:
    """``GET /campaigns/{campaignId}``."""
    found = _with_counters(store, _campaign(store, call))
    asked = search.statistics_search(call.query)
    return json_answer(found if asked is None else _with_statistics(store, found, asked=asked))


def put_campaign(store: Store, call: Call) -> Answer:
    """``PUT /campaigns/{campaignId}``: all fields are replaced."""
    posted = _json(call)
    with store.transaction():
        campaign = _campaign(store, call)
        try:
            store.put_campaigns([campaigns.updated(campaign, posted, loose=call.loose)])
        except ValueError as error:
            raise Refusal(400, f"Invalid campaign: {error}") from None
    return msgspec.structs.replace(_NO_CONTENT, committed=1)


def put_status(store: Store, call: Call) -> Answer:
    """``PUT /campaigns/{campaignId}/status``: ``Active`` or ``Passive``."""
    status = call.body.decode(errors="replace").strip()
    with store.transaction():
        campaign = _campaign(store, call)
        if status not in campaigns.DIALER_STATUS:
            raise Refusal(400, "Invalid status: Active or Passive is expected")
        changed = msgspec.structs.replace(
            campaign, status=status, dialer_status=campaigns.DIALER_STATUS[status]
        )
        store.put_campaigns([changed])
    return msgspec.structs.replace(_NO_CONTENT, committed=1)


def get_result_statistics(store: Store, call: Call) -> Answer:
    """``GET /campaigns/{campaignId}/customerResultStatistics``."""
    return json_answer(store.results(_campaign(store, call).id))


def get_statistics(store: Store, call: Call) -> Answer:
    """``GET /statistics``."""
    first_day, last_day = search.days(call.query)
    asked = {name: search.ids(call.query, name) for name in ("campaignId", "agentId") if name in call.query}
    return json_answer(
        store.statistics.grouped(
            first_day=first_day,
            last_day=last_day,
            campaigns=asked.get("campaignId"),
            agents=asked.get("agentId"),
        )
    )


def list_customers(store: Store, call: Call) -> Answer:
    """``GET /campaigns/{campaignId}/customers``."""
    campaign = _campaign(store, call)
    found = store.find(campaign.id, search.customer_search(call.query, store.dialect))
    return Answer(status=200, body=b"[%s]" % b",".join(found), content_type=JSON)


def get_customer(store: Store, call: Call) -> Answer:
    """``GET /campaigns/{campaignId}/customers/{customerId}``."""
    found = store.customer(_campaign(store, call).id, _customer_id(call))
    if found is None:
        raise Refusal(404, "Customer not found")
    return Answer(status=200, body=found, content_type=JSON)


def delete_customer(store: Store, call: Call) -> Answer:
    """``DELETE /campaigns/{campaignId}/customers/{customerId}``."""
    if not store.delete(_campaign(store, call).id, _customer_id(call)):
        raise Refusal(404, "Customer not found")
    return msgspec.structs.replace(_NO_CONTENT, committed=1)


def add_customer(store: Store, call: Call) -> Answer:
    """``POST /campaigns/{campaignId}/customers``: the id as HTML, and where the customer is."""
    campaign = _campaign(store, call)
    (added,) = _add(store, call, campaign=campaign, posted=[_json(call)])
    if isinstance(added, str):
        raise Refusal(400, added)
    return Answer(
        status=201,
        body=added.id.encode(),
        content_type=HTML,
        headers={"Location": f"{call.path}/{added.id}"},
        committed=1,
    )


def add_customers(store: Store, call: Call) -> Answer:
    """``POST /campaigns/{campaignId}/customers/list``: one item of the answer for each of the request."""
    stop = search.boolean(call.query, "stopProcessIfInvalidEntriesFound")
    campaign = _campaign(store, call)
    posted = _json(call)
    if not isinstance(posted, list):
        raise Refusal(400, "An array of customers is expected")
    if len(posted) > _MOST_CUSTOMERS:
        raise Refusal(413, f"More than {_MOST_CUSTOMERS} customers in one request")
    added = _add(store, call, campaign=campaign, posted=posted, all_or_nothing=stop)
    refused = sum(isinstance(each, str) for each in added)
    stopped = stop and refused > 0
    answer = json_answer([_item(each, stopped=stopped) for each in added])
    return msgspec.structs.replace(answer, committed=0 if stopped else len(added) - refused)


def _add(
    store: Store, call: Call, *, campaign: Campaign, posted: Sequence[object], all_or_nothing: bool = False
) -> list[Customer | str]:
    """For each of ``posted`` the customer it made, or the reason why it is refused.

    With ``all_or_nothing`` one refusal is enough for none to be stored. Checking and storing are one
    transaction, so that of many who post an externalId at once exactly one gets it.
    """
    now = store.now()
    drafts = [_draft(store.dialect, each, now=now, loose=call.loose) for each in posted]
    keys = Counter(store.key(each.external_id) for each in drafts if isinstance(each, Customer))
    with store.transaction():
        taken = store.taken(campaign.id, keys, as_of=call.as_of)
        if all_or_nothing or store.dialect.duplicates == "none":
            # The document's example of a stop refuses both copies of an externalId that comes twice.
            taken.update(key for key, times in keys.items() if times > 1)
        checked = _refuse_taken(store, drafts, taken=taken)
        accepted = [each for each in checked if isinstance(each, Customer)]
        if len(accepted) == len(checked) or not all_or_nothing:
            store.insert(campaign.id, accepted)
    return checked


def _draft(dialect: Dialect, posted: object, *, now: str, loose: bool) -> Customer | str:
    try:
        return draft(posted, now=now, dialect=dialect, loose=loose)
    except InvalidCustomerError as error:
        return str(error)


def _refuse_taken(store: Store, drafts: Sequence[Customer | str], *, taken: set[str]) -> list[Customer | str]:
    checked: list[Customer | str] = []
    for each in drafts:
        if isinstance(each, str):
            checked.append(each)
        elif (key := store.key(each.external_id)) in taken:
            checked.append(not_unique(each.external_id, store.dialect.language))
        else:
            checked.append(each)
            taken.add(key)
    return checked


def _item(added: Customer | str, *, stopped: bool) -> dict[str, object]:
    if isinstance(added, str):
        return {"error": added, "statusCode": 400}
    return {"statusCode": 200} if stopped else {"statusCode": 201, "id": added.id}


def _campaign(store: Store, call: Call) -> Campaign:
    found = store.campaign(values.id32(call.campaign) or "")
    if found is None:
        raise Refusal(404, "Campaign not found")
    return found


def _customer_id(call: Call) -> str:
    return values.id32(call.customer) or ""


def _with_counters(store: Store, campaign: Campaign) -> dict[str, object]:
    return {**campaign.as_dict(), **store.counters(campaign.id)}


def _with_statistics(
    store: Store, shown: dict[str, object], *, asked: search.StatisticsSearch
) -> dict[str, object]:
    stats = store.statistics.of_campaign(
        str(shown["id"]), now=store.now(), day=asked.day, agents=asked.agents
    )
    return {**shown, "stats": stats} if stats else shown


def _json(call: Call) -> object:
    try:
        return msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise Refusal(400, f"Malformed JSON: {reason}") from None
    except RecursionError:
        raise Refusal(400, "Malformed JSON: it is nested too deeply") from None
