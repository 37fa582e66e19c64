"""The styles of HTML that reach an element at the end or at the beginning of its body, by the selectors and not by a layout.

Style sheets are split and not parsed: a rule that might match counts. Time is linear.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.mime.html import MARKUP, Kind, Token
from mailhooks.patterns import compile_late

Declarations = Mapping[str, str]
"""Values by property, in lower case."""

_COMMENT: Final = compile_late(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_COMBINATORS: Final = compile_late(r"[\s>+~]+")
_ARGUMENTS: Final = compile_late(r":(?:not|has)\([^()]*\)?")
_ONE_NAME: Final = compile_late(r"[a-z0-9]*[.#][\w-]+")
_STATE: Final = compile_late(r"::|:(?:hover|active|focus|visited|before|after|first-letter|first-line)")
_TYPE: Final = compile_late(r"[a-z][a-z0-9]*(?![\w\\|-])")
_ATTRIBUTE: Final = compile_late(r"\[\s*([\w-]+)\s*(?:[~|^$*]?=\s*[\"']?([^\"'\]]*))?")

_OWN_CLASS: Final = "mailhooks-disclaimer"

_HIDDEN: Final = compile_late(
    r"display:none|visibility:(?:hidden|collapse)|mso-hide:all"
    r"|(?:font-size|line-height|opacity|(?:max-)?(?:height|width)):0*(?:[01]px|0(?![.\d]))"
)

_LAYOUT: Final = frozenset(
    "display position float width max-width height margin flex-flow flex-direction flex-wrap columns column-count".split()
) | {"column-width", "grid-auto-flow"}
"""Properties of `html` that the body does not inherit."""

_MAX_DECLARATIONS: Final = 100
"""Declarations of one rule that are read: each selector of the rule has them all."""

_MAX_TAGS: Final = 3
_MAX_RULES: Final = 20_000
"""Rules that are read, at most. Newsletters have hundreds."""

_ESCAPE: Final = compile_late(r"\\([0-9a-f]{1,6})\s?")

_DARK: Final = compile_late(r"color-scheme|data-ogs[bc]")


class Styles(NamedTuple):
    """The styles of a message.

    Attributes:
        body: declarations of the `body`, and those of `html` that it inherits, with their attributes.
        any: declarations that may apply to an element without the classes of the message, by its type; `*` for all types.
        hidden: names of classes (`.name`) and ids (`#name`) whose elements are not displayed, perhaps with a type (`p.name`).
        placed: declarations of absolute boxes, by the name of their class or id as in `hidden`.
        is_dark: whether the message has styles for a dark mode.
    """

    body: Declarations
    any: Mapping[str, Declarations]
    hidden: frozenset[str]
    placed: Mapping[str, Declarations]
    is_dark: bool

    def of_type(self, name: str) -> dict[str, str]:
        """Return the declarations that may apply to an element of a type."""
        return {**self.any.get("*", {}), **self.any.get(name, {})}


def read_styles(html: str) -> Styles:
    """Return the styles of HTML: of all its style sheets, and of its first `body` and `html` tags."""
    lower = html.lower()
    found = _Reader()
    tags = {name: _read_attributes(lower, html, name) for name in ("html", "body")}
    for name, attrs in tags.items():
        found.names[name] |= {f".{word}" for word in attrs.get("class", "").lower().split()} | {f"#{attrs.get('id', '').lower()}"}
    for selectors, text, depth in islice(find_rules(lower), _MAX_RULES):
        found.read_rule(selectors, text, depth)
    for name, attrs in tags.items():
        found.read_attributes(name, attrs)
    return Styles(found.body, found.any, frozenset(found.hidden), found.placed, _DARK.search(lower) is not None)


def find_names(token: Token) -> set[str]:
    """Return the names of an element's classes and id, as in `Styles.hidden`."""
    attrs = token.attrs
    names = {f".{name}" for name in attrs.get("class", "").lower().split()} | {f"#{attrs.get('id', '').lower()}"}
    return names | {f"{token.name}{name}" for name in names}


