"""The element around a disclaimer in HTML, with styles of its own where the styles of the message would hide or move it."""

import re
import unicodedata
from html import escape
from typing import Final

from mailhooks.mime import html_text
from mailhooks.mime.html import Kind, Token, tokenize
from mailhooks.mime.styles import Declarations, Styles, parse_declarations, read_luminance
from mailhooks.patterns import compile_late

_SHOWN: Final = {
    "display": "block",
    "visibility": "visible",
    "opacity": "1",
    "position": "static",
    "float": "none",
    "width": "auto",
    "max-width": "none",
    "height": "auto",
    "max-height": "none",
    "margin": "0",
    "margin-left": "0",
    "margin-top": "0",
    "text-indent": "0",
    "line-height": "normal",
    "letter-spacing": "normal",
    "font-size": "small",
    "font": "small sans-serif",
    "transform": "none",
    "scale": "none",
    "translate": "none",
    "zoom": "1",
    "filter": "none",
    "clip": "auto",
    "clip-path": "none",
    "mask": "none",
    "content-visibility": "visible",
    "-webkit-text-fill-color": "currentcolor",
    "column-count": "auto",
    "columns": "auto",
    "writing-mode": "horizontal-tb",
    "white-space": "normal",
    "animation": "none",
}
"""The value of a property with which an element is displayed."""

_INHERITED: Final = frozenset(
    "visibility text-indent line-height letter-spacing font-size font -webkit-text-fill-color writing-mode white-space".split()
)

_SMALL: Final = r"0*(?:[0-6](?:\.\d*)?(?:px|pt)?|0?\.[0-4]\d*r?em|[0-4]?\d%)"
_HIDING: Final = {
    "display": compile_late("none|contents"),
    "visibility": compile_late("hidden|collapse"),
    "opacity": compile_late(r"0|0?\.[0-5]\d*|[0-5]?\d%"),
    "position": compile_late("absolute|fixed|sticky"),
    "float": compile_late("left|right"),
    "font-size": compile_late(_SMALL),
    "font": compile_late(rf".*\b{_SMALL}(?:/.*|\s.*)"),
    "line-height": compile_late(r"0(?:\.[0-7]\d*)?(?:px|em|pt)?|\.[0-7]\d*(?:em)?|[1-8]px|[0-6]?\d%"),
    **dict.fromkeys(("width", "max-width", "height", "max-height"), compile_late(r"[0-9](?:\.\d*)?(?:px|pt|em|%)?")),
    **dict.fromkeys(("margin", "margin-left", "margin-top", "text-indent"), compile_late(r".*-\d.*")),
    "letter-spacing": compile_late(r"-.*"),
    "zoom": compile_late(r"0?\.\d+|[0-4]?\d%"),
    "-webkit-text-fill-color": compile_late(r".*"),
}
"""The values that hide an element. Of other properties, any value may but `none`, `normal`, `auto` and `visible`."""

_HARMLESS: Final = frozenset(("none", "normal", "auto", "initial", "inherit", "visible", "unset", "horizontal-tb"))

_FULL_WIDTH: Final = frozenset(("width", "max-width", "margin", "margin-left", "float", "position", "display", "columns", "column-count"))
"""Properties that move or narrow the outer element with any value."""

_MIN_CONTRAST: Final = 4.5
_LIGHT: Final = 0.55
"""The luminance of a ground on which the colours of a disclaimer, which is written for white, can be read."""

_WRAP: Final = "<style>body{flex-wrap:wrap!important}</style>"
_WRAP_AT_TOP: Final = "<style>body{flex-wrap:wrap!important;align-content:flex-start!important}</style>"

_LINK: Final = "#0000ee"

