"""Write a message's style sheets again without addresses outside of the message; everything else in them applies as it is written."""

import re
from collections.abc import Callable, Iterator
from typing import Final

NO_IMAGE: Final = "data:,"
"""The address of a picture that cannot be shown: a browser treats it like one that it cannot load."""

COPIES: Final = "data-mail-"
"""The beginning of the names under which `sanitizer` keeps the values of attributes that it changes, for selectors."""

_ESCAPE: Final = r"\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \t\n\r\f])?+|[^\n\r\f0-9a-fA-F])"
_WORD: Final = rf"(?:[-\w]|[^\x00-\x7f]|{_ESCAPE})++"
_STRING: Final = r"\"(?:[^\"\\\n\r\f]++|\\(?s:.))*+\"?+|'(?:[^'\\\n\r\f]++|\\(?s:.))*+'?+"
_TOKEN: Final = re.compile(
    rf"(?P<comment>/\*(?s:.*?)(?:\*/|\Z))|(?P<string>{_STRING})|(?P<word>@?{_WORD})(?P<call>\()?|\[\s*+(?P<attribute>{_WORD})"
    rf"|<!--|(?P<markup><(?![\s=0-9])|&(?![\s:.>+~,{{*[]))|[][(){{}}]",
    re.ASCII,
)
_ARGUMENT: Final = re.compile(
    rf"\s*+(?:(?P<string>{_STRING})|(?P<address>(?:[^\"'()\\\s]|{_ESCAPE})*+))\s*+(?:\)|\Z)",
    re.ASCII,
)
_REST: Final = re.compile(r"(?:[^)\\]++|\\(?s:.))*+\)?")
"""The rest of an address that is no valid one (CSS Syntax, section 4.3.14)."""

_ESCAPED: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\r\f])?|\r\n|[\n\r\f]|(.))", re.DOTALL)
_SPECIAL: Final = re.compile(r"[\\(@\[<&]")
_UNSAFE: Final = re.compile(r"[\"\\<&\x00-\x1f\x7f]")
_MARKUP: Final = re.compile(r"\\([<&])|\\(?s:.)|([<&])")
_NEWLINE: Final = re.compile(r"\r\n?")
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}

_IMAGE_SETS: Final = frozenset(("image-set", "-webkit-image-set", "image", "src", "cross-fade", "-webkit-cross-fade"))
"""Functions in which a string is an address (CSS Images 4, sections 2.1, 2.4 and 2.6), or was one in a draft."""

_SUBSTITUTING: Final = frozenset("attr env first-valid if inherit random-item toggle var".split())
"""Functions that a value from elsewhere replaces (CSS Values 5, section 7); those of `@function` begin with `--`."""


def sanitize_css(css: str, find_image: Callable[[str], str], copied: frozenset[str] = frozenset()) -> str:
    """Return a style sheet, or declarations, that load nothing.

    Only an address is replaced, so the rest of its declaration applies: a colour with a picture, the second shape of a cursor.
    No `<` or `&` of the result begins markup: in SVG a browser reads the content of `<style>` as markup.

    Args:
        find_image: returns the `data:` address of a picture of the message; "" for another address.
        copied: names of attributes that `sanitizer` keeps under other names: selectors look for these.

    >>> sanitize_css("background:#123456 url(https://example.net/x.png) repeat-x", lambda address: "")
    'background:#123456 url("data:,") repeat-x'
    """
    return "".join(_Writer(_NEWLINE.sub("\n", css), find_image, copied).write()) if _SPECIAL.search(css) else css


