"""What is said of a row that was sent: one outcome each, with what a person should know beside it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from etl.obi.models import ItemResult, StoredCustomer
from etl.payload import customer_of, differences, is_of_this_run
from etl.records import Batch, Customer, Item, RowOutcome, RowStatus


def created(item: Item, sent: Batch, stored_id: str) -> RowOutcome:
    """The server created the customer; ``stored_id`` is empty where nobody could tell its id."""
    warning = "" if stored_id else "the server gave no id, and a look-up did not find the customer"
    outcome = _outcome(item, sent, RowStatus.CREATED, warning=warning)
    return replace(outcome, status_code=201, id=stored_id)


def all_created(sent: Batch, results: Sequence[ItemResult]) -> list[RowOutcome] | None:
    """The outcomes of the ordinary answer, all 201 with an id of its own each; None for any other.

    Nothing of the batch may be in doubt. It is ``created`` for each row, in the time of one.
    """
    ids = {result.id for result in results if result.status_code == 201}
    if len(ids) != len(sent.items) or len(results) != len(ids) or not all(ids) or sent.in_doubt:
        return None
    attempts, number, status = sent.attempts, sent.number, RowStatus.CREATED
    return [
        RowOutcome(
            item.row,
            status,
            201,
            result.id or "",
            item.external_id,
            item.numbers,
            "",
            "",
            "",
            item.warning,
            attempts,
            number,
        )
        for item, result in zip(sent.items, results, strict=True)
    ]


def found(
    item: Item,
    sent: Batch,
    stored: StoredCustomer,
    *,
    existing: str,
    between: tuple[float, float] | None,
    marker: tuple[str, str] | None = None,
    status_code: int | None = None,
) -> RowOutcome:
    """The externalId is there: ``created`` where it is proved that this run put it there, else ``exists``.

    ``existing`` is ``skip``, or ``fail`` to call what was there before ``rejected``. ``between`` is when the
    row was first sent and now, in POSIX seconds by the server's clock, None where that is not known.
    ``marker`` is the attribute that this run's customers carry.
    """
    customer = customer_of(item, marker=marker)
    said_so = item.said == 201
    if item.in_doubt and (said_so or is_of_this_run(customer, stored, between=between, marker=marker)):
        return created(item, sent, stored.id)
    doubt = "cannot tell whether this run created it"
    first = doubt if item.in_doubt else "it was in the campaign before"
    warning = ", ".join([first, *what_is_there(customer, stored)])
    if existing == "fail" and not item.in_doubt:
        error = "the externalId is in the campaign already"
        outcome = _outcome(
            item, sent, RowStatus.REJECTED, code="rejected.exists", error=error, warning=warning
        )
    else:
        code = "exists.unproved" if item.in_doubt else "exists.earlier"
        outcome = _outcome(item, sent, RowStatus.EXISTS, code=code, warning=warning)
    return replace(outcome, status_code=status_code, id=stored.id)


def rejected(item: Item, sent: Batch, result: ItemResult) -> RowOutcome:
    """The server refused the row, and it is not in the campaign."""
    code = f"rejected.{result.status_code}"
    outcome = _outcome(item, sent, RowStatus.REJECTED, code=code, error=_told(result))
    return replace(outcome, status_code=result.status_code)


def rejected_after_doubt(item: Item, sent: Batch, result: ItemResult, *, seconds: float) -> RowOutcome:
    """Refused, and not in the campaign long after a sending without an answer."""
    warning = f"it was sent before without an answer; {seconds:.0f} s later the campaign does not show it"
    outcome = rejected(item, sent, result)
    return replace(outcome, warning="; ".join(filter(None, (outcome.warning, warning))))


def held_back(item: Item, sent: Batch) -> RowOutcome:
    """Validated and not created: the server stops a batch of which it refuses a row."""
    error = "validated and not created, because another row of its batch was refused"
    outcome = _outcome(item, sent, RowStatus.UNSENT, code="unsent.batch_stopped", error=error)
    return replace(outcome, status_code=200)


def not_created(item: Item, sent: Batch) -> RowOutcome:
    """The server said each time that it did not create the row (``item.said``)."""
    error = f"the server answered {item.said} each time, which means that the row was not created"
    outcome = _outcome(item, sent, RowStatus.UNSENT, code="unsent.not_created", error=error)
    return replace(outcome, status_code=item.said)


def unknown(item: Item, sent: Batch) -> RowOutcome:
    """No answer could be read, and the row is not in the campaign, as far as a look-up shows."""
    error = "the server did not say whether it took the row; `obi resume` looks again"
    return _outcome(item, sent, RowStatus.UNKNOWN, code="unknown.no_answer", error=error)


def refused_unseen(item: Item, sent: Batch, result: ItemResult) -> RowOutcome:
    """Refused shortly after a sending without an answer, and not in the campaign as far as that shows.

    Our own sending may have taken the externalId and not be shown yet.
    """
    error = f"it was sent without an answer, then refused, and is not shown yet: {_told(result)}"
    return _outcome(item, sent, RowStatus.UNKNOWN, code="unknown.refused", error=error)


def _told(result: ItemResult) -> str:
    return result.error or f"the server refused the row with status {result.status_code}"


def _outcome(
    item: Item, sent: Batch, status: RowStatus, *, code: str = "", error: str = "", warning: str = ""
) -> RowOutcome:
    return RowOutcome(
        row=item.row,
        status=status,
        external_id=item.external_id,
        numbers=item.numbers,
        code=code,
        error=error,
        warning=f"{item.warning}; {warning}" if item.warning and warning else item.warning or warning,
        attempts=sent.attempts,
        batch=sent.number,
    )


def what_is_there(customer: Customer, stored: StoredCustomer) -> list[str]:
    """What a person should know of a customer that has the externalId already, in words."""
    differ = differences(customer, stored)
    told = []
    if "numbers" in differ:
        told.append(f"its numbers there are {';'.join(stored.number_list)}")
    if others := [name for name in differ if name != "numbers"]:
        told.append(f"other values there: {', '.join(others)}")
    if stored.result:
        told.append(f"last result {stored.result}")
    if stored.modification_date:
        told.append(f"changed last {stored.modification_date}")
    return told
