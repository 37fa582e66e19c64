"""Write a message's HTML again so that it looks the same and makes a browser contact no server.

Pictures of other servers are the one exception, on demand and only as `<img>`: see `sanitize`.

The frame's sandbox and content security policy stop scripts and loading, but not early connections: Chromium connects ahead for `<link>`,
for frames and for a clicked link. So no address outside of the message is left in the HTML, except as the value of a `data-` attribute.

Each tag of the result is written here, from a known set of attributes, and no other `<` is left before a letter. A browser may read the
original otherwise than `tokenize`: that can change the look, but creates no element and no attribute that was not checked. The order of
the tags stays, so the browser builds the same tree, and rules such as `body > table` apply.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from html import escape
from typing import Final

from mailhooks.mime.html import Kind, Token, tokenize
from workmail_local.viewer.html.css_sanitizer import COPIES, NO_IMAGE, sanitize_css
from workmail_local.viewer.html.excerpt import WITHOUT_CONTENT, close_element
from workmail_local.viewer.html.remote_pictures import read_address

NO_TARGET: Final = "#link-of-the-mail"
"""The address of each link: a place that the message does not have. A browser styles it as a link, and a click does nothing.

QUIRK: an address that is not valid would look the same, but Chromium then replaces the message by an error page.
"""

_MAX_COPY: Final = 2000
"""Characters of a changed attribute that selectors can compare."""

_NAME: Final = re.compile(r"[a-z][a-z0-9:._-]*")
_ATTRIBUTE: Final = re.compile(r"[a-z_:][a-z0-9:._-]*")
_DOCTYPE: Final = re.compile(r"<!doctype[\w\s\"'/:.,+-]*>", re.ASCII | re.IGNORECASE)
_COLOUR_SCHEMES: Final = re.compile(r"[a-z ]*", re.IGNORECASE)
_CANDIDATE: Final = re.compile(r"[\s,]*+(\S++)([^,]*+)")
_PADDING: Final = "".join(map(chr, range(33)))
"""Characters around an address that do not belong to it (WHATWG URL, section 4.4)."""

_REMOVED: Final = frozenset("animate animatecolor animatemotion animatetransform discard frame frameset mpath set".split())
"""The elements of SVG animation, which can change the address of a link (SVG 2, section 16.3), and those that replace the body."""

_CHANGED: Final = frozenset(
    """action archive attributionsrc autofocus background cite classid code codebase content crossorigin data download dynsrc formaction
    formtarget href http-equiv icon imagesrcset is longdesc lowsrc manifest nonce ping poster profile referrerpolicy rel src srcdoc srcset
    target usemap xlink:href xml:base""".split()
)
"""Attributes with addresses, and those with an effect outside of the message's own look."""

_TEXTS: Final = frozenset("alt aria-label class id name placeholder summary title value".split())
"""Attributes that are never read as CSS, unlike `fill` or `mask` of SVG."""

_IMAGES: Final = frozenset(("img", "image", "input"))
_LINKS: Final = frozenset(("a", "area"))
_REFERRING: Final = frozenset(("base", "link", "meta", "script"))


def sanitize(markup: str, find_image: Callable[[str], str] = lambda _: "", remote: Collection[str] = ()) -> str:
    """Return HTML that looks the same but makes a browser contact no server. Links look like links and have no target.

    Args:
        find_image: returns the `data:` address of a picture of the message by its address in the HTML; "" if the message lacks it.
        remote: addresses that may stay as the `src` of an `<img>`, as `remote_pictures.read_address` returns them: the browser contacts
            their servers, and no other.
    """
    return "".join(_Writer(find_image, remote).write(tokenize(markup)))


