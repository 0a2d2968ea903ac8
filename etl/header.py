"""The header of one input, asked for the columns that a profile names and for known names.

What a profile names matches trimmed, with case, spaces, ``_``, ``-`` and NBSP ignored; known names match by
their letters and digits alone, so that ``Telefon (mobil)`` and ``PHONE_MOBILE`` are known too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from etl.errors import ProfileError
from etl.profile import normal_header
from etl.quoting import excerpt
from etl.vocabulary import loose

_DATA = re.compile(r"[0-9][0-9 ()./-]{5,}[0-9]|[^\s@]@[^\s@]+\.")
_DELIMITER = re.compile(r"[,;\t|]")
NO_HEADER = (
    "The first line looks like data and not like a header: put a line with the columns' names above it. "
    "If the header stands further down, give its line: --header-row N."
)
_SHOWN = 12
_LABELS = ("label", "type", "typ", "art", "kind")
_ORDINAL = re.compile(r"(.*?)[\s_-]*(\d+)\s*", re.DOTALL)


class Header:
    """The columns of an input, by position and by name.

    What is asked for by a profile and is not there is kept, so that ``stop_if_lacking`` can tell all of it at
    once.
    """

    def __init__(self, columns: Sequence[tuple[int, str]]) -> None:
        self.columns = columns
        self.written = [name for _, name in columns]
        self._named: dict[str, list[int]] = {}
        self._known: dict[str, list[int]] = {}
        self._lacking: list[tuple[str, str]] = []
        for at, name in columns:
            self._named.setdefault(normal_header(name), []).append(at)
            self._known.setdefault(loose(name), []).append(at)

    def named(self, name: str) -> list[int]:
        """The columns that a profile means by ``name``."""
        return self._named.get(normal_header(name), [])

    def known(self, name: str) -> list[int]:
        """The columns that go by a known name, however it is spelled; none by one without letters."""
        key = loose(name)
        return self._known.get(key, []) if key else []

    def places(self, names: Sequence[str]) -> set[int]:
        """All columns that go by one of ``names``."""
        return {at for name in names for at in self.known(name)}

    def at(self, name: str, key: str) -> int:
        """The one column of this name that the profile's ``key`` means; -1 where there is none.

        Raises ProfileError where there are several.
        """
        found = self.named(name)
        if len(found) > 1:
            raise ProfileError(
                f"The profile names the column {name!r} ({key}), and the input has {len(found)} of that "
                "name; rename them in the input so that it is clear which one is meant."
            )
        if not found:
            self._lacking.append((name, key))
        return found[0] if found else -1

    def stop_if_lacking(self, known_to_profile: Sequence[str]) -> None:
        """Raise ProfileError where a profile has asked for columns that are not there.

        It names each with the nearest that is, and the input's columns that are not ``known_to_profile``.
        """
        if not self._lacking:
            return
        if len(self._lacking) == 1:
            name, key = self._lacking[0]
            said = f"The profile names the column {name!r} ({key}), and the input has none"
        else:
            names = ", ".join(f"{name!r} ({key})" for name, key in self._lacking[:_SHOWN])
            said = f"The profile names {len(self._lacking)} columns that the input does not have: {names}"
        if self.looks_like_data:
            raise ProfileError(f"{said}. {NO_HEADER}")
        if len(self.written) == 1 and (mark := _DELIMITER.search(self.written[0])):
            raise ProfileError(
                f"{said}: its header is one column with {mark[0]!r} in it; state another delimiter, by "
                "--delimiter or in the profile's [source]."
            )
        near = [close for name, _ in self._lacking if (close := self._nearest(name))]
        hint = f". Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        known = {normal_header(name) for name in known_to_profile}
        new = [name for name in self.written if name.strip() and normal_header(name) not in known]
        if new:
            hint += f"{'' if near else '.'} Not in the profile: {listed(new)}."
        raise ProfileError(said + (hint or "."))

    def _nearest(self, name: str) -> str:
        by_normal = {normal_header(written): written.strip() for written in self.written}
        match = difflib.get_close_matches(normal_header(name), by_normal, n=1, cutoff=0.6)
        return by_normal[match[0]] if match else ""

    @property
    def looks_like_data(self) -> bool:
        """Whether the cells are a person's rather than names of columns: they must not be shown then."""
        return any(_DATA.search(name) for name in self.written)


def listed(names: Sequence[str]) -> str:
    """The first names, trimmed, and how many more there are."""
    shown = [excerpt(" ".join(name.split())) or "(blank)" for name in names]
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def label_columns(phones: Sequence[int], header: Header) -> tuple[tuple[int, int], ...]:
    """Phone column → the column beside it that says what its number is, as in Google's exports."""
    written = dict(header.columns)
    pairs = []
    for phone in phones:
        stem = re.sub(r"[\s_-]*value\s*$", "", written[phone], flags=re.IGNORECASE)
        names = [f"{stem} {word}" for word in _LABELS]
        if match := _ORDINAL.fullmatch(stem):
            names += [f"{match[1]} {word} {match[2]}" for word in _LABELS]
        found = next((places for name in names if (places := header.known(name))), [])
        if len(found) == 1:
            pairs.append((phone, found[0]))
    return tuple(pairs)
