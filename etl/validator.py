"""Frames of raw text → one answer a row: a customer ready to be sent, or why it is not.

Each field is brought to its normal form first; pandera then judges the normal forms. A value that has no
normal form stands in its column as a NUL and its code, which no normal form matches, so the schema is the one
gate that a row passes: what is not in the form that the interface takes can't get through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import repeat
from operator import attrgetter

from etl import fields, phone
from etl.areacodes import without_local_parts
from etl.chunk import NO_ID, REFUSED, Chunk, is_blank
from etl.columns import Mapping
from etl.countries import Countries
from etl.duplicates import Claims, Duplicates, Repeat
from etl.forms import Gate, broken_rule, build_schema, rules_of
from etl.profile import Profile
from etl.quickphones import PhoneReader
from etl.quoting import quoted
from etl.records import Customer, Fault, Normal, RowOutcome, RowStatus, SourceRows
from etl.suppressing import Suppressor
from etl.suppression import NO_LISTS, Suppression
from etl.vocabulary import dialled

Decided = Customer | RowOutcome

_RAGGED = Fault(
    "row.ragged",
    "the row has more or fewer fields than the header, so its values may be in the wrong columns: "
    "correct it and empty obi_extra",
)
_sent = attrgetter("sent")


class Validator:
    """Decides the rows of one run, chunk after chunk, in order.

    ``campaign_end`` is aware; a date after it is invalid. ``now`` is what ``older_than`` rules count from.
    ``suppression`` are the do-not-call lists in use.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        mapping: Mapping,
        duplicates: Duplicates,
        campaign_end: datetime | None = None,
        now: datetime | None = None,
        suppression: Suppression = NO_LISTS,
    ) -> None:
        self.profile = profile
        self.mapping = mapping
        self._gate = Gate(build_schema(profile, mapping))
        self._names = tuple(name for _, name in mapping.attributes)
        self._duplicates = duplicates
        policy = profile.phones
        self._phones_in = PhoneReader(
            phone.PhoneRules(
                region=profile.region,
                accept=policy.accept,
                format=policy.format,
                premium=policy.premium,
                bad_beside_good=policy.bad_beside_good,
            )
        )
        self._countries = Countries(mapping)
        read_date = partial(_read_date, formats=profile.source.date_formats, order=profile.source.date_order)
        self._date = lru_cache(maxsize=4096)(partial(read_date, end=campaign_end))
        self._suppressor = Suppressor(
            profile,
            mapping,
            suppression=suppression,
            read_date=lru_cache(maxsize=4096)(partial(read_date, end=None)),
            now=now or datetime.now(UTC),
        )

    def decide(self, source: SourceRows) -> list[Decided]:
        """The answer for each of the reader's rows, in their order."""
        if not source:
            return []
        chunk = Chunk(source, self.mapping)
        self._normalise(chunk)
        self._judge(chunk)
        self._suppressor.suppress(chunk)
        self._find_duplicates(chunk)
        decided: list[Decided] = self._customers(chunk)
        for at, outcome in chunk.outcomes.items():
            decided[at] = outcome
        return decided

    # --- normal forms -------------------------------------------------------------------------------

    def _normalise(self, chunk: Chunk) -> None:
        defaults = self.profile.defaults
        self._phones(chunk)
        self._external_ids(chunk)
        chunk.put_scalar("dialingMode", fields.dialing_mode, default=defaults.dialing_mode)
        chunk.put_scalar("agentId", fields.guid)
        for name, value in (("priority", defaults.priority), ("previewTime", defaults.preview_time)):
            rule = partial(fields.whole_number, field=name)
            chunk.put_scalar(name, rule, default="" if value is None else str(value))
        self._time_zones(chunk)
        self._dates(chunk)
        for column, name, _ in rules_of(self.profile, self.mapping):
            chunk.normal[name] = chunk.stripped(column)

    def _phones(self, chunk: Chunk) -> None:
        columns = self.mapping.number_columns
        regions, written = self._countries.of(chunk)
        cells = [self._cells(chunk, column) for column in columns]
        found = self._phones_in.read(
            cells, regions=regions, countries=written, strict=bool(self.mapping.numbers)
        )
        rows = list(zip(*cells, strict=True))
        if codes := [chunk.raw(column) for column in self.mapping.area_codes if column not in columns]:
            found = [
                without_local_parts(each, row, beside)
                for each, row, beside in zip(found, rows, zip(*codes, strict=True), strict=True)
            ]
        found = self._suppressor.weigh(chunk, found, cells=rows, regions=regions)
        chunk.phones = found
        chunk.sent = [tuple(map(_sent, each.numbers)) for each in found]
        forms = list(map(";".join, chunk.sent))
        for at, each in enumerate(found):
            if each.warnings:
                for warning in each.warnings:
                    chunk.warn(at, warning)
            if each.fault:
                forms[at] = chunk.refuse(at, "numbers", each.fault, column=columns[each.at])
        chunk.normal["numbers"] = forms

    def _cells(self, chunk: Chunk, column: int) -> list[str]:
        """The cells of a number column, without those whose label says that nobody is to be called there."""
        cells = chunk.raw(column)
        label = dict(self.mapping.labels).get(column)
        if label is None or is_blank(chunk.raw(label)):
            return cells
        kept = []
        for at, (cell, said) in enumerate(zip(cells, chunk.raw(label), strict=True)):
            kept.append(dialled(cell, said))
            if kept[-1] != cell and cell.strip():
                where = self.mapping.headers[column].strip()
                chunk.warn(at, f"{where} is labelled {quoted(said.strip())}: that number is not dialled")
        return kept

    def _external_ids(self, chunk: Chunk) -> None:
        policy = self.profile.external_id
        cells = chunk.scalar("externalId")
        if not policy.salesforce18 and fields.are_plain_ids(cells, prefix=policy.prefix):
            chunk.normal["externalId"] = [policy.prefix + text for text in cells]
            return
        chunk.put(
            "externalId",
            (
                self._derived_id(chunk, at)
                if fields.is_no_id(text)
                else fields.external_id(text, prefix=policy.prefix, salesforce18=policy.salesforce18)
                for at, text in enumerate(cells)
            ),
        )

    def _derived_id(self, chunk: Chunk, at: int) -> Normal | Fault:
        """From the first good number, before suppression; a row without one falls for that reason alone."""
        if self.profile.external_id.when_missing == "reject":
            return Fault("externalId.missing", "there is no externalId, and the profile asks for one")
        if not chunk.e164[at]:
            return Normal(NO_ID)
        chunk.derived.add(at)
        parts = [chunk.raw(column)[at].strip() for column in self.mapping.derive_from]
        derived = fields.derived_external_id(chunk.e164[at][0], parts)
        return Normal(
            self.profile.external_id.prefix + derived,
            "the row has no externalId: one is derived from the number",
        )

    def _time_zones(self, chunk: Chunk) -> None:
        default = self.profile.defaults.time_zone
        chunk.put_scalar("timeZone", fields.time_zone, default="" if default == "infer" else default)
        if default == "infer":
            zones = chunk.normal["timeZone"]
            for at, each in enumerate(chunk.phones):
                if not zones[at] and each.numbers:
                    zones[at] = phone.time_zone_of(each.numbers[0].e164) or ""

    def _dates(self, chunk: Chunk) -> None:
        cells = chunk.scalar("date")
        if is_blank(cells):
            chunk.normal["date"] = [""] * len(cells)
            return
        default = self.profile.source.timezone
        zones = (zone if zone and zone[0] != REFUSED else default for zone in chunk.normal["timeZone"])
        chunk.put(
            "date",
            (
                self._date(text, zone) if text.strip() else None
                for text, zone in zip(cells, zones, strict=True)
            ),
        )

    # --- judgement ----------------------------------------------------------------------------------

    def _judge(self, chunk: Chunk) -> None:
        for at, failed in self._gate.failures(chunk.normal).items():
            # There is nothing to correct where a note says not to call, unless it may be another row's.
            if at not in chunk.noted or chunk.normal["extra"][at]:
                chunk.outcomes[at] = self._invalid(chunk, at, failed)

    def _invalid(self, chunk: Chunk, at: int, failed: list[tuple[str, str]]) -> RowOutcome:
        if chunk.normal["extra"][at]:  # no other value of such a row can be believed
            return RowOutcome(
                row=chunk.rows[at], status=RowStatus.INVALID, code=_RAGGED.code, error=_RAGGED.reason
            )
        faults = [
            chunk.fault_of(at, column) or self._fault(column, check, chunk.normal[column][at])
            for column, check in failed
        ]
        external_id = chunk.accepted(at, "externalId")
        return RowOutcome(
            row=chunk.rows[at],
            status=RowStatus.INVALID,
            external_id="" if external_id == NO_ID else external_id,
            numbers=chunk.accepted(at, "numbers"),
            field=faults[0][0],
            code=faults[0][1].code,
            error="; ".join(
                f"{where.strip()}: {fault.reason}" if len(faults) > 1 else fault.reason
                for where, fault in faults
            ),
            warning=chunk.warning(at),
        )

    def _fault(self, column: str, check: str, value: str) -> tuple[str, Fault]:
        """What the schema alone refused: an attribute, by a rule of the profile."""
        for position, name, rule in rules_of(self.profile, self.mapping):
            if name == column:
                header = self.mapping.headers[position]
                return header, Fault(check, broken_rule(rule, check, header=header, value=quoted(value)))
        return column, Fault(check, f"the {column} is not in a form that can be sent")

    # --- duplicates ---------------------------------------------------------------------------------

    def _find_duplicates(self, chunk: Chunk) -> None:
        """Only rows that passed the checks claim their id; suppressed ones do, so that nobody slips by."""
        ids, numbers, outcomes = chunk.normal["externalId"], chunk.e164, chunk.outcomes
        if not outcomes:
            good: Sequence[int] = range(len(chunk.rows))
            claims = Claims(rows=chunk.rows, external_ids=ids, numbers=numbers, derived=chunk.derived)
        else:
            good = [
                at
                for at in range(len(chunk.rows))
                if at not in outcomes or outcomes[at].status is not RowStatus.INVALID
            ]
            claims = Claims(
                rows=[chunk.rows[at] for at in good],
                external_ids=["" if ids[at] == NO_ID else chunk.accepted(at, "externalId") for at in good],
                numbers=[numbers[at] for at in good],
                derived={place for place, at in enumerate(good) if at in chunk.derived},
                suppressed={place for place, at in enumerate(good) if at in outcomes},
            )
        for place, verdict in self._duplicates.judge(claims).items():
            at = good[place]
            ids[at] = verdict.external_id
            chunk.warn(at, verdict.warning)
            if verdict.repeat and at not in outcomes:
                outcomes[at] = self._duplicate(chunk, at, verdict.repeat)

    def _duplicate(self, chunk: Chunk, at: int, repeat: Repeat) -> RowOutcome:
        column = self.mapping.fields.get("externalId")
        if repeat.by == "number" or column is None or at in chunk.derived:
            column = self.mapping.number_columns[0]
        word = "externalId" if repeat.by == "externalId" and at not in chunk.derived else "number"
        if repeat.run:
            return chunk.not_sent(
                at,
                RowStatus.DUPLICATE,
                field=self.mapping.headers[column],
                code="duplicate.earlier_run",
                error=f"has the same {word} as row {repeat.first} of run {repeat.run}, which put it into the "
                "campaign",
            )
        return chunk.not_sent(
            at,
            RowStatus.DUPLICATE,
            field=self.mapping.headers[column],
            code=f"duplicate.{word}",
            error=f"has the same {word} as row {repeat.first}",
            first_row=repeat.first,
        )

    # --- customers ----------------------------------------------------------------------------------

    def _customers(self, chunk: Chunk) -> list[Decided]:
        """A customer of each row, for those that are sent."""
        normal = chunk.normal
        columns = [self._values(chunk, column) for column, _ in self.mapping.attributes]
        return list(
            map(
                Customer,
                chunk.rows,
                normal["externalId"],
                chunk.sent,
                *(_or_none(normal[name]) for name in ("date", "agentId", "dialingMode")),
                *(
                    map(_whole_numbers(normal[name]).get, normal[name])
                    for name in ("previewTime", "priority")
                ),
                _or_none(normal["timeZone"]),
                repeat(self._names),
                zip(*columns, strict=True) if columns else repeat(()),
                chunk.warnings(),
            )
        )

    def _values(self, chunk: Chunk, column: int) -> list[str]:
        values = chunk.stripped(column)
        if fields.have_controls(values):
            for at, value in enumerate(values):
                normal = fields.attribute_value(value)
                if normal.warning:
                    values[at] = normal.value.strip()
                    chunk.warn(at, f"{self.mapping.headers[column].strip()}: {normal.warning}")
        return values


def _or_none(forms: Sequence[str]) -> Sequence[str | None]:
    """Normal forms, None in place of those that are absent."""
    return [form or None for form in forms]


def _whole_numbers(forms: Sequence[str]) -> dict[str, int]:
    return {form: int(form) for form in set(forms) if form.isdecimal()}


def _read_date(
    text: str, zone: str, *, formats: tuple[str, ...], order: str, end: datetime | None
) -> Normal | Fault:
    return fields.date(text, formats=formats, order=order, zone=zone, campaign_end=end)
