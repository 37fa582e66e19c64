"""The words of contract errors."""

from mailhooks.errors import ContractError

__all__ = ["ContractError", "describe_kind"]


def describe_kind(value: object) -> str:
    """Return the type and size of a JSON value in words, without its content.

    >>> describe_kind("someone@example.com"), describe_kind([]), describe_kind(None)
    ('a string of 19 characters', 'an empty array', 'null')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return _describe_size(value, "string", "character")
        case list() | tuple():
            return _describe_size(value, "array", "item")
        case dict():
            return "an object" if value else "an empty object"
        case _:
            return f"a Python {type(value).__name__}"


def _describe_size(value: str | list[object] | tuple[object, ...], name: str, unit: str) -> str:
    if not value:
        return f"an empty {name}"
    article = "an" if name == "array" else "a"
    return f"{article} {name} of {len(value)} {unit}{'s' if len(value) > 1 else ''}"
