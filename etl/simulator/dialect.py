"""What the interface's document leaves open, as switches: deployments differ in them."""

from __future__ import annotations

from typing import Literal, get_args, get_type_hints

from msgspec import Struct


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this server reads the document.

    ``unique`` is where an externalId may stand once: in its campaign, or in the whole system. With
    ``ids_ignore_case`` two externalIds that differ only in case are the same, for uniqueness and in
    searches. ``duplicates`` is which copy of an externalId that one request brings twice is added: the
    ``first``, or ``none``. ``attributes`` is how they are answered in JSON: ``wrapped`` as in the document's
    examples, ``bare`` as in its types, or ``single``, which is wrapped with a lone attribute standing without
    its list; requests may bring them in all three forms. ``language`` is that of reasons. Numbers have
    ``shortest_number`` to ``longest_number`` digits. Raises ValueError for what is not a choice.
    """

    unique: Literal["campaign", "system"] = "campaign"
    ids_ignore_case: bool = False
    duplicates: Literal["first", "none"] = "first"
    attributes: Literal["wrapped", "bare", "single"] = "wrapped"
    language: Literal["en", "de", "fi"] = "en"
    shortest_number: int = 3
    longest_number: int = 20
    longest_external_id: int = 255

    def __post_init__(self) -> None:
        """Refuse what is no choice."""
        for name, kind in get_type_hints(Dialect).items():
            choices = get_args(kind)
            if choices and getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}")
        if not 1 <= self.shortest_number <= self.longest_number:
            raise ValueError("shortest_number and longest_number are no range of lengths")
