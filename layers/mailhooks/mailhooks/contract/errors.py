"""The error of all contract checks."""


class ContractError(ValueError):
    """A document breaks WorkMail's contract, or requests what WorkMail would reject.

    Attributes:
        pointer: the place in the document, as a JSON Pointer (RFC 6901); `""` is the whole document.
        expected: the value that the contract requires there.
        got: the *type* of the value that is there ("a string of 12 characters"). Never its content, because the error's text is logged and
            an event contains addresses and subjects.
    """

    def __init__(self, pointer: str, expected: str, got: str) -> None:
        super().__init__(f"at {pointer or 'the top'}: expected {expected}, got {got}")
        self.pointer = pointer
        self.expected = expected
        self.got = got


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
