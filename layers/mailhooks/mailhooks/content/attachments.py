"""Takes attachments out of a message and puts a notice in the place of each, as splices: the number of parts and all other bytes stay.

Which ones go is said by `AttachmentRules`. The text that a message shows is no attachment. What lies inside of a signature or an encryption
is not touched, nor is what lies inside of a forwarded message, which stays or goes as a whole. A notice is text without a name, which no
rule finds; so a second run changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import quoprimime
from typing import Final

from mailhooks.content.attachment_rules import AttachmentRules, Match, Reason
from mailhooks.content.template import Template
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime import filenames
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.filenames import find_disposition
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Part

__all__ = ["AttachmentRules", "Finding", "Reason", "edits", "find", "strip", "walk"]

_SEALED: Final = frozenset({"multipart/signed", "multipart/encrypted"})

_SEALS: Final = frozenset(
    f"application/{subtype}"
    for subtype in (
        "pkcs7-mime x-pkcs7-mime pkcs7-signature x-pkcs7-signature pgp-signature pgp-encrypted x-microsoft-rpmsg-message".split()
    )
)
_ENDINGS_OF_SEALS: Final = frozenset({".p7m", ".p7s", ".p7c", ".p7z", ".asc", ".sig", ".pgp", ".gpg", ".rpmsg"})

_ENDINGS_OF_TEXT: Final = frozenset({".txt", ".text", ".htm", ".html", ".xhtml", ".asc", ".md", ".log", ".eml"})

_LINE: Final = 74
"""Characters of a line of a notice: two less than quoted-printable may have (RFC 2045 section 6.7), as a first hyphen becomes `=2D`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attachment that a rule does not let through.

    Attributes:
        part: what would be replaced; of a forwarded message, all of it.
        name: the attachment's, such that it can be shown and logged; `""` if it has none.
        reason: the rule.
        detail: what of the rule: the ending, the type, the limit. Never a word of the message.
        forwarded: whether the rule is met by something attached to a forwarded message.
        sealed: whether it lies inside of a signature or an encryption, where nothing can be changed.
        in_mixed: whether it stands beside the message's text, and not as one of several forms of it or as a piece of it.
    """

    part: Part
    name: str
    reason: Reason
    detail: str
    forwarded: bool = False
    sealed: bool = False
    in_mixed: bool = True

    @property
    def explanation(self) -> str:
        """The reason, for people."""
        of_what = "something attached to this message is not let through: " if self.forwarded else ""
        return f"{of_what}{self.reason}" + (f" ({self.detail})" if self.detail else "")


def find(message: Message, rules: AttachmentRules) -> list[Finding]:
    """The attachments that the rules do not let through, in the order of the message. Never raises.

    In a message with `structure.ambiguous` another program may see other attachments.
    """
    if not rules.any:
        return []
    raw, found = message.raw, []
    for part, parent, sealed in _attachments(message):
        match, forwarded = rules.match(raw, part), False
        if match is None and part.children and rules.strips_forwarded:
            match, forwarded = _in_forwarded(raw, part, rules), True
        if match is not None:
            name = filenames.make_printable(match.name or next(iter(filenames.find_all_filenames(raw, part)), ""))
            in_mixed = parent is None or parent.content_type not in {"multipart/alternative", "multipart/related"}
            found.append(Finding(part, name, match.reason, match.detail, forwarded, sealed, in_mixed))
    return found


def walk(message: Message) -> Iterator[Part]:
    """Every attachment, in the order of the message: whatever is neither a multipart nor shown as its text, nor a signature."""
    return (part for part, _, _ in _attachments(message))


def edits(message: Message, rules: AttachmentRules) -> list[Edit]:
    """The edits that replace every attachment found by a notice; none when there is nothing to do.

    Raises:
        CannotChangeSafely: there is something to do, but the structure is ambiguous, or it lies inside of a signature or an encryption.
    """
    found, structure = find(message, rules), message.structure
    if found and structure.ambiguous:
        raise CannotChangeSafely(f"an attachment is not let through, but the message has {min(structure.ambiguous)}")
    if any(finding.sealed for finding in found):
        raise CannotChangeSafely("an attachment is not let through, but it is signed or encrypted together with the message")
    newline = structure.root.header.newline
    changes: list[Edit] = []
    for finding in found:
        body = _notice(finding, rules.notice, newline)
        if finding.part is structure.root:
            changes += _in_place_of_the_body(structure.root, body)
        else:
            changes.append(_in_place_of_a_part(message.raw, finding, body, newline))
    return changes


def strip(raw: bytes, rules: AttachmentRules) -> bytes:
    """The message without the attachments that the rules do not let through; `raw` itself when it has none. Raises as `edits`."""
    return splice(raw, edits(Message(raw), rules)) if rules.any else raw


def _attachments(message: Message) -> Iterator[tuple[Part, Part | None, bool]]:
    """Every part that is neither a multipart nor shown as the message's text, with the multipart it is in, and whether it is sealed."""
    waiting: list[tuple[Part, Part | None, bool]] = [(message.structure.root, None, False)]
    while waiting:
        part, parent, sealed = waiting.pop()
        if part.maintype == "multipart":
            sealed = sealed or part.content_type in _SEALED
            waiting.extend((child, part, sealed) for child in reversed(part.children))
        elif not _is_shown(message.raw, part, parent) and not _is_seal(message.raw, part):
            yield part, parent, sealed


