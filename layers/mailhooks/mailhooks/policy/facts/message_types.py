"""The types of a message, its importance, and the results of its authentication."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from mailhooks.mime import part_content
from mailhooks.mime.filenames import find_filename
from mailhooks.mime.message import Message, Part
from mailhooks.mime.text.sealed_parts import is_opaque, is_rights_managed
from mailhooks.policy.facts.automatic_mail import find_reply, is_bounce
from mailhooks.policy.facts.decoded_headers import DecodedHeaders


class MessageType(StrEnum):
    """Types of message. A message may have several."""

    CALENDAR = "calendar"
    OUT_OF_OFFICE = "out_of_office"
    AUTO_REPLY = "auto_reply"
    READ_RECEIPT = "read_receipt"
    DELIVERY_REPORT = "delivery_report"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    LIST = "list"


class Importance(StrEnum):
    """The importance that the sender gave the message."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


_REPORTS: Final = {"disposition-notification": MessageType.READ_RECEIPT, "delivery-status": MessageType.DELIVERY_REPORT}

_LIST_FIELDS: Final = frozenset(
    "list-id list-post list-unsubscribe list-archive list-help list-owner list-subscribe mailing-list x-mailing-list x-beenthere "
    "x-mailman-version".split()
)
"""RFC 2369, RFC 2919, and the fields of ezmlm and Mailman."""

_SMIME_TYPES: Final = {"signed-data": MessageType.SIGNED, "signed-receipt": MessageType.SIGNED, "certs-only": None, "compressed-data": None}
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
"""The object identifier of signed data (RFC 5652 section 5.1)."""

_COMPRESSED_DATA: Final = bytes.fromhex("2a864886f70d0109100109")
"""The object identifier of compressed data (RFC 3274 section 1.1)."""

_PGP: Final = b"-----BEGIN PGP "
"""The beginning of an OpenPGP message in a text (RFC 9580 section 6.2)."""
_TEXT_OCTETS: Final = 65_536
"""Octets of a text in base64 in which the beginning of an OpenPGP message is searched."""

_METHOD: Final = re.compile(rb"(?:^|[\r\n])METHOD[:;]", re.IGNORECASE)
_CALENDAR_OCTETS: Final = 65_536
"""Octets of a calendar in which its method is searched. Most programs write it before the first event."""

_CALENDAR_CLASS: Final = "urn:content-classes:calendarmessage"
"""The field Content-Class of meeting requests by Exchange, whose calendar may be in TNEF. Any sender can write the field alone."""

_TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})

RESULTS: Final = frozenset("none pass fail hardfail softfail policy neutral temperror permerror gray processing_failed disabled".split())
"""Results of methods (RFC 8601 section 2.7 and its predecessors), and of SES for spam and viruses."""

_COMMENTS: Final = re.compile(r"\([^()]*\)|\"(?:[^\"\\]|\\.)*+\"")
_RESULT: Final = re.compile(r"(?:^|;)\s*(spf|dkim|dmarc)\s*=\s*([a-z_]+)")


def find_message_types(message: Message, headers: DecodedHeaders, *, null_sender: bool = False) -> frozenset[MessageType]:
    """Return all types of a message, as mail programs display it: a file attached to a text changes no type.

    Args:
        null_sender: whether the envelope has no sender, as that of a bounce (RFC 5321 section 4.5.5).
    """
    null_sender = null_sender or headers.first("return-path").strip() == "<>"
    own = [part for part in message.structure.root.walk() if not part.embedded]
    found = set(_find_list(headers))
    reply = find_reply(headers, null_sender=null_sender)
    found |= {MessageType.AUTO_REPLY} if reply.automatic else set()
    found |= {MessageType.OUT_OF_OFFICE, MessageType.AUTO_REPLY} if reply.away else set()
    is_marked = headers.word("content-class") == _CALENDAR_CLASS
    if _has_invitation(message) or (is_marked and any(_may_be_calendar(message.raw, part) for part in own)):
        found.add(MessageType.CALENDAR)
    if headers.all("x-ms-tnef-correlator") and (tnef := next((part for part in own if part.content_type in _TNEF), None)):
        # Late for the cold start.
        from mailhooks.policy.facts.tnef import read_message_class

        found |= _types_of_class(read_message_class(message.raw, tnef))
    report = _find_report(message.structure.root, null_sender=null_sender)
    if report or is_bounce(message, headers, null_sender=null_sender):
        found.add(report or MessageType.DELIVERY_REPORT)
    return frozenset(found | _find_seals(message, own))


