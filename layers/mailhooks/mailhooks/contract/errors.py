"""The one error of the contract."""


class ContractError(ValueError):
    """A document is not what WorkMail's contract says, or asks for what WorkMail would not accept.

    Attributes:
        pointer: where, as a JSON Pointer (RFC 6901) into the document; `""` is the whole document.
        expected: what the contract has there.
        got: the *kind* of thing that came ("a string of 12 characters"). Never its content: an event holds addresses and subjects, and
            an error's text ends in a log.
    """

    def __init__(self, pointer: str, expected: str, got: str) -> None:
        super().__init__(f"at {pointer or 'the top'}: expected {expected}, got {got}")
        self.pointer = pointer
        self.expected = expected
        self.got = got


def kind_of(value: object) -> str:
    """What kind of JSON value this is, in words that give nothing of it away.

    >>> kind_of("someone@example.com"), kind_of([]), kind_of(None)
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
            return _sized(value, "string", "character")
        case list() | tuple():
            return _sized(value, "array", "item")
        case dict():
            return "an object" if value else "an empty object"
        case _:
            return f"a Python {type(value).__name__}"


def _sized(value: str | list[object] | tuple[object, ...], name: str, unit: str) -> str:
    count = len(value)
    if not count:
        return f"an empty {name}"
    article = "an" if name == "array" else "a"
    return f"{article} {name} of {count} {unit}{'s' if count > 1 else ''}"