def _is_shown(raw: bytes, part: Part, parent: Part | None) -> bool:
    """Whether a part is text that the message shows. A name makes it a file, but not where nothing else is to be shown in its stead."""
    if part.maintype != "text":
        return False
    given = filenames.find_all_filenames(raw, part)
    # What calls itself a program is not taken for text because it says that it is some.
    if any(filenames.find_extensions(name).last - _ENDINGS_OF_TEXT for name in given):
        return False
    named = bool(given)
    if find_disposition(raw, part) == "attachment":
        return part.subtype == "plain" and not named
    if parent is None or parent.content_type == "multipart/alternative":
        return True
    return not named or (parent.content_type == "multipart/related" and parent.children[0] is part)


def _is_seal(raw: bytes, part: Part) -> bool:
    """Whether a part is a signature or the encrypted message itself: by its type, and without a name that would make it something else."""
    if part.content_type not in _SEALS:
        return False
    return all(filenames.find_extensions(name).last <= _ENDINGS_OF_SEALS for name in filenames.find_all_filenames(raw, part))


def _in_forwarded(raw: bytes, message: Part, rules: AttachmentRules) -> Match | None:
    """What the rules do not let through in a forwarded message, however deep."""
    parents = {id(child): part for part in message.walk() for child in part.children}
    for part in message.children[0].walk():
        parent = parents[id(part)]
        around = None if parent.maintype == "message" else parent
        if part.maintype != "multipart" and not _is_shown(raw, part, around) and (match := rules.match(raw, part)):
            return match
    return None


def _notice(finding: Finding, notice: str, newline: bytes) -> bytes:
    """The text of a notice, in quoted-printable.

    No line begins with a hyphen: a name could have been made such that a line of the notice is the delimiter of a multipart.
    """
    values = {"name": finding.name or "(without a name)", "reason": finding.explanation}
    text = Template(notice).render(values).strip("\n") + "\n"
    octets = text.encode("utf-8", "replace").decode("latin-1")
    lines = quoprimime.body_encode(octets, maxlinelen=_LINE, eol="\n").rstrip("\n").split("\n")
    return newline.join((f"=2D{line[1:]}" if line.startswith("-") else line).encode("ascii") for line in lines)


def _fields(newline: bytes, *, inline: bool) -> bytes:
    lines = (
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Disposition: " + (b"inline" if inline else b"attachment"),
    )
    return b"".join(line + newline for line in lines)


def _in_place_of_a_part(raw: bytes, finding: Finding, body: bytes, newline: bytes) -> Edit:
    """The delimiter behind the part keeps its line: a part without a body has no line end of its own before it.

    In an alternative or beside what is related to a text, the notice must not be what a client prefers to show: there it is attached.
    """
    part = finding.part
    ended = raw.startswith((b"\r\n", b"\n"), part.end)
    return Edit(part.start, part.end, _fields(newline, inline=finding.in_mixed) + newline + body + (b"" if ended else newline))


def _in_place_of_the_body(root: Part, body: bytes) -> list[Edit]:
    """For a message that is nothing but an attachment: its Content- fields and its body become the notice's."""
    newline = root.header.newline
    version = b"" if any(root.header.named("mime-version")) else b"MIME-Version: 1.0" + newline
    blank = b"" if root.body > root.header.end else newline
    return [
        *(Edit(field.start, field.end, b"") for field in root.header.fields if field.lname.startswith("content-")),
        root.header.appended(version + _fields(newline, inline=True)),
        Edit(root.body, root.end, blank + body + newline),
    ]