class _Writer:
    """Writes the tokens of a style sheet. See `sanitize_css`."""

    def __init__(self, css: str, find_image: Callable[[str], str], copied: frozenset[str]) -> None:
        self._css = css
        self._find_image = find_image
        self._copied = copied
        self._position = 0
        self._opened: list[str] = []
        """The open brackets: for a function its name, such as `image-set(`."""
        self._image_sets = 0
        """How many of them are functions in which a string is an address."""

    def write(self) -> Iterator[str]:
        while found := _TOKEN.search(self._css, self._position):
            yield self._css[self._position : found.start()]
            self._position = found.end()
            if found["word"]:
                yield self._write_word(found)
            elif found["string"]:
                yield self._write_string(found[0])
            elif found["comment"]:
                yield _escape_markup(found[0])
            elif found["attribute"]:
                self._opened.append("[")
                yield self._rename_attribute(found["attribute"], found[0], "[")
            elif found["markup"]:
                # `<` compares in a media query, `&` is the outer rule's selector: white space would separate it from the next one.
                yield "< " if found[0] == "<" else "&/**/"
            elif found[0] == "<!--":
                yield " "
            else:
                self._read_bracket(found[0])
                yield found[0]
        yield self._css[self._position :]

    def _read_bracket(self, bracket: str) -> None:
        """Open a block, or close the innermost one. A bracket that closes another block has no effect (CSS Syntax, section 5.4.8)."""
        if bracket not in _CLOSING:
            self._opened.append(bracket)
        elif self._opened and self._opened[-1][-1] == _CLOSING[bracket]:
            self._image_sets -= self._opened.pop()[:-1] in _IMAGE_SETS

    def _write_word(self, found: re.Match[str]) -> str:
        name, calls = _unescape(found["word"]).lower(), bool(found["call"])
        if name == "@import":
            self._opened += ["("] * calls
            return "@x-import(" if calls else "@x-import"
        if name == "url" and calls:
            address, self._position = _read_argument(self._css, self._position)
            return "bad-url()" if address is None else f"url({self._replace(address)})"
        if calls:
            self._opened.append(f"{name}(")
            self._image_sets += name in _IMAGE_SETS
            if self._image_sets and (name in _SUBSTITUTING or name.startswith("--")):
                return "bad-value("
        elif self._opened and self._opened[-1] == "attr(":
            # Only the first word is the attribute.
            self._opened[-1] = "("
            return self._rename_attribute(name, found[0])
        return _escape_markup(found[0])

    def _write_string(self, text: str) -> str:
        is_address = self._image_sets and self._opened[-1] != "type("
        return self._replace(_unescape(text[1:].removesuffix(text[0]))) if is_address else _escape_markup(text)

    def _rename_attribute(self, name: str, text: str, opening: str = "") -> str:
        name = _unescape(name).lower()
        return f"{opening}{COPIES}{name}" if name in self._copied else _escape_markup(text)

    def _replace(self, address: str) -> str:
        """Return the string that replaces an address."""
        address = address.strip(" \t\n\f\r")
        if not (address.startswith("#") or address[:5].lower() == "data:"):
            address = self._find_image(address) or NO_IMAGE
        return '"' + _UNSAFE.sub(lambda found: f"\\{ord(found[0]):x} ", address) + '"'


def _read_argument(css: str, position: int) -> tuple[str | None, int]:
    """Return the address in `url(...)`, or None if it is not a valid one, and the offset behind it."""
    found = _ARGUMENT.match(css, position)
    if found is None:
        rest = _REST.match(css, position)
        return None, rest.end() if rest else len(css)
    if string := found["string"]:
        return _unescape(string[1:].removesuffix(string[0])), found.end()
    return _unescape(found["address"]), found.end()


def _escape_markup(text: str) -> str:
    r"""Return a string or an identifier in which no `<` or `&` begins markup.

    >>> print(_escape_markup("'</style>'"), _escape_markup(r"a\<b\\"))
    '\3c /style>' a\3c b\\
    """
    return _MARKUP.sub(_write_escape, text) if "<" in text or "&" in text else text


def _write_escape(found: re.Match[str]) -> str:
    character = found[1] or found[2]
    return f"\\{ord(character):x} " if character else found[0]


def _unescape(text: str) -> str:
    return _ESCAPED.sub(_read_escape, text) if "\\" in text else text


def _read_escape(found: re.Match[str]) -> str:
    if not found[1]:
        return found[2] or ""
    number = int(found[1], 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
