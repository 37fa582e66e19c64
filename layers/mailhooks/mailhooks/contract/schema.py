"""Checks documents against the JSON Schemas in `schemas/` (draft 2020-12), which are the contract.

A generated check (see `check_generator.py`) decides whether a document is valid. Only if it is not, `violations.py` finds the reason by
`jsonschema`, whose import would be a tenth of a cold start.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module


def check(schema: str, document: object) -> None:
    """Check a document against `schemas/<schema>.json`.

    Raises:
        ContractError: the document breaks the schema. Names the outermost place; of several, the first in the order of the schema or array.
    """
    if not load_check(schema)(document):
        from mailhooks.contract.violations import raise_violation

        raise_violation(schema, document)


def list_violations(schema: str, document: object, limit: int) -> list[tuple[tuple[str | int, ...], str]]:
    """List where a document breaks `schemas/<schema>.json`, with the names of its unknown properties.

    Returns:
        At most `limit` violations: the place as keys and positions, and the problem in words.
    """
    if load_check(schema)(document):
        return []
    from mailhooks.contract.violations import find_violations

    return find_violations(schema, document, limit)


@cache
def load_check(schema: str) -> Callable[[object], bool]:
    """Return the function that checks a document: of the module that `mailhooks.prepare` wrote or, in a checkout, generated now."""
    name = name_check(schema)
    try:
        names = vars(import_module(f"{__package__}.{name}"))
    except ModuleNotFoundError:
        from mailhooks.contract.check_generator import generate_check
        from mailhooks.contract.schema_files import read_schema

        names = {"__name__": name}
        exec(generate_check(f"{schema}.json", read_schema), names)  # noqa: S102 - code generated from this package's own files
    is_valid: Callable[[object], bool] = names["is_valid"]
    return is_valid


def name_check(schema: str) -> str:
    """Return the name of the module with a schema's generated check, next to this module."""
    return f"prepared_{schema.replace('-', '_')}"
