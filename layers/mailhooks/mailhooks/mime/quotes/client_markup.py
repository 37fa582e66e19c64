"""What mail clients' classes, ids and other attributes say of quotes."""

import re
from typing import Final, NamedTuple

from mailhooks.mime.html import Token
from mailhooks.mime.quotes.attribution import Level, Mark


class Markup(NamedTuple):
    """What an element is.

    Attributes:
        mark: for the first line in it, or behind it.
        level: of all lines in it.
        scoped: whether the mark is void when the element turns out empty.
    """

    mark: Mark = Mark.NONE
    level: Level = Level.NONE
    scoped: bool = False


NO_MARKUP: Final = Markup()
_INDENTED: Final = Markup(level=Level.INDENTED)
_CITED: Final = Markup(level=Level.CITED)
_SIGNATURE: Final = Markup(Mark.SIGNATURE, scoped=True)
_SOFT: Final = Markup(Mark.SOFT, scoped=True)
_HARD: Final = Markup(Mark.HARD)
_WHOLE: Final = Markup(Mark.SOFT, Level.CITED, scoped=True)
"""An element that holds the quote and nothing else."""

_CLASSES: Final = {
    # Gmail. Not gmail_extra, which old versions put around the signature too.
    "gmail_quote": _SOFT,
    "gmail_quote_container": _SOFT,
    "gmail_attr": _SOFT,
    # Thunderbird
    "moz-cite-prefix": _SOFT,
    "moz-forward-container": _HARD,
    "moz-email-headers-table": _HARD,
    # Proton
    "protonmail_quote": _SOFT,
    # Airmail
    "airmail_on": _SOFT,
    # Outlook
    "outlookmessageheader": _HARD,
    "ms-outlook-mobile-reference-message": _HARD,
    # Yahoo
    "yahoo_quoted": _WHOLE,
    "iosymail": _WHOLE,
    # Zoho, Tutanota, Skiff, Infomaniak
    "zmail_extra": _WHOLE,
    "tutanota_quote": _WHOLE,
    "skiff_quote": _WHOLE,
    "ik_mail_quote": _WHOLE,
    "forwardcontentmessage": _WHOLE,
    "gmail_signature": _SIGNATURE,
    "gmail_signature_prefix": _SIGNATURE,
    "moz-signature": _SIGNATURE,
    "protonmail_signature_block": _SIGNATURE,
}
_IDS: Final = {
    # Outlook of the web, WorkMail's web client; of phones; of macOS; of Hotmail
    "appendonsend": _HARD,
    "divrplyfwdmsg": _HARD,
    "mail-editor-reference-message-container": _HARD,
    "olk_src_body_section": _HARD,
    "replysplit": _HARD,
    # Zimbra
    "zwchr": _HARD,
    # QQ, NetEase, 139, Sina
    "isforwardcontent": _WHOLE,
    "isreplycontent": _WHOLE,
    "origbody": _WHOLE,
    "reply139content": _WHOLE,
    "orimsghtmlseperator": _HARD,
    # Edison
    "edo-original": _WHOLE,
    "signature": _SIGNATURE,
    "applemailsignature": _SIGNATURE,
    "ms-outlook-mobile-signature": _SIGNATURE,
}
_MARKERS: Final = {"__divider__": _HARD, "__headers__": _HARD, "__quoted_text__": _WHOLE, "__sig_post__": _SIGNATURE}
"""Zimbra's `data-marker`."""

_NAMES: Final = {"quote": _WHOLE, "_mailoriginal": _HARD, "_____replyseparator": _HARD, "messagereplysection": _HARD}
"""GMX's `name`; the anchors of Outlook for Windows; Spark's."""

ELEMENTS: Final = frozenset(("div", "blockquote", "hr", "a", "p", "span", "section", "table", "cite"))
"""Those whose attributes say something of quotes."""

_PREFIX: Final = re.compile(r"(?:x_|ydp[0-9a-f]{6,10})+")
"""QUIRK: Outlook and WorkMail put `x_` before names in what they show and quote, once more each time; Yahoo a number of its own."""

_NUMBER: Final = re.compile(r"_\d+$")
_TOP_BORDER: Final = re.compile(r"border-top:\s*solid\s+#(?:e1e1e1|b5c4df)\b")
"""Above From: of Outlook for Windows: 2013 and newer, 2007 and 2010."""

_LEFT_BORDER: Final = re.compile(r"border-left[a-z-]{0,20}+:\s*+(?!none|0)")


def read_markup(token: Token) -> Markup:
    """What a start tag's attributes say."""
    if token.name not in ELEMENTS:
        return NO_MARKUP
    attrs = token.attrs if token.end - token.start > len(token.name) + 2 else {}
    found = _named(attrs) if attrs else NO_MARKUP
    if token.name != "blockquote":
        return found
    if found.level is Level.CITED or attrs.get("type", "").lower() == "cite" or "cite" in attrs or found.mark:
        # The class that Gmail gives its container stands on its blockquotes too, each of which is nothing but quoted.
        return _CITED
    named = attrs.get("class", "").lower()
    is_cited = "quote" in named or "cite" in named or _LEFT_BORDER.search(attrs.get("style", "").lower())
    return _CITED if is_cited else _INDENTED


def _named(attrs: dict[str, str]) -> Markup:
    for name in attrs.get("class", "").split()[:10]:
        if found := _CLASSES.get(_bare(name)):
            return found
    if "id" in attrs and (found := _IDS.get(bare := _bare(attrs["id"])) or _CLASSES.get(bare)):
        return found
    if "data-marker" in attrs and (found := _MARKERS.get(attrs["data-marker"].lower())):
        return found
    if "name" in attrs and (found := _NAMES.get(_bare(attrs["name"]))):
        return found
    style = attrs.get("style", "")
    return _HARD if "border-top" in style.lower() and _TOP_BORDER.search(style.lower()) else NO_MARKUP


def _bare(name: str) -> str:
    name = name[:80].lower()
    return _NUMBER.sub("", name[found.end() :] if (found := _PREFIX.match(name)) else name)
