"""Checks a document against one of the JSON Schemas in `schemas/` (draft 2020-12), and says where it breaks.

The schemas are the contract; this module only turns the validator's findings into a `ContractError`. A schema's `description` is a noun
phrase and becomes the error's "expected ...".
"""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.retrieval import to_cached_resource

from mailhooks.contract.errors import ContractError, kind_of


def check(schema: str, document: object) -> None:
    """Checks `document` against `schemas/<schema>.json`.

    Raises:
        ContractError: names the outermost place that breaks the schema; of several, the first in the schema's order, or in the array's.
    """
    found = min(_validator(schema).iter_errors(document), key=lambda error: len(error.absolute_path), default=None)
    if found is not None:
        raise _contract_error(found)


def findings(schema: str, document: object, limit: int) -> list[tuple[tuple[str | int, ...], str]]:
    """Everything that breaks `schemas/<schema>.json`, at most `limit` of it: the place, as keys and positions, and what was expected
    there. For documents that people write: what they call a property is named.
    """
    found: list[tuple[tuple[str | int, ...], str]] = []
    for error in islice(_validator(schema).iter_errors(document), limit):
        place = tuple(error.absolute_path)
        breach = _contract_error(error)
        if error.validator == "additionalProperties":
            found.extend(((*place, name), f"expected {breach.expected}") for name in _unknown(error))
        else:
            missing = (_missing(error),) if error.validator == "required" else ()
            found.append(((*place, *missing), _limit(error) or f"expected {breach.expected}, got {breach.got}"))
    return found


_COUNTED: Final = {"rules": "rules", "lists": "lists", "do": "actions"}


def _limit(error: ValidationError) -> str:
    """What is said of a breach of a limit, or of properties that need others; "" for other breaches."""
    value: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "maxItems" | "maxProperties" if len(value) > 1 and error.validator_value != 1:
            what = _COUNTED.get(str(error.absolute_path[-1]), "entries")
            return f"expected at most {error.validator_value:,} {what}, got {len(value):,}"
        case "maxLength":
            return f"expected at most {error.validator_value:,} characters, got {len(value):,}"
        case "dependentRequired":
            given, needed = next((key, name) for key, names in schema["dependentRequired"].items() for name in names if name not in value)
            return f"expected {needed} beside {given}"
        case "minProperties" if value:
            others = [name for name in schema.get("properties", {}) if name not in value]
            return f"expected {_expected(schema)}: beside {' and '.join(value)} one of {', '.join(others)}"
    return ""


def _unknown(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    value: Any = error.instance
    return [str(name) for name in value if name not in schema.get("properties", {})]


def _missing(error: ValidationError) -> str:
    schema: Any = error.schema
    value: Any = error.instance
    return str(next(name for name in schema["required"] if name not in value))


@cache
def _validator(schema: str) -> Draft202012Validator:
    """Read and compiled once a process, and only the schemas that are used."""
    document: dict[str, Any] = json.loads(_text(f"{schema}.json"))
    if file := document.pop("$ref", None):
        # What the other file says is put in its place: jsonschema resolves a reference anew for every document, half of a check's time.
        common = json.loads(_text(file))
        document["allOf"] = [{key: value for key, value in common.items() if key not in {"$id", "$schema"}}]
    return Draft202012Validator(_inlined(document, document.get("$defs", {}), ()), registry=_REGISTRY)


def _inlined(node: Any, defs: dict[str, Any], inside: tuple[str, ...]) -> Any:
    """The schema with its own definitions in place of references to them, for the same reason; words beside a reference stay. A definition
    that refers to itself keeps that reference.
    """
    if isinstance(node, list):
        return [_inlined(item, defs, inside) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    name = reference.removeprefix("#/$defs/") if isinstance(reference, str) else ""
    if name in defs and name not in inside:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        # Rules of the same name would overwrite each other; of words the nearer count.
        if not (defs[name].keys() & beside.keys()) - {"description"}:
            return {**_inlined(defs[name], defs, (*inside, name)), **_inlined(beside, defs, inside)}
    return {key: value if key == "$defs" else _inlined(value, defs, inside) for key, value in node.items()}


def _text(uri: str) -> str:
    return (files(__package__) / "schemas" / uri.rpartition("/")[2]).read_text("utf-8")


_REGISTRY: Registry[Any] = Registry(retrieve=to_cached_resource()(_text))  # type: ignore[call-arg]  # attrs' alias of a private field
"""Resolves the references of one schema to another by file name; a file is read once a process."""


def _contract_error(error: ValidationError) -> ContractError:
    place = list(error.absolute_path)
    value: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "required":
            missing = _missing(error)
            schema = schema.get("properties", {}).get(missing, {})
            return ContractError(pointer([*place, missing]), _expected(schema), "nothing")
        case "additionalProperties":
            known = schema.get("properties", {})
            named = next((f" named {name}" for name in value if name not in known and _is_misspelt(name, known)), "")
            return ContractError(pointer(place), f"no properties besides {', '.join(known)}", f"another one{named}")
        case "uniqueItems":
            return ContractError(pointer(place), f"{_expected(schema)}, none twice", f"{kind_of(value)}, one of them twice")
        case _:
            return ContractError(pointer(place), _expected(schema), kind_of(value))


def _is_misspelt(name: object, known: Iterable[str]) -> bool:
    """Whether a name is nearly one of the contract's own. No other is quoted: a hook may have made a property's name of an address."""
    return isinstance(name, str) and name.isidentifier() and bool(get_close_matches(name, list(known), n=1, cutoff=0.8))


def _expected(schema: Any) -> str:
    """The schema in words: its description; or, where the rule says it all, the rule."""
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    types = schema.get("type", "value")
    return " or ".join(f"a {name}" for name in ([types] if isinstance(types, str) else types))


def pointer(place: Iterable[str | int]) -> str:
    """A path as a JSON Pointer (RFC 6901).

    >>> pointer(["envelope", "recipients", 0, "address"])
    '/envelope/recipients/0/address'
    """
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)