_MARKUP_OF_ATTRIBUTE: Final = compile_late(r"(<[A-Za-z][A-Za-z0-9]*)")
_STYLE_ATTRIBUTE: Final = compile_late(r"(\sstyle\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)


def write_block(markup: str, name: str, styles: Styles, *, leads: bool, is_nested: bool = False, above: int = 0) -> str:
    """Return the HTML of a disclaimer in an element with the class `name`, in full width, below other content, and visible.

    Args:
        leads: whether the message follows the disclaimer.
        is_nested: whether it may be in an element that centres its text.
        above: pixels of content above it that have no height in the layout.
    """
    own = styles.of_type("div")
    inherited = {key: value for key, value in styles.body.items() if key in _INHERITED}
    declared = {"clear": "both"}
    declared |= {key: _SHOWN[key] for key in _find_hiding({**inherited, **own})}
    declared |= {key: _SHOWN[key] for key in own if key in _FULL_WIDTH and not (key == "display" and own[key] == "block")}
    declared |= _fit_layout(styles.body, leads=leads)
    has_plate = _needs_plate(styles, own)
    if has_plate:
        declared |= {"background": "#ffffff", "color": "#000000", "color-scheme": "light", "padding": "8px"}
    if above:
        declared["margin-top"] = f"{above}px"
    is_rtl = "rtl" in styles.body.get("direction", "") or "rtl" in own.get("direction", "")
    side = _read_direction(markup) if is_rtl or is_nested else ""
    direction = f' dir="{side}"' if is_rtl else ""
    declared |= {"direction": side} if is_rtl else {}
    declared |= {"text-align": "left" if side == "ltr" else "right"} if side else {}
    # An important style of an element wins over all style sheets of the message.
    important = "!important" if styles.any or styles.body else ""
    style = ";".join(f"{key}:{value}{important}" for key, value in declared.items())
    wrap = (_WRAP if "align-items" in styles.body else _WRAP_AT_TOP) if leads and _needs_wrap(styles.body) else ""
    return f'{wrap}<div class="{name}"{direction} style="{style}">{_protect(markup, styles, has_plate=has_plate)}</div>'


def _fit_layout(body: Declarations, *, leads: bool) -> dict[str, str]:
    """Return the declarations with which an element has the full width in a body that is a flex container, a grid or has columns."""
    found: dict[str, str] = {}
    display = body.get("display", "")
    if "flex" in display or "-box" in display:
        flow = f"{body.get('flex-direction', '')} {body.get('flex-flow', '')}"
        wraps = "wrap" in f"{body.get('flex-wrap', '')} {flow}".replace("nowrap", "")
        if "column" in flow:
            found = {"flex": "none", "align-self": "stretch", "order": "-1" if leads is not ("reverse" in flow) else "99999"}
        elif wraps or leads:
            found = {"flex": "0 0 100%", "order": "-1" if leads else "99999", "box-sizing": "border-box"}
        else:
            found = _below_content()
    elif "grid" in display:
        if "column" in body.get("grid-auto-flow", "") and not leads:
            found = _below_content()
        else:
            found = {"grid-column": "1/-1", "justify-self": "stretch", "order": "-1" if leads else "99999"}
    elif display in ("table", "inline-table"):
        found = {"display": "table-caption", "caption-side": "top" if leads else "bottom"}
    elif any(body.get(key, "auto") not in ("auto", "1") for key in ("columns", "column-count", "column-width")):
        found = {"column-span": "all"}
    return found


def has_place_first(styles: Styles) -> bool:
    """Return whether a banner can be above the content: not in a grid that is filled by columns."""
    return not ("grid" in styles.body.get("display", "") and "column" in styles.body.get("grid-auto-flow", ""))


def _below_content() -> dict[str, str]:
    """Return the declarations that put an element below a row of flexible boxes, without a change of the row.

    An absolute box is placed as if it were alone in the row (CSS Flexible Box Layout section 4.1): at its lower edge, and moved by its own
    height.
    """
    return {"position": "absolute", "align-self": "end", "left": "0", "right": "0", "padding": "0 8px", "transform": "translateY(100%)"}


def _needs_wrap(body: Declarations) -> bool:
    """Return whether the body is a row of flexible boxes that does not wrap: a box above the row needs that."""
    flow = f"{body.get('flex-direction', '')} {body.get('flex-flow', '')} {body.get('flex-wrap', '')}"
    return "flex" in body.get("display", "") and "column" not in flow and "wrap" not in flow.replace("nowrap", "")


def _needs_plate(styles: Styles, own: Declarations) -> bool:
    """Return whether the disclaimer needs its own ground: its colours are for white, and the message may have another one."""
    body = styles.body
    if styles.is_dark or "background-image" in body or "url(" in body.get("background", "") or "gradient" in body.get("background", ""):
        return True
    ground = body.get("background-color", body.get("background", "white"))
    ground = "white" if ground in ("transparent", "none", "inherit", "initial") else ground
    text = own.get("color", body.get("color", "black"))
    below, above = read_luminance(ground), read_luminance("black" if text in ("inherit", "initial", "windowtext") else text)
    over = own.get("background-color", own.get("background", "none"))
    if over not in ("none", "transparent", "inherit", "initial") or below is None or above is None or below < _LIGHT:
        return True
    return (below + 0.05) / (above + 0.05) < _MIN_CONTRAST


def _find_hiding(declarations: Declarations) -> list[str]:
    """Return the properties that may hide an element."""
    found = []
    for key, value in declarations.items():
        hiding = _HIDING.get(key)
        if hiding.fullmatch(value) if hiding else key in _SHOWN and value not in _HARMLESS:
            found.append(key)
    return found


def _protect(markup: str, styles: Styles, *, has_plate: bool) -> str:
    """Return the markup of a disclaimer with styles at its elements that the styles of the message would hide."""
    if not styles.any and not has_plate:
        return markup
    pieces: list[str] = []
    last = ""
    for token in tokenize(markup):
        if token.kind is not Kind.START:
            pieces.append(token.text)
            continue
        if token.name == "tr" and last == "table" and styles.of_type("tbody"):
            # A browser would add this tag, and the styles of the message apply to it.
            pieces.append(_protect_tag(next(tokenize("<tbody>")), styles.of_type("tbody")))
        declarations = styles.of_type(token.name)
        if token.name == "table" and has_plate:
            # QUIRK: without a document type, a table has the colour of the body.
            declarations.setdefault("color", "unreadable")
        pieces.append(_protect_tag(token, declarations))
        last = token.name
    return "".join(pieces)


def _protect_tag(token: Token, declarations: Declarations) -> str:
    if not declarations:
        return token.text
    attrs = token.attrs
    own = parse_declarations(attrs.get("style", "").lower())
    kept = {key.partition("-")[0] for key in own}
    wanted = {key: "revert" if key in ("display", "font", "font-size") else _SHOWN[key] for key in _find_hiding(declarations)}
    if "color" in declarations and _is_unreadable(declarations["color"]):
        wanted["color"] = _LINK if token.name == "a" else "inherit"
    if "background" in declarations or "background-color" in declarations:
        wanted["background"] = attrs["bgcolor"] if attrs.get("bgcolor", "").removeprefix("#").isalnum() else "none"
    wanted |= {key: f"{attrs[key]}px" for key in ("width", "height") if key in wanted and attrs.get(key, "").isdecimal()}
    if declarations.get("direction") == "rtl":
        wanted |= {"direction": "inherit", "text-align": "inherit"}
    style = ";".join(f"{key}:{value}!important" for key, value in wanted.items() if key.partition("-")[0] not in kept)
    if not style:
        return token.text
    if found := _STYLE_ATTRIBUTE.search(token.text):
        return f"{token.text[: found.end(1)]}{found[2][0]}{style};{found[2][1:]}{token.text[found.end() :]}"
    return _MARKUP_OF_ATTRIBUTE.sub(rf'\1 style="{escape(style)}"', token.text, count=1)


def _is_unreadable(colour: str) -> bool:
    """Return whether a colour cannot be read on a light ground."""
    luminance = read_luminance(colour)
    return luminance is None or 1.05 / (luminance + 0.05) < _MIN_CONTRAST


def _read_direction(markup: str) -> str:
    """Return the direction of the first letter with one (Unicode Bidirectional Algorithm, rule P2)."""
    for char in html_text.extract_visible_text(markup):
        kind = unicodedata.bidirectional(char)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return "ltr"
