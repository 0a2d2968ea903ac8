"""Bulk loader for contact centre campaigns: a lead file in, customers in a campaign, an answer for every row.

The public names are those of ``__all__``; each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.api import (
        acknowledge_export,
        add_customer,
        aload,
        check,
        delete_customers,
        export,
        load,
        resume,
        stats,
        suppress_customers,
        switch_campaigns,
        undo,
        update_campaign,
    )
    from etl.errors import EtlError
    from etl.obi import Client
    from etl.profile import Profile
    from etl.records import RowOutcome, RunReport
    from etl.settings import Settings

__all__ = [
    "Client",
    "EtlError",
    "Profile",
    "RowOutcome",
    "RunReport",
    "Settings",
    "acknowledge_export",
    "add_customer",
    "aload",
    "check",
    "delete_customers",
    "export",
    "load",
    "resume",
    "stats",
    "suppress_customers",
    "switch_campaigns",
    "undo",
    "update_campaign",
]

_HOMES = {
    "Client": "etl.obi",
    "EtlError": "etl.errors",
    "Profile": "etl.profile",
    "RowOutcome": "etl.records",
    "RunReport": "etl.records",
    "Settings": "etl.settings",
    **dict.fromkeys(
        (
            "acknowledge_export",
            "add_customer",
            "aload",
            "check",
            "delete_customers",
            "export",
            "load",
            "resume",
            "stats",
            "suppress_customers",
            "switch_campaigns",
            "undo",
            "update_campaign",
        ),
        "etl.api",
    ),
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'etl' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
