"""Takes from a message's HTML what makes a browser turn to a server, for those who look at it.

The sandbox of the frame and its content security policy keep script from running and content from being loaded. They do not keep a browser
from opening a connection ahead of something that it then may not load: Chromium does so for `<link>`, for frames and for a link that is
clicked. That alone tells the sender that, when and where the message is read. Hence `closed`, which needs no understanding of the markup
that could differ from a browser's: of what it looks for, not one letter can be written otherwise in HTML. `quiet` is for the rest, which
the policy holds back in any case, so that the browser need not even ask.
"""

import re
from typing import Final

_JOINER: Final = "\N{WORD JOINER}"
"""Makes another name of a name, and cannot be seen where it was no name but text."""

_ELEMENTS: Final = re.compile(r"<(?=(?:link|meta|base|i?frame|frameset|fencedframe|portal|object|embed|applet)\b)", re.IGNORECASE)
_HREF: Final = re.compile(r"(?<=[\s\"'/:]h)(?=ref\s*=(?!\s*[\"']?#))", re.IGNORECASE)
_LINKS: Final = f"<style>:where(a[h{_JOINER}ref]){{color:#00e;text-decoration:underline}}</style>"

_LOADING: Final = re.compile(
    r"(?<=[\s\"'/])(s(?=rc(?:set|doc)?\s*=)|b(?=ackground\s*=)|p(?=(?:oster|ing)\s*=)|a(?=ction\s*=)|f(?=ormaction\s*=))"
    r"(?![a-z]+\s*=\s*[\"']?\s*(?:data:|#))",
    re.IGNORECASE,
)
_CSS: Final = re.compile(
    r"(?<![\w-])(u(?=rl\()|-?(?:webkit-)?i(?=mage-set\()|i(?=mage\())(?![a-z-]+\(\s*[\"']?\s*(?:data:|#))|@(?=import\b)", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"\\(?=0{0,4}(?:[57][0245]|[46][1579cdf])(?![0-9a-f])|[urlimpotgs])", re.IGNORECASE)
"""Letters of those names as CSS may write them (CSS Syntax, section 4.3.7)."""


def defused(markup: str) -> str:
    """The markup, looking the same, with nothing in it that a browser would ask a server for. A link looks like one and leads nowhere."""
    return quiet(closed(markup)) + _LINKS  # behind, as a message may begin with a doctype


def closed(markup: str) -> str:
    """Without frames, `<link>`, `<meta>`, and links that lead anywhere but to a place in the message itself.

    >>> closed("<IFRAME src=//example.net></IFRAME><a href='#top'>Top</a>")
    "<x-IFRAME src=//example.net></IFRAME><a href='#top'>Top</a>"
    >>> closed('<a href="//example.net">A</a>') == f'<a h{_JOINER}ref="//example.net">A</a>'
    True
    """
    return _HREF.sub(_JOINER, _ELEMENTS.sub("<x-", markup))


def quiet(markup: str) -> str:
    """Without attributes and style sheets that load something which is not in the message itself.

    >>> quiet('<img src="data:image/png;base64,AA"><img src=i.png>') == f'<img src="data:image/png;base64,AA"><img s{_JOINER}rc=i.png>'
    True
    """
    markup = _ESCAPED.sub(lambda found: found[0] + _JOINER, markup)
    return _CSS.sub(lambda found: found[0] + _JOINER, _LOADING.sub(lambda found: found[0] + _JOINER, markup))
