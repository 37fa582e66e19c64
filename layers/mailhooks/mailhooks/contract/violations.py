"""Finds where a document breaks a JSON Schema in `schemas/`, and describes it.

This module converts the errors of `jsonschema` to `ContractError`. A schema's `description` is a noun phrase: the error's "expected ...".
"""

import re
from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.retrieval import to_cached_resource

from mailhooks.contract.errors import ContractError, describe_kind
from mailhooks.contract.schema_files import read_schema, read_text
from mailhooks.suggestions import suggest


def raise_violation(schema: str, document: object) -> None:
    """Raise the ContractError of `schema.check` if a document breaks a schema."""
    outermost = min(_validator(schema).iter_errors(document), key=lambda error: len(error.absolute_path), default=None)
    if outermost is not None:
        raise _contract_error(outermost)


def find_violations(schema: str, document: object, limit: int) -> list[tuple[tuple[str | int, ...], str]]:
    """Return the result of `schema.list_violations`."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    for error in islice(_validator(schema).iter_errors(document), limit):
        place = tuple(error.absolute_path)
        violation = _contract_error(error)
        if error.validator == "additionalProperties":
            found.extend(((*place, name), _describe_unknown(name, error, violation)) for name in _unknown_properties(error))
        elif error.validator == "required":
            # jsonschema has an error for each missing property, and does not name it.
            missing = next(name for name in _missing_properties(error) if (*place, name) not in dict(found))
            found.append(((*place, missing), f"expected {_expected(_find_property(error, missing))}, got nothing"))
        else:
            text = _describe_limit(error) or f"expected {violation.expected}, got {violation.got}{_suggest_word(error)}"
            found.append((place, text))
    return found


_WORDS: Final = re.compile(r"\^\(([a-z_|]+)\)\$\(\?!\\n\)")
"""A pattern that allows some words: the schema of a value that may also be a list of them."""

_COUNTED: Final = {"rules": "rules", "lists": "lists", "do": "actions"}


def _describe_limit(error: ValidationError) -> str:
    """Describe a broken limit, or a property that requires another one; "" for other violations."""
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
            return f"expected {needed} with {given}"
        case "minProperties" if value:
            others = [name for name in schema.get("properties", {}) if name not in value]
            return f"expected {_expected(schema)}: with {' and '.join(value)} one of {', '.join(others)}"
    return ""


def _unknown_properties(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    value: Any = error.instance
    return [str(name) for name in value if name not in schema.get("properties", {})]


def _describe_unknown(name: str, error: ValidationError, violation: ContractError) -> str:
    schema: Any = error.schema
    suggestion = suggest(name, schema.get("properties", {}))
    return f"unknown key{suggestion}" if suggestion else f"expected {violation.expected}"


def _suggest_word(error: ValidationError) -> str:
    """Return the question for the word of a schema that is most like a text; "" if the schema has no words or none is like it."""
    schema: Any = error.schema
    if not isinstance(error.instance, str):
        return ""
    words = [word for word in schema.get("enum", ()) if isinstance(word, str)]
    pattern = _WORDS.fullmatch(schema.get("pattern", ""))
    return suggest(error.instance, [*words, *(pattern[1].split("|") if pattern else ())])


def _missing_properties(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    value: Any = error.instance
    return [str(name) for name in schema["required"] if name not in value]


def _find_property(error: ValidationError, name: str) -> Any:
    """Return the schema of a property."""
    schema: Any = error.schema
    return schema.get("properties", {}).get(name, {})


@cache
def _validator(schema: str) -> Draft202012Validator:
    """Load and compile a schema, once per process."""
    document: dict[str, Any] = read_schema(f"{schema}.json")
    if file := document.pop("$ref", None):
        # Include the other file, because jsonschema resolves a reference again for every document, which needs half of the check's time.
        common = read_schema(file)
        document["allOf"] = [{key: value for key, value in common.items() if key not in {"$id", "$schema"}}]
    return Draft202012Validator(_inline(document, document.get("$defs", {}), ()), registry=_REGISTRY)


def _inline(node: Any, defs: dict[str, Any], inside: tuple[str, ...]) -> Any:
    """Replace references to the schema's own definitions by the definitions, for the same reason.

    Keywords next to a reference are kept. A definition that refers to itself keeps that reference.
    """
    if isinstance(node, list):
        return [_inline(item, defs, inside) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    name = reference.removeprefix("#/$defs/") if isinstance(reference, str) else ""
    if name in defs and name not in inside:
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        # Keywords of the same name would overwrite each other; of two descriptions the nearer one is used.
        if not (defs[name].keys() & siblings.keys()) - {"description"}:
            return {**_inline(defs[name], defs, (*inside, name)), **_inline(siblings, defs, inside)}
    return {key: value if key == "$defs" else _inline(value, defs, inside) for key, value in node.items()}


_REGISTRY: Registry[Any] = Registry(retrieve=to_cached_resource()(read_text))  # type: ignore[call-arg]  # attrs' alias of a private field
"""Resolves references from one schema to another by file name; reads each file once per process."""


def _contract_error(error: ValidationError) -> ContractError:
    place = list(error.absolute_path)
    value: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "required":
            missing = _missing_properties(error)[0]
            return ContractError(to_pointer([*place, missing]), _expected(_find_property(error, missing)), "nothing")
        case "additionalProperties":
            known = schema.get("properties", {})
            named = next((f" named {name}" for name in value if name not in known and _is_misspelt(name, known)), "")
            return ContractError(to_pointer(place), f"no properties other than {', '.join(known)}", f"another one{named}")
        case "uniqueItems":
            return ContractError(to_pointer(place), f"{_expected(schema)}, none twice", f"{describe_kind(value)}, one of them twice")
        case _:
            return ContractError(to_pointer(place), _expected(schema), describe_kind(value))


def _is_misspelt(name: object, known: Iterable[str]) -> bool:
    """Return whether a name resembles a property of the contract. Other names are not quoted, because a name may contain an address."""
    return isinstance(name, str) and name.isidentifier() and bool(suggest(name, known, likeness=0.8))


def _expected(schema: Any) -> str:
    """Return a schema in words: its description, or its enum or type if it has none."""
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    types = schema.get("type", "value")
    return " or ".join(f"a {name}" for name in ([types] if isinstance(types, str) else types))


def to_pointer(place: Iterable[str | int]) -> str:
    """Convert a path to a JSON Pointer (RFC 6901).

    >>> to_pointer(["envelope", "recipients", 0, "address"])
    '/envelope/recipients/0/address'
    """
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)
