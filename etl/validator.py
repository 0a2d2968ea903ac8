"""Frames of raw text → one answer a row: a customer ready to be sent, or why it is not.

Each field is brought to its normal form first; pandera then judges the normal forms. A value that has no
normal form stands in its column as a NUL and its code, which no normal form matches, so the schema is the one
gate that a row passes: what is not in the form that the interface takes can't get through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial

import pandas as pd
from msgspec.structs import replace
from pandera.errors import SchemaErrors

from etl import fields, phone
from etl.areacodes import without_local_parts
from etl.chunk import NO_ID, Chunk
from etl.columns import Mapping
from etl.duplicates import Claim, Duplicates, Repeat
from etl.forms import broken_rule, build_schema, rules_of
from etl.profile import Profile
from etl.quoting import quoted
from etl.records import Customer, Fault, Normal, RowOutcome, RowStatus
from etl.suppressing import Suppressor
from etl.suppression import NO_LISTS, Suppression
from etl.vocabulary import dialled, is_dial_code

Decided = Customer | RowOutcome

_RAGGED = Fault(
    "row.ragged",
    "the row has more or fewer fields than the header, so its values may be in the wrong columns: "
    "correct it and empty obi_extra",
)
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"


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
        self.schema = build_schema(profile, mapping)
        self._duplicates = duplicates
        policy = profile.phones
        self._phone_rules = phone.PhoneRules(
            region=profile.region,
            accept=policy.accept,
            format=policy.format,
            premium=policy.premium,
            bad_beside_good=policy.bad_beside_good,
        )
        self._region_of = lru_cache(maxsize=4096)(phone.region_of)
        read_date = partial(_read_date, formats=profile.source.date_formats, order=profile.source.date_order)
        self._date = lru_cache(maxsize=4096)(partial(read_date, end=campaign_end))
        self._suppressor = Suppressor(
            profile,
            mapping,
            suppression=suppression,
            read_date=lru_cache(maxsize=4096)(partial(read_date, end=None)),
            now=now or datetime.now(UTC),
        )

    def decide(self, frame: pd.DataFrame) -> Iterator[Decided]:
        """The answer for each row of a reader's frame, in its order."""
        chunk = Chunk(frame, self.mapping)
        self._normalise(chunk)
        self._judge(chunk)
        self._suppressor.suppress(chunk)
        self._find_duplicates(chunk)
        attributes = self._attributes(chunk)
        for at in range(len(chunk.rows)):
            yield chunk.outcomes.get(at) or self._customer(chunk, at, attributes=attributes[at])

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
        zones = [
            chunk.accepted(at, "timeZone") or self.profile.source.timezone for at in range(len(chunk.rows))
        ]
        dates = zip(chunk.scalar("date"), zones, strict=True)
        chunk.put("date", (self._date(text, zone) if text.strip() else None for text, zone in dates))
        for column, name, _ in rules_of(self.profile, self.mapping):
            chunk.normal[name] = [text.strip() for text in chunk.raw(column)]

    def _phones(self, chunk: Chunk) -> None:
        columns = self.mapping.number_columns
        strict = bool(self.mapping.numbers)
        regions = self._regions(chunk)
        cells = list(zip(*(self._cells(chunk, column) for column in columns), strict=True))
        found = [
            phone.read_row(row, self._phone_rules, region=region, country=country, strict=strict)
            for row, region, country in zip(cells, regions, self._unknown(chunk), strict=True)
        ]
        if codes := [chunk.raw(column) for column in self.mapping.area_codes if column not in columns]:
            found = [
                without_local_parts(each, row, beside)
                for each, row, beside in zip(found, cells, zip(*codes, strict=True), strict=True)
            ]
        found = self._suppressor.weigh(chunk, found, cells=cells, regions=regions)
        sent: list[str] = []
        for at, each in enumerate(found):
            for warning in each.warnings:
                chunk.warn(at, warning)
            chunk.dialled.append(each.numbers[0].e164 if each.numbers else "")
            if each.fault:
                sent.append(chunk.refuse(at, "numbers", each.fault, column=columns[each.at]))
            else:
                sent.append(";".join(number.sent for number in each.numbers))
        chunk.normal["numbers"] = sent

    def _cells(self, chunk: Chunk, column: int) -> list[str]:
        """The cells of a number column, without those whose label says that nobody is to be called there."""
        cells = chunk.raw(column)
        label = dict(self.mapping.labels).get(column)
        if label is None or not chunk.has(label, r"\S"):
            return cells
        kept = []
        for at, (cell, said) in enumerate(zip(cells, chunk.raw(label), strict=True)):
            kept.append(dialled(cell, said))
            if kept[-1] != cell and cell.strip():
                where = self.mapping.headers[column].strip()
                chunk.warn(at, f"{where} is labelled {quoted(said.strip())}: that number is not dialled")
        return kept

    def _regions(self, chunk: Chunk) -> Sequence[str | None]:
        """Each row's own region; None means the profile's, ``""`` a name that is not understood."""
        if self.mapping.region is None:
            return [None] * len(chunk.rows)
        if not self.mapping.other_regions:
            cells = self._countries(chunk, self.mapping.region)
            return [(self._region_of(text) or "") if text.strip() else None for text in cells]
        columns = (self.mapping.region, *self.mapping.other_regions)
        rows = zip(*(self._countries(chunk, column) for column in columns), strict=True)
        said = ([text for text in row if text.strip()] for row in rows)
        return [self._region(chunk, at, countries) for at, countries in enumerate(said)]

    def _unknown(self, chunk: Chunk) -> Sequence[str]:
        """What stands in each row's country cell, where that is no country; for messages."""
        if self.mapping.region is None:
            return [""] * len(chunk.rows)
        cells = self._countries(chunk, self.mapping.region)
        return ["" if self._region_of(text) else text.strip() for text in cells]

    def _countries(self, chunk: Chunk, column: int) -> list[str]:
        """The cells of a country column; codes that are dialled with their plus."""
        cells = chunk.raw(column)
        coded = is_dial_code(self.mapping.headers[column])
        return list(map(phone.dial_code, cells)) if coded else cells

    def _region(self, chunk: Chunk, at: int, countries: Sequence[str]) -> str | None:
        """One row's, of several: where they are two countries, no national number of the row can be read."""
        if not countries:
            return None
        first = self._region_of(countries[0])
        if not all(phone.says_region(text, first) for text in countries[1:]):
            named = ", ".join(dict.fromkeys(quoted(text.strip()) for text in countries))
            chunk.warn(at, f"the row names more than one country ({named}): numbers need a country code")
            return ""
        return first or ""

    def _external_ids(self, chunk: Chunk) -> None:
        policy = self.profile.external_id
        chunk.put(
            "externalId",
            (
                self._derived_id(chunk, at)
                if fields.is_no_id(text)
                else fields.external_id(text, prefix=policy.prefix, salesforce18=policy.salesforce18)
                for at, text in enumerate(chunk.scalar("externalId"))
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
            for at, number in enumerate(chunk.dialled):
                if not zones[at] and number:
                    zones[at] = phone.time_zone_of(number) or ""

    # --- judgement ----------------------------------------------------------------------------------

    def _judge(self, chunk: Chunk) -> None:
        forms = {name: chunk.normal[name] for name in self.schema.columns}
        try:
            self.schema.validate(pd.DataFrame(forms, index=chunk.index, dtype="str"), lazy=True)
        except SchemaErrors as errors:
            cases = errors.failure_cases
            failures: dict[int, list[tuple[str, str]]] = {}
            for row, column, check in zip(cases["index"], cases["column"], cases["check"], strict=True):
                failures.setdefault(int(row) - chunk.rows[0], []).append((str(column), str(check)))
            for at, failed in failures.items():
                # There is nothing to correct where a note says not to call, unless it may be another row's.
                if at in chunk.noted and not chunk.normal["extra"][at]:
                    continue
                chunk.outcomes[at] = self._invalid(chunk, at, failed)

    def _invalid(self, chunk: Chunk, at: int, failed: list[tuple[str, str]]) -> RowOutcome:
        if chunk.normal["extra"][at]:  # no other value of such a row can be believed
            return RowOutcome(
                row=chunk.rows[at], status=RowStatus.INVALID, code=_RAGGED.code, error=_RAGGED.reason
            )
        order = list(self.schema.columns)
        failed.sort(key=lambda failure: order.index(failure[0]))
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
        good = [
            at
            for at in range(len(chunk.rows))
            if at not in chunk.outcomes or chunk.outcomes[at].status is not RowStatus.INVALID
        ]
        ids = chunk.normal["externalId"]
        claims = [
            Claim(
                chunk.rows[at],
                "" if ids[at] == NO_ID else chunk.accepted(at, "externalId"),
                at in chunk.derived,
                chunk.e164[at],
                at in chunk.outcomes,
            )
            for at in good
        ]
        for at, verdict in zip(good, self._duplicates.judge(claims), strict=True):
            ids[at] = verdict.external_id
            chunk.warn(at, verdict.warning)
            if verdict.repeat and at not in chunk.outcomes:
                chunk.outcomes[at] = self._duplicate(chunk, at, verdict.repeat)

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
        outcome = chunk.not_sent(
            at,
            RowStatus.DUPLICATE,
            field=self.mapping.headers[column],
            code=f"duplicate.{word}",
            error=f"has the same {word} as row {repeat.first}",
        )
        return replace(outcome, first_row=repeat.first)

    # --- customers ----------------------------------------------------------------------------------

    def _attributes(self, chunk: Chunk) -> list[tuple[tuple[str, str], ...]]:
        names = [name for _, name in self.mapping.attributes]
        columns = [self._values(chunk, column) for column, _ in self.mapping.attributes]
        if not columns:
            return [()] * len(chunk.rows)
        return [
            tuple((name, value) for name, value in zip(names, values, strict=True) if value)
            for values in zip(*columns, strict=True)
        ]

    def _values(self, chunk: Chunk, column: int) -> list[str]:
        values = [text.strip() for text in chunk.raw(column)]
        if chunk.has(column, _CONTROL):
            for at, value in enumerate(values):
                normal = fields.attribute_value(value)
                values[at] = normal.value.strip()
                if normal.warning:
                    chunk.warn(at, f"{self.mapping.headers[column].strip()}: {normal.warning}")
        return values

    def _customer(self, chunk: Chunk, at: int, *, attributes: tuple[tuple[str, str], ...]) -> Customer:
        normal = chunk.normal
        priority, preview_time = normal["priority"][at], normal["previewTime"][at]
        return Customer(
            row=chunk.rows[at],
            external_id=normal["externalId"][at],
            numbers=tuple(normal["numbers"][at].split(";")),
            date=normal["date"][at] or None,
            agent_id=normal["agentId"][at] or None,
            dialing_mode=normal["dialingMode"][at] or None,
            preview_time=int(preview_time) if preview_time else None,
            priority=int(priority) if priority else None,
            time_zone=normal["timeZone"][at] or None,
            attributes=attributes,
            warning=chunk.warning(at),
        )


def _read_date(
    text: str, zone: str, *, formats: tuple[str, ...], order: str, end: datetime | None
) -> Normal | Fault:
    return fields.date(text, formats=formats, order=order, zone=zone, campaign_end=end)
