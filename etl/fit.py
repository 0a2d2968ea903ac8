"""How an input fits the campaign that it would be loaded into: what is there already, and written how.

Nothing is changed: the campaign and its customers are read, in as few requests as can be. Forms of numbers
and names of attributes are looked at in the first customers only, five pages of them: a campaign is filled
by one export, mostly, and the answer is a warning and no verdict.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from etl import phone
from etl.findings import Standing
from etl.holdings import Holdings
from etl.link import Link
from etl.obi.models import Campaign, CampaignStatus, StoredCustomer
from etl.outcomes import what_is_there
from etl.profile import Profile, normal_header
from etl.quoting import counted
from etl.records import Customer, RowOutcome, RowStatus
from etl.validator import Decided
from etl.work import Work, ahead, decisions

_PAGE = 100
_SAMPLE_PAGES = 5
_SAMPLE = _PAGE * _SAMPLE_PAGES
_UNTOLD = 10_000
"""Customers that a campaign is taken to have where the server does not tell."""

_MAIN = 0.9
"""Share of numbers from which on they are written in one form."""

_NEAR = 0.85
_SHOWN = 8
"""Names in a sentence."""

_PHONES = frozenset({"phone1", "phone2", "phone3"})
_SAID = {
    "+": "with a + and the country code",
    "00": "with 00 and the country code",
    "0": "in national digits, with a leading 0",
    "other": "in digits without + or a leading 0",
}


def form_of(number: str) -> str:
    """How a number is written: ``+``, ``00``, ``0``, or ``other``."""
    return next((form for form in ("+", "00", "0") if number.startswith(form)), "other")


class Theirs:
    """What the first customers of a campaign look like."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.forms: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.bare: list[str] = []
        """Some of the numbers that begin with neither + nor 0."""

    def look(self, page: Sequence[StoredCustomer]) -> None:
        """Look at those of a page that are among the first."""
        for held in page[: _SAMPLE - self.looked_at]:
            self.looked_at += 1
            self.names.update(
                each.name for each in held.attributes if normal_header(each.name) not in _PHONES
            )
            for number in held.number_list:
                self.forms[form_of(number)] += 1
                if form_of(number) == "other" and len(self.bare) < _PAGE:
                    self.bare.append(number)


class Ours:
    """What the rows look like that would be sent, and which of them the campaign holds already."""

    def __init__(self, holdings: Holdings, *, existing: str, if_loaded: str) -> None:
        self._holdings = holdings
        self._status = "exists" if existing == "skip" else "rejected"
        self._suppressed = (
            "its customer is in the campaign from earlier, where it may be called: load would "
            + (
                "delete it there"
                if if_loaded == "delete"
                else "leave it there, say so, and end with exit code 5"
            )
        )
        self.exists = 0
        self.loaded = 0
        """Suppressed rows whose customer is in the campaign."""
        self.forms: Counter[str] = Counter()
        self.names: set[str] = set()
        self.modes: Counter[str] = Counter()
        self._looked_at = 0

    def warnings(self, decided: Sequence[Decided]) -> dict[int, str]:
        """Row → what is to be known of it, for those that are in the campaign; looks at all of them."""
        held = self._holdings.find([answer.external_id for answer in decided if _is_looked_up(answer)])
        warnings = {}
        for answer in decided:
            if isinstance(answer, Customer):
                self._look(answer)
            if _is_looked_up(answer) and answer.external_id in held:
                warnings[answer.row] = self._warning(answer, held[answer.external_id])
        return warnings

    def _look(self, customer: Customer) -> None:
        if not self.names.issuperset(customer.names):
            self.names.update(name for name, _ in customer.attributes)
        if customer.dialing_mode:
            self.modes[customer.dialing_mode] += 1
        if self._looked_at < _SAMPLE:
            self._looked_at += 1
            self.forms.update(map(form_of, customer.numbers))

    def _warning(self, answer: Decided, stored: StoredCustomer) -> str:
        if isinstance(answer, RowOutcome):
            self.loaded += 1
            return self._suppressed
        self.exists += 1
        customer = answer
        said = f"the externalId is in the campaign already, so load would make this row {self._status!r}"
        details = ", ".join(what_is_there(customer, stored))
        return f"{said} ({details})" if details else said


def _is_looked_up(answer: Decided) -> bool:
    """Whether a row's customer is looked for: one that would be sent, or that must not be called."""
    return isinstance(answer, Customer) or answer.status is RowStatus.SUPPRESSED


async def copy_held(link: Link, campaign: Campaign, work: Work, *, holdings: Holdings) -> Theirs:
    """Copy what a check needs of the campaign into ``holdings``, by the fewer requests.

    That is a walk through the campaign, or a look-up of each row that would be sent or is suppressed. Raises
    ApiError.
    """
    customers, theirs = link.client.customers, Theirs()
    all_pages = (_UNTOLD if campaign.total is None else campaign.total) / _PAGE
    as_many = _SAMPLE_PAGES + work.spec.rows  # requests, where each row is looked up
    most = as_many if all_pages <= as_many else _SAMPLE_PAGES
    pages = customers.pages(campaign.id, page_size=_PAGE)
    whole = await _fill(holdings, pages, theirs, most=most)
    if not whole:
        async with aclosing(ahead(decisions(work))) as frames:
            async for decided in frames:
                ids = [answer.external_id for answer in decided if _is_looked_up(answer)]
                found = holdings.find(ids)
                missed = [each for each in ids if each not in found]
                holdings.keep((await customers.find_all(campaign.id, missed)).values())
    return theirs