def _types_of_class(message_class: str) -> set[MessageType]:
    """Return the types of a message class of Outlook in lower case ([MS-OXCMSG] section 2.2.1.3, [MS-OXTNEF] section 2.1.3.5).

    QUIRK: TNEF has the classes of Microsoft Mail in place of some of today's.
    """
    if message_class.startswith(("ipm.schedule.meeting.", "ipm.microsoft schedule.mtg")):
        return {MessageType.CALENDAR}
    if message_class.startswith("ipm.microsoft mail.read receipt") or message_class.endswith((".ipnrn", ".ipnnrn")):
        return {MessageType.READ_RECEIPT}
    if message_class.startswith("ipm.microsoft mail.non-delivery") or (
        message_class.startswith("report.") and message_class.endswith("dr")
    ):
        return {MessageType.DELIVERY_REPORT}
    if message_class.startswith("ipm.note.rules.ooftemplate"):
        return {MessageType.OUT_OF_OFFICE, MessageType.AUTO_REPLY}
    return set()


def _find_list(headers: DecodedHeaders) -> set[MessageType]:
    return {MessageType.LIST} if headers.has_any(_LIST_FIELDS) or headers.word("precedence") == "list" else set()


def _find_report(root: Part, *, null_sender: bool) -> MessageType | None:
    """Return the type of a report (RFC 6522, RFC 3464, RFC 8098), also of one that a list put before its footer."""
    if (
        root.content_type in {"multipart/mixed", "multipart/signed"}
        and root.children
        and root.children[0].content_type == "multipart/report"
    ):
        root = root.children[0]
    if root.content_type == "multipart/report":
        name = root.params.get("report-type", "").strip().lower().removeprefix("global-")
        if name in _REPORTS or name == "feedback-report":
            return _REPORTS.get(name)
    # QUIRK: some servers leave out report-type, or write multipart/mixed, in which a person may forward a report, too.
    if root.maintype != "multipart":
        return _report_of(root)
    found = next((report for part in root.children if (report := _report_of(part))), None)
    if root.content_type == "multipart/report" or (root.content_type == "multipart/mixed" and null_sender):
        return found
    # Persons forward bounces, but no receipts.
    return found if root.content_type == "multipart/mixed" and found is MessageType.READ_RECEIPT else None


def _report_of(part: Part) -> MessageType | None:
    return _REPORTS.get(part.subtype.removeprefix("global-")) if part.maintype == "message" else None


def _has_invitation(message: Message) -> bool:
    """Return whether a mail program displays an invitation or an answer to one: a calendar with a method (RFC 6047 section 2.4).

    QUIRK: Outlook reads a calendar among alternative texts, in spite of a file name and `attachment`, and the method in the calendar itself
    ([MS-STANOICAL], RFC 6047 section 2.4, V0342 and V0343).
    """
    raw = message.raw
    waiting = [(message.structure.root, True, False)]
    while waiting:
        part, is_alternative, within = waiting.pop()
        if part.maintype == "multipart":
            alternative = part.content_type == "multipart/alternative"
            waiting += [(child, alternative, within or alternative) for child in part.children if not child.embedded]
        elif part.content_type == "text/calendar":
            is_shown = part.header.disposition(raw) != "attachment"
            if part.params.get("method", "").strip():
                if is_shown or within or part is message.structure.root:
                    return True
            elif is_shown and is_alternative and _METHOD.search(part_content.prefix(raw, part, _CALENDAR_OCTETS).replace(b"\0", b"")):
                return True
    return False


def _may_be_calendar(raw: bytes, part: Part) -> bool:
    """Return whether a part is a displayed calendar, or a message of Outlook."""
    return part.content_type in _TNEF or (part.content_type == "text/calendar" and part.header.disposition(raw) != "attachment")


def _find_seals(message: Message, own: list[Part]) -> set[MessageType]:
    """Return whether the displayed text is signed or encrypted. A signature or encryption after a readable text is a file."""
    raw = message.raw
    found = {kind for part in own if (kind := _seal_of(raw, part))}
    # In base64, the words of a text begin at any bit.
    texts = [raw, *(part_content.prefix(raw, part, _TEXT_OCTETS) for part in own if part.maintype == "text" and part.encoding == "base64")]
    if not found and not any(_PGP in text for text in texts) and not any(_may_be_pgp(raw, part) for part in own):
        return set()
    # Late for the cold start: most messages are not sealed, and it loads the reading of HTML.
    from mailhooks.mime.text.body import Blocked, Obstacle, find_displayed

    try:
        find_displayed(message)
    except Blocked as blocked:
        if blocked.obstacle is Obstacle.INLINE_PGP:
            # Late for the cold start.
            from mailhooks.policy.facts.inline_pgp import Armor, find_armor

            armor = find_armor(message)
            if armor is not None:
                found.add(MessageType.SIGNED if armor is Armor.SIGNED else MessageType.ENCRYPTED)
        elif blocked.obstacle is Obstacle.ENCRYPTED:
            found.add(MessageType.ENCRYPTED)
        return found
    return set()