class _Reader:
    def __init__(self) -> None:
        self.names = {"html": {"html", ":root"}, "body": {"body"}}
        self.body: dict[str, str] = {}
        self.any: dict[str, dict[str, str]] = {}
        self.hidden: set[str] = set()
        self.placed: dict[str, Declarations] = {}

    def read_rule(self, selectors: str, text: str, depth: int) -> None:
        declarations = parse_declarations(text)
        compounds = {_COMBINATORS.split(selector.strip())[-1] for selector in selectors.split(",")}
        hides = depth == 0 and is_hidden(text)
        is_placed = depth == 0 and declarations.get("position") in ("absolute", "fixed")
        types: set[str] = set()
        for compound in compounds:
            if compound in self.names["body"] or compound.startswith("body"):
                self._read_body(declarations, depth)
            elif compound in self.names["html"] or compound.startswith("html"):
                self._inherit(declarations if depth == 0 else {})
            elif name := _find_type(compound):
                types.add(name)
            elif (hides or is_placed) and _ONE_NAME.fullmatch(compound):
                self.hidden |= {compound} if hides else set()
                self.placed |= {compound: declarations} if is_placed else {}
        for name in types if declarations else ():
            self.any.setdefault(name, {}).update(declarations)

    def _read_body(self, declarations: Declarations, depth: int) -> None:
        """Read a rule of the body. Of rules for some devices, only the layout counts, unless another one is declared."""
        if depth == 0:
            self.body.update(declarations)
        else:
            for name in _LAYOUT.intersection(declarations):
                self.body.setdefault(name, declarations[name])

    def read_attributes(self, tag: str, attrs: Mapping[str, str]) -> None:
        written = {"background-color": "bgcolor", "background-image": "background", "color": "text", "direction": "dir"}
        declarations = {name: attrs[key].lower() for name, key in written.items() if attrs.get(key)}
        declarations |= parse_declarations(attrs.get("style", "").lower())
        if tag == "html":
            self._inherit(declarations)
        else:
            self.body.update(declarations)
        if "link" in attrs:
            self.any.setdefault("a", {})["color"] = attrs["link"].lower()

    def _inherit(self, declarations: Declarations) -> None:
        self.body.update({name: value for name, value in declarations.items() if name not in _LAYOUT})


def parse_declarations(text: str) -> dict[str, str]:
    """Return the declarations of a style attribute or of a rule, without `!important`."""
    pairs = (piece.partition(":") for piece in _COMMENT.sub("", text).split(";")[:_MAX_DECLARATIONS])
    return {name.strip(): value.partition("!")[0].strip() for name, _, value in pairs if value.strip()}


def is_hidden(style: str) -> bool:
    """Return whether declarations, in lower case, hide an element, such as the preview text of a newsletter."""
    return _HIDDEN.search("".join(style.split())) is not None


def read_luminance(colour: str) -> float | None:
    """Return the relative luminance of a colour (WCAG 2.1), 0 for black and 1 for white; None if it cannot be read."""
    colour = _NAMED.get(colour, colour)
    if digits := re.fullmatch(r"#?([0-9a-f]{6}|[0-9a-f]{3})", colour):
        text = digits[1] if len(digits[1]) == 6 else "".join(digit * 2 for digit in digits[1])
        channels = [int(text[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    elif found := re.fullmatch(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*1(?:\.0)?\s*)?\)", colour):
        channels = [min(int(value), 255) / 255 for value in found.groups()]
    else:
        return None
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


_NAMED: Final = {"white": "#fff", "black": "#000", "whitesmoke": "#f5f5f5", "snow": "#fffafa", "ivory": "#fffff0"}


def _read_attributes(lower: str, html: str, name: str) -> dict[str, str]:
    """Return the attributes of `html` or `body`. A second tag adds those that the first one has not (section 13.2.6.4.7)."""
    attrs: dict[str, str] = {}
    for found in islice(re.finditer(rf"<{name}(?=[\s/>])", lower), _MAX_TAGS):
        if (tag := MARKUP.match(html, found.start())) and tag["name"]:
            attrs = {**Token(tag.start(), tag.end(), Kind.START, name, html).attrs, **attrs}
    return attrs


def find_rules(lower: str) -> Iterator[tuple[str, str, int]]:
    """Yield the selectors, the declarations, and the number of at-rules such as `@media` around each rule."""
    position = 0
    while (start := lower.find("<style", position)) >= 0 and (end := lower.find("</style", start)) >= 0:
        position = end
        depth = 0
        sheet = _COMMENT.sub("", lower[lower.find(">", start) + 1 : end])
        for block in _ESCAPE.sub(lambda found: chr(min(int(found[1], 16), 0xFFFF)).lower(), sheet).split("}"):
            head, brace, declarations = block.rpartition("{")
            if brace:
                depth += head.count("{")
                yield head.rpartition("{")[2].rpartition(";")[2], declarations, depth
            else:
                depth = max(depth - 1, 0)


def _find_type(compound: str) -> str | None:
    """Return the type of the elements that match a compound selector, `*` for any; None if they need a class of the message."""
    if not compound:
        return None
    compound = _ARGUMENTS.sub("", compound)
    if compound.startswith("@") or _STATE.search(compound):
        return None
    for name, value in _ATTRIBUTE.findall(compound):
        if name not in ("class", "style", "dir") or (name == "class" and value.strip() not in _OWN_CLASS):
            return None
    bare = compound.partition("[")[0]
    if "#" in bare or ("." in bare and f".{_OWN_CLASS}" not in bare):
        return None
    found = _TYPE.match(bare)
    return found[0] if found else None if bare[:1].isalpha() else "*"
