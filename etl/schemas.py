"""The JSON Schema of a mapping profile, for editors: ``python -m etl.schemas`` writes it anew."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from etl.profile import Profile, asset

PROFILE = "profile.schema.json"
"""Its name in ``schemas/``."""


def profile_schema() -> dict[str, Any]:
    """The schema of a profile as it is written, by the names of its keys (JSON Schema 2020-12)."""
    schema = Profile.model_json_schema(by_alias=True, schema_generator=_ForToml)
    del schema["properties"]["guessing"]  # what the program notes for itself is no key
    schema["title"] = "Mapping profile of obi-import"
    schema["description"] = "Which source column is which customer field, and by which rules."
    schema["properties"] |= {
        key: {"description": table.__doc__.partition("\n")[0], **schema["properties"][key]}
        for key, field in Profile.model_fields.items()
        if isinstance(table := field.annotation, type) and issubclass(table, BaseModel) and table.__doc__
    }
    return dict(_in_markdown({"$schema": GenerateJsonSchema.schema_dialect, **schema}))


def text_of(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _ForToml(GenerateJsonSchema):
    """TOML has no null: a key without a value is left out. Titles would only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No title."""
        del schema
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """The value alone."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The default of a value; a table's are with its own keys."""
        if isinstance(schema.get("default"), BaseModel | None):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A table, described by its docstring."""
        table = super().model_schema(schema)
        table.pop("title", None)
        return table


def _in_markdown(schema: Any) -> Any:
    """The schema with its descriptions marked as editors do."""
    if isinstance(schema, list):
        return [_in_markdown(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    marked = {key: _in_markdown(value) for key, value in schema.items()}
    if isinstance(text := marked.get("description"), str):
        marked["description"] = text.replace("``", "`")
    return marked


if __name__ == "__main__":
    (asset("schemas") / PROFILE).write_text(text_of(profile_schema()), encoding="utf-8")
