"""The JSON Schema of the policy file, for editors (`yaml-language-server`) and for checks before a commit."""

from typing import Any

from masking.document import Document
from masking.mask_forms import MAIN_SETTING, MASKS


def json_schema() -> dict[str, Any]:
    """The schema of a policy file, with the short forms of masks that the models do not see."""
    schema = Document.model_json_schema()
    definitions = schema["$defs"]
    definitions["Mask"] = {"anyOf": [{"enum": _plain_names()}, *map(_long_form, MASKS)]}
    mask = {"$ref": "#/$defs/Mask"}
    definitions["ColumnEntry"]["properties"]["mask"] = mask
    definitions["TableEntry"]["properties"]["default"] = mask
    schema["properties"]["columns"]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/ColumnEntry"}, mask]}
    roles = schema["properties"]["roles"]["patternProperties"]
    for name, role in roles.items():
        roles[name] = {"anyOf": [role, definitions["RoleEntry"]["properties"]["scopes"]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Masking policy"}


def _plain_names() -> list[str]:
    return [name for name, mask in MASKS.items() if set(mask.model_fields) == {"kind"}]


def _long_form(name: str) -> dict[str, Any]:
    settings = MASKS[name].model_json_schema()
    settings["properties"].pop("kind")
    settings.pop("title", None)
    forms: list[dict[str, Any]] = [settings]
    if name in MAIN_SETTING:
        forms.append(settings["properties"][MAIN_SETTING[name]])
    if name in _plain_names():
        forms.append({"type": "null"})
    value = {"anyOf": forms} if len(forms) > 1 else settings
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}
