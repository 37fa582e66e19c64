"""Which parts of a message a reader sees as its text, or why nobody may touch them."""

import re
from enum import StrEnum
from typing import Final

from mailhooks.mime.errors import CannotEdit
from mailhooks.mime.filenames import find_disposition, find_filename
from mailhooks.mime.message import Message
from mailhooks.mime.quotes.attribution import Level
from mailhooks.mime.quotes.html_lines import read_lines
from mailhooks.mime.structure import Part
from mailhooks.mime.text.part import TextPart


class Obstacle(StrEnum):
    """Why a message's text is not to be changed."""

    SIGNED = "it is signed"
    ENCRYPTED = "it is encrypted"
    OPAQUE = "it is an S/MIME message whose text lies inside of a signature or an encryption"
    RIGHTS_MANAGED = "it is rights-managed"
    INLINE_PGP = "its text is a PGP message"
    REPORT = "it is a delivery report or another report for programs"
    AMBIGUOUS = "its structure is broken, so that programs read it differently"
    NO_TEXT = "it shows no text"
    UNREADABLE = "the charset or encoding of its text is unknown, or not what it says"
    NO_WORDS = "it shows plain text alone, and the disclaimer is nothing but an image"
    NO_PLACE = "its text has no place for more, such as a frameset"


_PKCS7: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_RIGHTS_MANAGED: Final = "application/x-microsoft-rpmsg-message"
_PGP: Final = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----[ \t]*\r?$", re.MULTILINE)
_PGP_IN_HTML: Final = re.compile(r"-----BEGIN PGP (?:SIGNED )?MESSAGE-----")

_CUTS_TEXT: Final = re.compile(rb"apple|ipad|ipod", re.IGNORECASE)
_PROGRAM: Final = frozenset({"mime-version", "x-mailer", "x-user-agent"})


class Blocked(Exception):
    """`obstacle` stands between us and the message's text."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(str(obstacle))
        self.obstacle = obstacle


def find_displayed(message: Message) -> list[TextPart]:
    """The text parts that are shown: both sides of an alternative, the root of related parts, the first text of mixed ones. Never those of
    attachments, forwarded messages, calendar entries and reports.

    Raises:
        Blocked: there are none, or they are not to be changed.
    """
    structure = message.structure
    if structure.ambiguous:
        raise Blocked(Obstacle.AMBIGUOUS)
    if any(part.content_type == _RIGHTS_MANAGED for part in structure.root.walk()):
        raise Blocked(Obstacle.RIGHTS_MANAGED)
    parts = _shown(message.raw, structure.root)
    if not parts:
        raise Blocked(Obstacle.NO_TEXT)
    return _opened(message.raw, parts)


def find_continuations(message: Message, text: TextPart) -> list[TextPart]:
    """The parts in which a displayed text goes on below; none for most.

    QUIRK: Apple's programs cut a text where an attachment stands in it. Outlook knows them by these words and shows the pieces as one, as
    others do anyhow ([MS-OXCMAIL] section 2.2.3.3.2.2); later texts of other programs it shows as attachments. A mailing list's footer is
    such a text too.

    Raises:
        Blocked: one of them is not to be changed.
    """
    raw, root = message.raw, message.structure.root
    mixed = next((part for part in root.walk() if text.part in part.children), None)
    fields = root.header.fields
    apple = any(field.lname in _PROGRAM and _CUTS_TEXT.search(field.value(raw)) for field in fields)
    if mixed is None or mixed.content_type != "multipart/mixed" or not apple or any(field.lname.startswith("list-") for field in fields):
        return []
    later = mixed.children[mixed.children.index(text.part) + 1 :]
    parts = [part for part in later if part.content_type == text.part.content_type and _shown(raw, part, named=False)]
    return _opened(raw, parts)


def _opened(raw: bytes, parts: list[Part]) -> list[TextPart]:
    try:
        texts = [TextPart.open(raw, part) for part in parts]
    except CannotEdit:
        raise Blocked(Obstacle.UNREADABLE) from None
    if any(map(_is_pgp, texts)):
        raise Blocked(Obstacle.INLINE_PGP)
    return texts


def _is_pgp(text: TextPart) -> bool:
    """Whether a line of the text itself, and not of what it quotes, begins a PGP message (RFC 9580 sections 6.2 and 7)."""
    if not text.is_html:
        return _PGP.search(text.octets) is not None
    if b"BEGIN" not in text.octets or b"PGP" not in text.octets:
        return False
    # HTML shows line ends too where a style says so, such as `white-space: pre-wrap`.
    begins_line = _PGP.search(text.octets) is not None
    lines = [line for line in read_lines(text.view(), text.decode) if _PGP_IN_HTML.search(line.text)]
    if not lines:
        # It stands behind all that is looked at, or is not shown.
        return begins_line
    return any(line.level is not Level.CITED and (begins_line or _PGP_IN_HTML.match(line.text)) for line in lines)


def _shown(raw: bytes, part: Part, *, named: bool = True) -> list[Part]:
    """The text parts that are shown of `part`; `named` says whether one with a file's name is, as it is where no attachment can be."""
    match part.content_type:
        case "text/plain" | "text/html":
            if part.body == part.header.end:
                return []  # a header without even an empty line behind it
            attached = find_disposition(raw, part) == "attachment" or (not named and find_filename(raw, part) != "")
            return [] if attached else [part]
        case "multipart/signed":
            raise Blocked(Obstacle.SIGNED)
        case "multipart/encrypted":
            raise Blocked(Obstacle.ENCRYPTED)
        case "multipart/report":
            raise Blocked(Obstacle.REPORT)
        case "multipart/alternative":
            return [shown for child in part.children for shown in _shown(raw, child)]
        case "multipart/related":
            return _shown(raw, _related_root(raw, part))
    if part.content_type in _PKCS7 or (part.maintype == "application" and find_filename(raw, part).lower().endswith("smime.p7m")):
        raise Blocked(Obstacle.OPAQUE)
    if part.maintype == "multipart":
        return next((shown for child in part.children if (shown := _shown(raw, child, named=False))), [])
    return []


def _related_root(raw: bytes, part: Part) -> Part:
    """The part that `start` names by its Content-ID, or else the first (RFC 2387 section 3.2)."""
    start = part.params.get("start", "").strip()
    for child in part.children:
        identity = next(child.header.named("content-id"), None)
        if start and identity is not None and identity.value(raw) == start.encode("latin-1", "replace"):
            return child
    return part.children[0]