async def _fill(
    holdings: Holdings,
    pages: AsyncIterator[Sequence[StoredCustomer]],
    theirs: Theirs,
    *,
    most: int,
) -> bool:
    """Copy up to so many pages; False where there may be more of them."""
    for _ in range(most):
        page = await anext(pages, None)
        if page is None:
            return True
        holdings.keep(page)
        theirs.look(page)
    return False


def standing_of(campaign: Campaign, ours: Ours, theirs: Theirs) -> Standing:
    """What the campaign holds beside what would be loaded."""
    near = _near(sorted(ours.names - theirs.names.keys()), sorted(theirs.names.keys() - ours.names))
    alike_ours, alike_theirs = {each for each, _ in near}, {each for _, each in near}
    return Standing(
        name=campaign.name,
        status=str(campaign.status or ""),
        dialing_mode=str(campaign.dialing_mode or ""),
        customers=campaign.total,
        exists=ours.exists,
        loaded=ours.loaded,
        looked_at=theirs.looked_at,
        forms=dict(theirs.forms.most_common()),
        own_forms=dict(ours.forms.most_common()),
        new=tuple(sorted(ours.names - theirs.names.keys() - alike_ours)) if theirs.looked_at else (),
        missing=tuple(
            name for name, _ in theirs.names.most_common() if name not in ours.names | alike_theirs
        ),
        near=near if theirs.looked_at else (),
    )


def _near(ours: Sequence[str], theirs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of names that differ in how they are written, or by a letter or two."""
    places = {normal_header(name): name for name in theirs}
    return tuple(
        (name, places[found[0]])
        for name in ours
        if (found := difflib.get_close_matches(normal_header(name), places, n=1, cutoff=_NEAR))
    )


def fit_notes(
    campaign: Campaign, standing: Standing, *, ours: Ours, theirs: Theirs, profile: Profile
) -> list[str]:
    """What a person should know before loading this input into this campaign, in sentences."""
    notes = [_status_note(campaign)]
    if not standing.looked_at:
        return [*notes, "the campaign holds no customers yet, so there is nothing to compare with"]
    notes += [_form_note(standing, theirs, profile)]
    for mode, rows in ours.modes.items():
        if campaign.dialing_mode and mode != campaign.dialing_mode:
            notes.append(
                f"dialingMode is {mode} in {counted(rows, 'row')}, and the campaign dials "
                f"{campaign.dialing_mode}"
            )
    looked = f"the {counted(standing.looked_at, 'customer')} looked at"
    if standing.near:
        pairs = ", ".join(f"{mine!r} (there {other!r})" for mine, other in standing.near[:_SHOWN])
        notes.append(
            f"attributes that are probably the same under another name: {pairs}{_more(standing.near)}; "
            "[attributes.rename] in a profile makes them one"
        )
    if standing.new:
        notes.append(f"attributes that none of {looked} has: {_listed(standing.new)}")
    if standing.missing:
        notes.append(
            f"attributes that customers there have and this input lacks: {_listed(standing.missing)}"
        )
    return list(filter(None, notes))


def _status_note(campaign: Campaign) -> str:
    if campaign.status == CampaignStatus.ACTIVE:
        return "the campaign is Active: customers may be called as soon as they are loaded"
    if campaign.status == CampaignStatus.PASSIVE:
        return "the campaign is Passive: nobody is called until it is activated"
    return f"the campaign is {campaign.status}" if campaign.status else ""


def _form_note(standing: Standing, theirs: Theirs, profile: Profile) -> str:
    """A warning where the campaign's numbers are written otherwise than those that would be sent."""
    there, own = Counter(standing.forms), Counter(standing.own_forms)
    if not there or not own:
        return ""
    form, count = there.most_common(1)[0]
    if count < _MAIN * there.total() or own[form] >= _MAIN * own.total():
        return ""
    mine = next(each for each, _ in own.most_common() if each != form)
    wanted = _fitting_format(form, theirs.bare)
    return (
        f"numbers in the campaign are written {_SAID[form]} ({count:,} of the {there.total():,} looked at), "
        f"and those of this input would be sent {_SAID[mine]}: dial plans differ, so make sure that both are "
        "dialled"
        + (f', or say [phones] format = "{wanted}" in a profile' if wanted != profile.phones.format else "")
    )


def _fitting_format(form: str, bare: Sequence[str]) -> str:
    """The profile's word for numbers that are written so."""
    if form != "other":
        return {"+": "e164", "0": "national", "00": "as-written"}[form]
    rules = phone.PhoneRules()
    with_code = sum(bool(phone.read_cell(f"+{number}", rules).numbers) for number in bare)
    return "digits" if 2 * with_code > len(bare) else "national"


def _more(names: Sequence[object]) -> str:
    return f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + _more(names)
