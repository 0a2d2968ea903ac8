"""Which country each row's numbers are of, where columns say so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from etl import phone
from etl.chunk import Chunk
from etl.columns import Mapping
from etl.quoting import quoted
from etl.vocabulary import is_dial_code


class Countries:
    """Reads the country columns of chunks; equal cells are read once."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._region_of = lru_cache(maxsize=4096)(phone.region_of)

    def of(self, chunk: Chunk) -> tuple[Sequence[str | None], Sequence[str]]:
        """Each row's region, and what stands in its country cell where that is no country, for messages.

        Of a region None means the profile's, and ``""`` that what is said is not understood.
        """
        first = self._mapping.region
        if first is None:
            return [None] * len(chunk.rows), [""] * len(chunk.rows)
        cells = self._cells(chunk, first)
        unknown = {text: "" if self._region_of(text) else text.strip() for text in set(cells)}
        if self._mapping.other_regions:
            regions = self._regions(
                chunk, [cells, *(self._cells(chunk, at) for at in self._mapping.other_regions)]
            )
        else:
            known = {text: (self._region_of(text) or "") if text.strip() else None for text in unknown}
            regions = list(map(known.__getitem__, cells))
        return regions, list(map(unknown.__getitem__, cells))

    def _cells(self, chunk: Chunk, column: int) -> list[str]:
        """The cells of a country column; codes that are dialled with their plus."""
        cells = chunk.raw(column)
        coded = is_dial_code(self._mapping.headers[column])
        return list(map(phone.dial_code, cells)) if coded else cells

    def _regions(self, chunk: Chunk, columns: Sequence[Sequence[str]]) -> list[str | None]:
        """Of several columns: where they are two countries, no national number of the row can be read."""
        rows = list(zip(*columns, strict=True))
        read = {row: self._region(row) for row in set(rows)}
        regions = []
        for at, row in enumerate(rows):
            region, warning = read[row]
            chunk.warn(at, warning)
            regions.append(region)
        return regions

    def _region(self, row: Sequence[str]) -> tuple[str | None, str]:
        """One row's, and a warning."""
        said = [text for text in row if text.strip()]
        if not said:
            return None, ""
        first = self._region_of(said[0])
        if all(phone.says_region(text, first) for text in said[1:]):
            return first or "", ""
        named = ", ".join(dict.fromkeys(quoted(text.strip()) for text in said))
        return "", f"the row names more than one country ({named}): numbers need a country code"
