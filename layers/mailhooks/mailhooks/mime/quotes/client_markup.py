"""Classes, ids and other attributes by which mail programs mark quotes in HTML."""

from typing import Final, NamedTuple

from mailhooks.mime.html import Token
from mailhooks.mime.quotes.attribution import Level, Mark
from mailhooks.patterns import compile_late


class Markup(NamedTuple):
    """The meaning of an element.

    Attributes:
        mark: of the first line in it or after it.
        level: of all lines in it.
        scoped: whether the mark is ignored if the element has no displayed text.
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
"""An element that contains only the quote."""

_CLASSES: Final = {
    # Gmail. Not gmail_extra, which in old versions also contains the signature.
    "gmail_quote": _SOFT,
    "gmail_quote_container": _SOFT,
    "gmail_attr": _SOFT,
    "gmail_signature": _SIGNATURE,
    "gmail_signature_prefix": _SIGNATURE,
    # Thunderbird
    "moz-cite-prefix": _SOFT,
    "moz-forward-container": _HARD,
    "moz-email-headers-table": _HARD,
    "moz-signature": _SIGNATURE,
    # Proton
    "protonmail_quote": _SOFT,
    "protonmail_signature_block": _SIGNATURE,
    # Airmail
    "airmail_on": _SOFT,
    # Outlook
    "outlookmessageheader": _HARD,
    "ms-outlook-mobile-reference-message": _HARD,
    # Yahoo
    "yahoo_quoted": _WHOLE,
    "iosymail": _WHOLE,
    # Zoho
    "zmail_extra": _WHOLE,
    # Tutanota
    "tutanota_quote": _WHOLE,
    # Skiff
    "skiff_quote": _WHOLE,
    # Infomaniak
    "ik_mail_quote": _WHOLE,
    "forwardcontentmessage": _WHOLE,
    # Mailspring
    "gmail_quote_attribution": _SOFT,
    # Zendesk, Intercom, Freshdesk, Front, HubSpot, Missive, Outreach, Fernand
    "quotedreply": _WHOLE,
    "history": _WHOLE,
    "freshdesk_quote": _WHOLE,
    "front-blockquote": _WHOLE,
    "hs_reply": _WHOLE,
    "missive_quote": _WHOLE,
    "outreach-quote": _WHOLE,
    "fernand_quote": _WHOLE,
    # HEY, Spark, Superhuman, Notion, Alimail, Mail.ru
    "quoted-content": _WHOLE,
    "sp-quote": _WHOLE,
    "sh-quoted-content": _WHOLE,
    "notion-mail-quote": _WHOLE,
    "alimail-quote": _WHOLE,
    "mailru-blockquote": _WHOLE,
    # Yahoo for phones
    "yahoo-quoted-begin": _SOFT,
}
_IDS: Final = {
    # Outlook on the web and WorkMail's web client; on phones; on macOS; Hotmail
    "appendonsend": _HARD,
    "divrplyfwdmsg": _HARD,
    "mail-editor-reference-message-container": _HARD,
    "olk_src_body_section": _HARD,
    "replysplit": _HARD,
    "signature": _SIGNATURE,
    "ms-outlook-mobile-signature": _SIGNATURE,
    # Apple Mail
    "applemailsignature": _SIGNATURE,
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
}
_MARKERS: Final = {"__divider__": _HARD, "__headers__": _HARD, "__quoted_text__": _WHOLE, "__sig_post__": _SIGNATURE}
"""Zimbra's `data-marker`."""

_NAMES: Final = {"quote": _WHOLE, "_mailoriginal": _HARD, "_____replyseparator": _HARD, "messagereplysection": _HARD}
"""Values of `name`: of GMX, of the anchors of Outlook for Windows, of Spark."""

ELEMENTS: Final = frozenset(("div", "blockquote", "hr", "a", "p", "span", "section", "table", "cite"))
"""Elements whose attributes mark quotes."""

_PREFIX: Final = compile_late(r"(?:x_|ydp[0-9a-f]{6,10})+")
"""QUIRK: Outlook and WorkMail add `x_` to names each time they display and quote a message. Yahoo adds its own prefix with a number."""

_NUMBER: Final = compile_late(r"_\d+$")
_TOP_BORDER: Final = compile_late(r"border-top(?::\s*solid\s+#(?:e1e1e1|b5c4df)\b|-color:\s*rgb\(229,\s*229,\s*229\))")
"""The line above From: in Outlook for Windows (2013 and newer, 2007 and 2010), and in Windows Mail."""

_LEFT_BORDER: Final = compile_late(r"border-left[a-z-]{0,20}+:\s*+(?!none|0)")


def read_markup(token: Token) -> Markup:
    """Return the meaning of a start tag by its attributes."""
    if token.name not in ELEMENTS:
        return NO_MARKUP
    attrs = token.attrs if token.end - token.start > len(token.name) + 2 else {}
    found = _read_names(attrs) if attrs else NO_MARKUP
    if token.name != "blockquote":
        bordered = found is NO_MARKUP and token.name == "div" and "style" in attrs and _LEFT_BORDER.search(attrs["style"].lower())
        return _INDENTED if bordered else found
    if found.level is Level.CITED or attrs.get("type", "").lower() == "cite" or "cite" in attrs or found.mark:
        # Gmail gives its blockquotes the class of its container. A blockquote is only quoted.
        return _CITED
    named = attrs.get("class", "").lower()
    is_cited = "quote" in named or "cite" in named or _LEFT_BORDER.search(attrs.get("style", "").lower())
    return _CITED if is_cited else _INDENTED


def _read_names(attrs: dict[str, str]) -> Markup:
    for name in attrs.get("class", "").split()[:10]:
        if found := _CLASSES.get(_normalize_name(name)):
            return found
    if "id" in attrs and (found := _IDS.get(bare := _normalize_name(attrs["id"])) or _CLASSES.get(bare)):
        return found
    if "data-marker" in attrs and (found := _MARKERS.get(attrs["data-marker"].lower())):
        return found
    if "name" in attrs and (found := _NAMES.get(_normalize_name(attrs["name"]))):
        return found
    style = attrs.get("style", "")
    return _HARD if "border-top" in style.lower() and _TOP_BORDER.search(style.lower()) else NO_MARKUP


def _normalize_name(name: str) -> str:
    name = name[:80].lower()
    return _NUMBER.sub("", name[found.end() :] if (found := _PREFIX.match(name)) else name)
