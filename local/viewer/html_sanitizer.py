"""Remove from a message's HTML everything that makes a browser contact a server.

The frame's sandbox and content security policy stop scripts and loading, but not early connections: Chromium connects ahead for `<link>`,
for frames and for a clicked link. A connection alone shows the sender that the message is read, when and where. `block_navigation` stops
these. It needs no HTML parser, which might differ from a browser's: HTML has no other spelling for the letters that it looks for.
`block_loading` handles the rest, which the policy blocks anyway, so that the browser does not even try.
"""

import re
from typing import Final

_JOINER: Final = "\N{WORD JOINER}"
"""Turns a name into another name; it is invisible if the name was only text."""

_ELEMENTS: Final = re.compile(
    r"<(?=(?:link|meta|base|i?frame|frameset|fencedframe|controlledframe|webview|portal|object|embed|applet|"
    r"animate|animatecolor|animatemotion|animatetransform|discard|mpath|set)\b)",
    re.IGNORECASE,
)
"""The elements that open connections, and those of SVG animation, which can change the address of a link (SVG 2 section 16.3)."""

_HREF: Final = re.compile(r"(?<=[\s\"'/:]h)(?=ref\s*=(?!\s*[\"']?#))", re.IGNORECASE)
_LINKS: Final = f"<style>:where(a[h{_JOINER}ref]){{color:#00e;text-decoration:underline}}</style>"

_LOADING: Final = re.compile(
    r"(?<=[\s\"'/])(s(?=rc(?:set|doc)?\s*=)|b(?=ackground\s*=)|p(?=(?:oster|ing)\s*=)|a(?=(?:ction|ttributionsrc)\s*=)|f(?=ormaction\s*=))"
    r"(?![a-z]+\s*=\s*[\"']?\s*(?:data:|#))",
    re.IGNORECASE,
)
_CSS: Final = re.compile(
    r"(?<![\w-])(u(?=rl\()|-?(?:webkit-)?i(?=mage-set\()|i(?=mage\())(?![a-z-]+\(\s*[\"']?\s*(?:data:|#))|@(?=import\b)", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"\\(?=0{0,4}(?:[57][0245]|[46][1579cdf])(?![0-9a-f])|[urlimpotgs])", re.IGNORECASE)
"""Escapes that CSS allows for letters of these names (CSS Syntax, section 4.3.7)."""

_REFERENCE: Final = re.compile(
    r"&(?:#(?:x0*(?:28|2d|40|5c|[46][1579cdf]|[57][0245])(?![0-9a-f])|0*(?:40|45|64|92|6[5-9]|7[1-9]|8[0-7]|9[79]|10[0-9]|11[0-7])(?![0-9]));?"
    r"|(?:lpar|commat|bsol|hyphen|dash);)",
    re.IGNORECASE,
)
"""References to letters of these names, and to `(`, `-`, `@` and a backslash; a name of HTML itself cannot contain any."""


def sanitize(markup: str) -> str:
    """Return HTML that looks the same but makes a browser contact no server. Links look like links and have no target."""
    return block_loading(block_navigation(markup)) + _LINKS  # at the end, because a message may begin with a doctype


def block_navigation(markup: str) -> str:
    """Disable frames, `<link>`, `<meta>`, and links to anything outside of the message.

    >>> block_navigation("<IFRAME src=//example.net></IFRAME><a href='#top'>Top</a>")
    "<x-IFRAME src=//example.net></IFRAME><a href='#top'>Top</a>"
    >>> block_navigation('<a href="//example.net">A</a>') == f'<a h{_JOINER}ref="//example.net">A</a>'
    True
    """
    return _HREF.sub(_JOINER, _ELEMENTS.sub("<x-", markup))


def block_loading(markup: str) -> str:
    """Disable attributes and styles that load content from outside of the message.

    >>> block_loading('<img src="data:,"><img src=i.png>') == f'<img src="data:,"><img s{_JOINER}rc=i.png>'
    True
    """
    for hidden in (_REFERENCE, _ESCAPED):
        markup = hidden.sub(lambda found: found[0] + _JOINER, markup)
    return _CSS.sub(lambda found: found[0] + _JOINER, _LOADING.sub(lambda found: found[0] + _JOINER, markup))
