"""Replaces attachments of a message by notices, by edits: the number of parts and all other bytes stay as they are.

`AttachmentRules` decides which attachments are removed. Displayed text is never an attachment. Parts of signed or encrypted messages are
not changed. A forwarded message is removed as a whole or not at all. A message that programs read differently is searched in each reading;
an attachment is removed if all find it at the same place. A notice is a text without a name, which matches no rule: so a second run changes
nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import quoprimime
from typing import Final

from mailhooks.content import attachment_parts, embedded_messages
from mailhooks.content.attachment_rules import AttachmentRules, Match, Reason
from mailhooks.content.template import Template
from mailhooks.content.zip_archives import ArchiveReader
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime import filenames
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Message, Part, describe_part

__all__ = ["AttachmentRules", "Finding", "Reason", "edits", "find", "strip", "walk"]

_LINE: Final = 74
"""Characters of a line of a notice: two less than in quoted-printable (RFC 2045 section 6.7), because a first hyphen becomes `=2D`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attachment that matches a rule.

    Attributes:
        part: the part to replace. A forwarded message is replaced as a whole.
        name: the name of the attachment, fit to be displayed and logged; `""` if it has none.
        reason: the rule.
        detail: of the rule: the extension, the type, the limit. Never content of the message.
        forwarded: whether the rule matches an attachment of a forwarded message.
        sealed: whether it is part of a signed or encrypted message, which cannot be changed.
        disputed: whether programs disagree on its extent, so that it cannot be removed.
        in_text: whether it is a file in a displayed text, which is not changed.
        in_mixed: whether it is separate from the message's text, and not a form or a part of the text.
    """

    part: Part
    name: str
    reason: Reason
    detail: str
    forwarded: bool = False
    sealed: bool = False
    in_mixed: bool = True
    disputed: bool = False
    in_text: bool = False

    @property
    def explanation(self) -> str:
        """The reason in a notice."""
        prefix = "an attachment of this forwarded message is not allowed: " if self.forwarded else ""
        return f"{prefix}{self.reason}" + (f" ({self.detail})" if self.detail else "")


def find(message: Message, rules: AttachmentRules) -> list[Finding]:
    """Return the attachments that match a rule in any reading of the message, in the order of the message. Never raises.

    If the readings cannot be enumerated, the whole message is a finding, too.
    """
    return _search(message, rules) if rules.any else []


def _search(message: Message, rules: AttachmentRules) -> list[Finding]:
    readings, archives = message.readings, ArchiveReader()
    if readings is None:
        root = message.structure.root
        return [*_find_in(message, rules, archives, {}), Finding(root, "", Reason.NOT_ENUMERATED, "", disputed=True)]
    matches: dict[object, tuple[Match | None, bool]] = {}
    by_reading = [_find_in(reading, rules, archives, matches) for reading in readings]
    if len(readings) == 1:
        return by_reading[0]
    found: dict[tuple[int, int], Finding] = {}
    agreed = frozenset.intersection(*(_extents(reading, len(message.raw)) for reading in readings))
    for finding in (finding for findings in by_reading for finding in findings):
        extent = finding.part.start, finding.part.end
        sealed = finding.sealed or (extent in found and found[extent].sealed)
        found[extent] = replace(found.get(extent, finding), sealed=sealed, disputed=extent not in agreed)
    return [found[extent] for extent in sorted(found)]


def _extents(message: Message, octets: int) -> frozenset[tuple[int, int]]:
    """Return the extents of the attachments; none if the reading has other octets than the message, so that offsets differ."""
    if len(message.raw) != octets:
        return frozenset()
    return frozenset((part.start, part.end) for part in walk(message))


def _find_in(
    message: Message, rules: AttachmentRules, archives: ArchiveReader, matches: dict[object, tuple[Match | None, bool]]
) -> list[Finding]:
    """Return the findings in one reading. `matches` has the parts that other readings read alike."""
    raw, found = message.raw, []
    for part, parent, sealed, displayed in attachment_parts.walk_leaves(raw, message.structure.root):
        key = raw, describe_part(raw, part), tuple(map(id, part.children)), displayed
        if key not in matches:
            matches[key] = (rules.match_in_text(raw, part, archives), False) if displayed else _match(raw, part, rules, archives)
        match, forwarded = matches[key]
        if match is not None:
            name = filenames.make_printable(match.name or next(iter(filenames.find_all_filenames(raw, part)), ""))
            in_mixed = parent is None or parent.content_type not in {"multipart/alternative", "multipart/related"}
            found.append(Finding(part, name, match.reason, match.detail, forwarded, sealed, in_mixed, in_text=displayed))
    return found


def _match(raw: bytes, part: Part, rules: AttachmentRules, archives: ArchiveReader) -> tuple[Match | None, bool]:
    """Return the rule that matches a part, and whether it matches an attachment of a message in it."""
    match = rules.match(raw, part, archives)
    if match is None and rules.forwarded:
        return embedded_messages.match(raw, part, rules, archives), True
    return match, False


def walk(message: Message) -> Iterator[Part]:
    """Return all attachments, in the order of the message: parts other than multiparts, displayed text and signatures."""
    return (part for part, _, _ in attachment_parts.walk(message.raw, message.structure.root))


def edits(message: Message, rules: AttachmentRules) -> list[Edit]:
    """Return the edits that replace the attachments that match a rule by notices.

    Raises:
        CannotChangeSafely: an attachment matches, but it is signed or encrypted, or a file in the text, or not all programs find it at the
            same place; or the readings of the structure cannot be enumerated.
    """
    found, structure = find(message, rules), message.structure
    if any(finding.sealed for finding in found):
        raise CannotChangeSafely("an attachment is not allowed, but cannot be removed: it is signed or encrypted together with the message")
    if any(finding.in_text for finding in found):
        raise CannotChangeSafely("an attachment is not allowed, but cannot be removed: it is a file in the message's text (uuencode)")
    if any(finding.disputed or (finding.part is structure.root and not message.header.complete) for finding in found):
        raise CannotChangeSafely(_explain_dispute(message, found))
    newline = structure.root.header.newline
    changes: list[Edit] = []
    for finding in found:
        body = _write_notice(finding, rules.notice, newline)
        if finding.part is structure.root:
            changes += _replace_body(structure.root, body)
        else:
            changes.append(_replace_part(message.raw, finding, body, newline))
    return changes


def _explain_dispute(message: Message, found: list[Finding]) -> str:
    defect = min(message.structure.ambiguous, default="a structure that programs read differently")
    if any(finding.reason is Reason.NOT_ENUMERATED for finding in found):
        return f"an attachment may not be allowed, but cannot be found: the message has {defect}"
    return f"an attachment is not allowed, but cannot be removed: the message has {defect}"


def strip(raw: bytes, rules: AttachmentRules) -> bytes:
    """Return the message without the attachments that match a rule; `raw` itself if none does. Raises as `edits`."""
    return splice(raw, edits(Message(raw), rules)) if rules.any else raw


def _write_notice(finding: Finding, notice: str, newline: bytes) -> bytes:
    """Return the text of a notice in quoted-printable.

    No line begins with a hyphen: with a prepared file name, a line of the notice could be the delimiter of a multipart.
    """
    values = {"name": finding.name or "(without a name)", "reason": finding.explanation}
    text = Template(notice).render(values).strip("\n") + "\n"
    octets = text.encode("utf-8", "replace").decode("latin-1")
    lines = quoprimime.body_encode(octets, maxlinelen=_LINE, eol="\n").rstrip("\n").split("\n")
    return newline.join((f"=2D{line[1:]}" if line.startswith("-") else line).encode("ascii") for line in lines)


def _notice_fields(newline: bytes, *, inline: bool) -> bytes:
    lines = (
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Disposition: " + (b"inline" if inline else b"attachment"),
    )
    return b"".join(line + newline for line in lines)


def _replace_part(raw: bytes, finding: Finding, body: bytes, newline: bytes) -> Edit:
    """Return the edit that replaces a part by a notice, with a line end before the next delimiter.

    In an alternative or among related parts, the notice is an attachment: otherwise a mail program might display it instead of the text.
    """
    part = finding.part
    line_ends = raw.startswith((b"\r\n", b"\n"), part.end)
    return Edit(part.start, part.end, _notice_fields(newline, inline=finding.in_mixed) + newline + body + (b"" if line_ends else newline))


def _replace_body(root: Part, body: bytes) -> list[Edit]:
    """Return the edits that replace the body and the Content- fields of a message that is only an attachment."""
    newline = root.header.newline
    version = b"" if any(root.header.named("mime-version")) else b"MIME-Version: 1.0" + newline
    blank = b"" if root.body > root.header.end else newline
    return [
        *(Edit(field.start, field.end, b"") for field in root.header.fields if field.lname.startswith("content-")),
        root.header.appended(version + _notice_fields(newline, inline=True)),
        Edit(root.body, root.end, blank + body + newline),
    ]