class _Writer:
    """Writes tokens as HTML."""

    def __init__(self, find_image: Callable[[str], str], remote: Collection[str]) -> None:
        self._find_image = find_image
        self._remote = remote
        self._in_noscript = False

    def write(self, tokens: Iterable[Token]) -> Iterator[str]:
        for token in tokens:
            name = token.name
            if token.kind is Kind.TEXT:
                yield token.text.replace("<", "&lt;")
            elif token.kind is Kind.START:
                yield self._write_start(token)
            elif token.kind is Kind.END:
                yield f"</{_rename(name)}>" if _is_written(name) else ""
            elif token.kind is Kind.RAW:
                yield from self._write_content(name, token.text)
            elif token.kind is Kind.DOCTYPE:
                yield token.text if _DOCTYPE.fullmatch(token.text) else "<!DOCTYPE html>"
            elif token.kind is Kind.COMMENT:
                yield "<!---->"  # without it the texts around could form a character reference
            elif token.kind is Kind.UNFINISHED:
                yield from self._write_unfinished(name, token.text)

    def _write_unfinished(self, name: str, text: str) -> Iterator[str]:
        """Write an element without markup that has no end tag; an unfinished tag or comment is not displayed."""
        if name == "plaintext":
            yield f"<pre>{_write_preformatted(text.partition('>')[2])}"
        elif closed := close_element(name, text):
            yield from self.write(tokenize(closed))

    def _write_content(self, name: str, text: str) -> Iterator[str]:
        """Write the content of an element that has no markup in it."""
        if name == "style":
            yield sanitize_css(text, self._find_image, _CHANGED)
        elif name == "xmp":
            yield _write_preformatted(text)
        elif name == "noscript":
            # Its content is markup where no script runs. Others in it are left out: reading each again needs quadratic time.
            if not self._in_noscript:
                self._in_noscript = True
                yield from self.write(tokenize(text))
                self._in_noscript = False
        elif name not in WITHOUT_CONTENT:
            yield text.replace("<", "&lt;")

    def _write_start(self, token: Token) -> str:
        name = token.name
        if not _is_written(name):
            return ""
        attributes = token.attrs
        if name == "meta":
            attributes = _keep_colour_scheme(attributes)
        pairs = (pair for attribute, value in attributes.items() for pair in self._write_attribute(name, attribute, value))
        text = " ".join((_rename(name), *(f'{attribute}="{escape(value)}"' for attribute, value in pairs)))
        return f"<{text} />" if token.text.endswith("/>") else f"<{text}>"

    def _write_attribute(self, element: str, name: str, value: str) -> Iterator[tuple[str, str]]:
        if not _ATTRIBUTE.fullmatch(name) or name.startswith(("on", COPIES)):
            return
        if name in _CHANGED and element != "meta":
            yield COPIES + name, value[:_MAX_COPY]
            address = self._find_address(element, name, value.strip(_PADDING))
            if address is not None:
                yield name, address
        elif name == "style" or ("(" in value and name not in _TEXTS and not name.startswith("data-")):
            yield name, sanitize_css(value, self._find_image)
        else:
            yield name, value

    def _find_address(self, element: str, name: str, address: str) -> str | None:
        """Return the address that replaces another; None to leave the attribute out."""
        if element in _REFERRING:
            return None
        if name == "usemap" or name.endswith("href"):
            if address.startswith("#"):
                return address
            if element in _LINKS and name != "usemap":
                return NO_TARGET
            return (self._find_picture(address) or NO_IMAGE) if element in {"image", "feimage"} else None
        if name == "src" and element in _IMAGES:
            return self._find_picture(address) or (element == "img" and self._find_remote(address)) or NO_IMAGE
        if name == "background":
            return self._find_picture(address) or None
        if name == "srcset" and element in {"img", "source"}:
            return ", ".join(self._find_candidates(address)) or None
        return None

    def _find_picture(self, address: str) -> str:
        return address if address[:5].lower() == "data:" else self._find_image(address)

    def _find_remote(self, address: str) -> str:
        found = read_address(address) if self._remote else None
        return found.url if found is not None and found.url in self._remote else ""

    def _find_candidates(self, text: str) -> Iterator[str]:
        """Yield the pictures of `srcset` that the message has (WHATWG HTML, section 4.8.4.3.10)."""
        position = 0
        while found := _CANDIDATE.match(text, position):
            address = found[1].rstrip(",")
            has_size = address == found[1]
            position = found.end() if has_size else found.end(1)
            if address and (picture := self._find_picture(address)):
                yield f"{picture}{found[2].rstrip() if has_size else ''}"


def _is_written(name: str) -> bool:
    return name not in _REMOVED and bool(_NAME.fullmatch(name))


def _rename(name: str) -> str:
    """Return the element that displays its content in the same way, but reads it as usual."""
    return "pre" if name in {"xmp", "plaintext"} else name


def _write_preformatted(text: str) -> str:
    """Return the content of `<pre>`. A browser ignores a line end that begins it (WHATWG HTML, section 13.2.6.4.7), but not in `<xmp>`."""
    return ("\n" if text.startswith(("\n", "\r")) else "") + escape(text)


def _keep_colour_scheme(attributes: dict[str, str]) -> dict[str, str]:
    """Return the attributes of a `<meta>` that changes only the look, and none of any other."""
    content = attributes.get("content", "")
    if attributes.get("name", "").lower() in {"color-scheme", "supported-color-schemes"} and _COLOUR_SCHEMES.fullmatch(content):
        return {"name": attributes["name"], "content": content}
    return {}