def _may_be_pgp(raw: bytes, part: Part) -> bool:
    """Return whether a part may be one of a PGP/MIME message that Exchange has rearranged."""
    if part.content_type == "application/pgp-encrypted":
        return True
    return part.content_type == "application/octet-stream" and find_filename(raw, part).lower().endswith(".asc")


def _seal_of(raw: bytes, part: Part) -> MessageType | None:
    if part.content_type == "multipart/signed":
        return MessageType.SIGNED
    if part.content_type == "multipart/encrypted" or is_rights_managed(raw, part):
        return MessageType.ENCRYPTED
    if part.maintype != "application" or not is_opaque(raw, part):
        return None
    # RFC 8551 section 3.2.2. QUIRK: without the parameter, the content has its type (RFC 5652 section 3); most such messages are encrypted.
    declared = part.params.get("smime-type", "").strip().lower()
    if declared:
        return _SMIME_TYPES.get(declared, MessageType.ENCRYPTED)
    beginning = part_content.prefix(raw, part, 100)
    if _COMPRESSED_DATA in beginning:
        return None
    return MessageType.SIGNED if _SIGNED_DATA in beginning else MessageType.ENCRYPTED


def find_importance(headers: DecodedHeaders) -> Importance:
    """Return the importance, by the field Importance (RFC 4021 section 2.1.54) or a field that programs use for it."""
    word = headers.word("importance") or headers.word("x-msmail-priority")
    if word in {"high", "low"}:
        return Importance(word)
    priority = headers.first("x-priority").strip()[:1]
    if not word and (priority in {"1", "2"} or headers.word("priority") == "urgent"):
        return Importance.HIGH
    if not word and (priority in {"4", "5"} or headers.word("priority") == "non-urgent"):
        return Importance.LOW
    return Importance.NORMAL


def parse_results(value: str) -> tuple[str, dict[str, frozenset[str]]]:
    """Return the authserv-id of an Authentication-Results field, and its results by method (spf, dkim, dmarc), in lower case."""
    server, _, rest = _COMMENTS.sub("", value[:10_000]).lower().partition(";")
    found: dict[str, set[str]] = {}
    for method, result in _RESULT.findall(rest):
        found.setdefault(method, set()).add(result)
    return next(iter(server.split()), ""), {method: frozenset(results) for method, results in found.items()}


def find_authentication_results(
    headers: DecodedHeaders,
    authserv_ids: Collection[str],
    result_fields: Mapping[str, str],
    by_gateway: Mapping[str, frozenset[str]] | None = None,
) -> dict[str, frozenset[str]]:
    """Return the results of believed checks by method (spf, dkim, dmarc, spam, virus), in lower case.

    See RFC 8601; RFC 7208 section 9.1; for Amazon SES, its guide, "Email authentication verdicts". The server that checks a message puts
    its fields above those that a sender wrote. So of the other fields only the first of each name counts, and of Authentication-Results the
    topmost ones, as long as each is the first of another believed server: programs such as OpenDKIM and OpenDMARC write one each. A second
    field of the same server may be the sender's.

    A method has several results if several signatures were checked. A method without a result is not in the mapping.

    Args:
        authserv_ids: of the servers whose Authentication-Results field is believed, in lower case.
        result_fields: as `mailhooks.platform.Platform`.
        by_gateway: the results of a gateway, if the message came from one. The server behind it then checked spf, dkim and dmarc of the
            gateway, not of the sender.
    """
    found = dict(by_gateway) if by_gateway is not None else _find_results(headers, authserv_ids)
    for method, name in result_fields.items():
        word = next(iter(headers.word(name).split()), "")
        if word and method not in found and (method != "spf" or by_gateway is None):
            found[method] = frozenset({word})
    return found


def _find_results(headers: DecodedHeaders, authserv_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the results of the topmost Authentication-Results fields, one of each believed server. The higher field wins."""
    found: dict[str, frozenset[str]] = {}
    unseen = set(authserv_ids)
    for value in headers.all("authentication-results"):
        server, results = parse_results(value)
        if server not in unseen:
            break
        unseen.remove(server)
        found = {**results, **found}
    return found
