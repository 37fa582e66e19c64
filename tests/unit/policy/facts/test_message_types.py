"""The types of messages as mail programs display them. The headers are those of public bug reports, with other names and data."""

import struct
from base64 import b64encode

from mailhooks.content.disclaimer import add_disclaimer
from mailhooks.mime.message import Message
from mailhooks.policy.facts.decoded_headers import DecodedHeaders
from mailhooks.policy.facts.message_types import MessageType, find_message_types
from tests.support.messages import forwarded, multipart, part, text
from tests.support.messages import mail as whole
from tests.support.tables import check_rows

AUTO, AWAY = MessageType.AUTO_REPLY, MessageType.OUT_OF_OFFICE
BOUNCE, RECEIPT = MessageType.DELIVERY_REPORT, MessageType.READ_RECEIPT
SIGNED, ENCRYPTED, CALENDAR, LIST = MessageType.SIGNED, MessageType.ENCRYPTED, MessageType.CALENDAR, MessageType.LIST

HEAD = "From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"


def types(raw: bytes, *, null_sender: bool = False) -> set[MessageType]:
    message = Message(raw)
    return set(find_message_types(message, DecodedHeaders(message), null_sender=null_sender))


def headed(*lines: str, body: str = "Hello.", sender: str = "") -> bytes:
    head = HEAD.replace("Nora <nora@example.net>", sender) if sender else HEAD
    return (head + "".join(f"{line}\r\n" for line in lines) + f"\r\n{body}\r\n").encode()


RULES_AGENT = "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent"
LOOP = "X-MS-Exchange-Inbox-Rules-Loop: desk@example.net"
GENERATED, REPLIED = "Auto-Submitted: auto-generated", "Auto-Submitted: auto-replied"
FORWARDS = "X-Auto-Response-Suppress: DR, OOF, AutoReply"
ALL = "X-Auto-Response-Suppress: All"
ANSWER = "In-Reply-To: <1@example.com>"

REPLIES = [
    # Exchange: out of office, by the server and by a rule with a template, and of older versions.
    (["Subject: Automatic reply: Order 4711", ANSWER, GENERATED, RULES_AGENT, ALL], {AUTO, AWAY}),
    (["Subject: Automatische Antwort: Willkommen", "References: <1@example.com>", ANSWER, GENERATED, LOOP, ALL], {AUTO, AWAY}),
    (["Subject: =?utf-8?q?R=C3=A9ponse_automatique_=3A?= Commande", ANSWER, GENERATED, RULES_AGENT], {AUTO, AWAY}),
    (["Subject: Front desk", LOOP, "X-MS-Exchange-Parent-Message-Id: <1@example.com>", GENERATED, RULES_AGENT, ALL], {AUTO, AWAY}),
    (["Subject: Samtalat svar: x", ANSWER, GENERATED, RULES_AGENT, ALL], {AUTO, AWAY}),
    (["Subject: Automatic reply: Order", ANSWER, "Thread-Topic: Order"], {AUTO, AWAY}),
    (["Return-Path: <>", "Subject: Out of Office AutoReply: Order", "Thread-Topic: Order"], {AUTO, AWAY}),
    (["Subject: Automatic reply: Order", "X-Auto-Response-Suppress: OOF, AutoReply"], {AUTO, AWAY}),
    (["Subject: Risposta automatica: Ordine", RULES_AGENT], {AUTO, AWAY}),
    # Exchange: forwards and redirects by a rule.
    (["Subject: FW: Order 4711", GENERATED, RULES_AGENT, LOOP, FORWARDS], set()),
    (["Subject: FW: Order 4711", ANSWER, GENERATED, RULES_AGENT, LOOP, FORWARDS], set()),
    (["Subject: WG: Bestellung", ANSWER, "References: <1@example.com>", GENERATED, RULES_AGENT, LOOP, ALL], set()),
    (["Subject: =?utf-8?b?6L2s5Y+ROiDorqLljZU=?=", ANSWER, GENERATED, RULES_AGENT, LOOP, ALL], set()),
    (["Subject: Order 4711", GENERATED, RULES_AGENT, LOOP, FORWARDS], set()),
    (["Subject: =?utf-8?b?xLBMVDogU2lwYXJpxZ8=?=", ANSWER, GENERATED, RULES_AGENT, LOOP, ALL], set()),
    (["Subject: TR : Commande", GENERATED, RULES_AGENT, LOOP], set()),
    (["Subject: FW: Automatic reply: Order", GENERATED, RULES_AGENT, LOOP, FORWARDS], set()),
    (["Subject: Re: Order", ANSWER, LOOP, "Resent-From: <desk@example.net>"], set()),
    (["Subject: Re: Order", ANSWER, GENERATED, LOOP, ALL, "Resent-From: <desk@example.net>"], set()),
    (["Subject: FW: Order", "Auto-Submitted: auto-forwarded", "X-MS-Exchange-Organization-AutoForwarded: true"], set()),
    # Other servers and programs.
    (["Subject: Re: Order", REPLIED], {AUTO}),
    (["Subject: Re: Order", "Auto-Submitted: Auto-Replied (rejected)"], {AUTO}),
    (["Subject: Away", "Auto-Submitted: auto-replied (vacation)"], {AUTO, AWAY}),
    (["Subject: Re: Order", "Auto-Submitted: auto-replied (zimbra; vacation)", "Precedence: bulk"], {AUTO, AWAY}),
    (["Subject: Re: Order", 'Auto-Submitted: auto-replied; owner-email="nora@example.net"'], {AUTO, AWAY}),
    (["Subject: On leave Re: Order", REPLIED, "Precedence: bulk", "X-Autoreply: yes"], {AUTO, AWAY}),
    (["Subject: Ticket 12", REPLIED, "X-Autoreply: yes", "X-Auto-Response-Suppress: DR, RN, OOF, AutoReply"], {AUTO}),
    (["Subject: Re: Order", REPLIED, "X-Auto-Response-Suppress: OOF"], {AUTO, AWAY}),
    (["Subject: Re: Order", "Precedence: auto_reply", "X-Precedence: auto_reply", "X-Autorespond: Order"], {AUTO}),
    (["Subject: Re: Order", "X-Precedence: auto_reply"], {AUTO}),
    (["Subject: Re: Order", "X-Precedence: Auto-Reply"], {AUTO}),
    (["Subject: Re: Order", "Preference: auto_reply"], {AUTO}),
    (["Subject: Re: Order", "X-AutoReply-From: nora@example.net", "X-Mail-Autoreply: nora@example.net"], {AUTO}),
    (["Subject: Re: Order", "X-Mail-Autoreply: 1"], {AUTO}),
    (["Subject: Re: Order", "X-Auto-Reply-From: nora@example.net"], {AUTO}),
    (["Subject: Re: Order", "X-Autoresponse: yes"], {AUTO}),
    (["Subject: Re: Order", "X-FC-MachineGenerated: true"], {AUTO}),
    (["Subject: Re: Order", "X-POST-MessageClass: 9; Autoresponder"], {AUTO}),
    (["Subject: Re: Order", "Delivered-To: nora@example.net", "Delivered-To: Autoresponder"], {AUTO}),
    (["Subject: Re: Order", "X-Autogenerated: Reply"], {AUTO}),
    (["Subject: Re: Order", "X-Mailer: Confixx Autoresponder", "Precedence: junk"], {AUTO}),
    (["Subject: away from my office", "X-Mailer: vacation 1.46"], {AUTO, AWAY}),
    (["Subject: away from my mail", "Precedence: junk"], {AUTO, AWAY}),
    (["Subject: I am on vacation", "Delivered-By-The-Graces-Of: The Vacation program", "Precedence: bulk"], {AUTO, AWAY}),
    (["Subject: Re: Order", "X-Loop: Postfix Admin Virtual Vacation", "Precedence: junk"], {AUTO, AWAY}),
    (["Subject: AUTO: Nora is out of the office (returning 12/01/2026)", GENERATED], {AUTO, AWAY}),
    (["Subject: Nora is out of the office.", "X-Mailer: Lotus Domino Release 8.5", "Precedence: bulk"], {AUTO, AWAY}),
    (["Subject: Auto-Reply to: Order", "X-Mailer: Stalker Internet Mail Server 1.7", ANSWER], {AUTO, AWAY}),
    (["Subject: Yahoo! Auto Response", "Precedence: bulk"], {AUTO, AWAY}),
    (["Subject: Re: Order", "X-Kopano-Vacation: autorespond", GENERATED], {AUTO, AWAY}),
    (["Subject: Out of Office: Order", "X-Zarafa-Vacation: autorespond"], {AUTO, AWAY}),
    (["Subject: AUTO: =?utf-8?q?Nora_ist_au=C3=9Fer?= Haus", GENERATED, "X-Mailer: Lotus Domino Release 8.5.3"], {AUTO, AWAY}),
    (["Subject: Nora est absente.", GENERATED, "X-Mailer: HCL Domino Release 12.0.2", "Precedence: bulk"], {AUTO, AWAY}),
    (["Subject: Automatic reply: Order", "References: <1@example.com>"], {AUTO, AWAY}),
    (["Return-Path: <>", "Subject: Qwertz: Order", ANSWER, GENERATED, ALL], {AUTO, AWAY}),  # Exchange, in any language
    (["Subject: Re: Order", "Auto-Submitted: (by a robot) auto-replied"], {AUTO}),
    (["Subject: Re: Order", "Auto-Submitted: auto_replied"], {AUTO}),
    (["Subject: Re: Order", 'Auto-Submitted: "auto-replied"'], {AUTO}),
    (["Subject: Re: Order", "Auto-Submitted: no", REPLIED], {AUTO}),
    (["Subject: Re: Order", "Precedence: bulk", "Precedence: auto_reply"], {AUTO}),
    (["Return-Path: <>", "Subject: [EXT] Automatic reply: Order", ANSWER], {AUTO, AWAY}),
    (["Subject: Vacation rental: booking", GENERATED, "X-Mailer: Vacation Rental Mailer"], set()),
    (["Subject: Order", "X-Loop: vacation-list@example.net"], set()),
    (["Subject: Re: Order", REPLIED, ALL], {AUTO, AWAY}),
    (["Subject: [Ticket#12] Thanks", REPLIED, ALL, "Precedence: bulk", "X-Mailer: Zammad Mail Service"], {AUTO}),
    # Forwards by a rule, whose marks may be of any language.
    (["Subject: Posr: Narocilo", ANSWER, GENERATED, RULES_AGENT, LOOP, FORWARDS], set()),
    (["Subject: Order 12", ANSWER, GENERATED, RULES_AGENT, LOOP, FORWARDS], set()),
    # Reports for an archive.
    (["Return-Path: <>", "Subject: Automatic reply: Order", "X-MS-Journal-Report:"], set()),
    (["Return-Path: <>", "Subject: Undeliverable: Order", "X-MS-Journal-Report:"], set()),
    # Courses and other mail of programs.
    (["Subject: Lesson 3", "X-Mailer: AutoResponsePlus 3", "List-Unsubscribe: <mailto:u@example.net>"], {LIST}),
    (["Subject: [example.net #12] Order", ANSWER, "Precedence: bulk", "X-RT-Loop-Prevention: example.net"], set()),
    (["Subject: RE: Order", GENERATED, ANSWER, "X-ServiceNow-Generated: true"], set()),
    (["Subject: Voice mail from Bob", "X-VoiceMessageDuration: 12", "Content-Class: voice"], set()),
    # Lists.
    (["Subject: Order", "Mailing-List: contact dev-help@example.net; run by ezmlm", "Precedence: bulk"], {LIST}),
    (["Subject: Order", "X-Mailing-List: dev@example.net", "Precedence: bulk"], {LIST}),
    (["Subject: Order", "X-BeenThere: dev@example.net", "X-Mailman-Version: 2.1.5"], {LIST}),
    (["Subject: Order", "List-Archive: <https://example.net/>"], {LIST}),
    # No replies.
    (["Subject: Order", GENERATED], set()),
    (["Subject: Order shipped", GENERATED, ALL], set()),
    (["Subject: Order", ALL], set()),
    (["Subject: Order", "X-Auto-Response-Suppress: OOF"], set()),
    (["Subject: [TICKET-1] Updated", GENERATED, "Precedence: bulk", ANSWER, ALL], set()),
    (["Subject: Order", "Auto-Submitted: auto-notified"], set()),
    (["Subject: Order", "Auto-Submitted: no", "X-Autoreply: no", "X-Autorespond: false"], set()),
    (["Subject: Offer", "Precedence: bulk"], set()),
    (["Subject: Offer", "X-Precedence: junk"], set()),
    (["Subject: Offer", "X-Precedence: bulk"], set()),
    (["Subject: Cron <root@host>", "X-Cron-Env: <SHELL=/bin/sh>", GENERATED], set()),
    (["Subject: Order", "X-Autogenerated: Forward"], set()),
    (["Subject: Order", "X-Loop: desk@example.net"], set()),
    (["Subject: Order", "Delivered-To: vacation@example.com"], set()),
    (["Subject: Houses", "X-Mailer: Vacation Homes Mailer"], set()),
    (["Subject: Re: Automatic reply: Order", ANSWER], set()),
    (["Subject: Out of office: our tips", "Precedence: bulk", "List-Unsubscribe: <mailto:x@example.net>"], {LIST}),
    (["Subject: Out of office: who covers for me?"], set()),
    (["Subject: Re: Order", ANSWER], set()),
]  # fmt: skip


def test_automatic_replies_are_found_by_the_fields_of_many_programs() -> None:
    def check(subject: str, lines: list[str], expected: set[MessageType]) -> None:
        assert types(headed(*lines)) == expected

    check_rows([(" | ".join(lines), lines, expected) for lines, expected in REPLIES], check)


AWAY_IN = (
    "Automatski odgovor, Samodejni odgovor, Automaatvastus, Automātiska atbilde, Automatinis atsakymas, Resposta automàtica, "
    "Erantzun automatikoa, Trả lời tự động, ตอบกลับอัตโนมัติ, Balasan otomatis, स्वचालित उत्तर, پاسخ خودکار, Автоматична відповідь, "
    "Sjálfvirkt svar, Abwesenheitsnotiz, Message d'absence, Otomatik yan\u0131t, Automatisk svar, Odpowiedź automatyczna, 自動応答"
).split(", ")


def test_an_automatic_reply_of_exchange_without_its_fields_is_found_by_its_subject() -> None:
    def check(mark: str) -> None:
        assert types(headed(f"Subject: {mark}: Order", ANSWER)) == {AUTO, AWAY}
        assert types(headed(f"Subject: Re: {mark}: Order", ANSWER)) == set()

    check_rows(AWAY_IN, check)


STATUS = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\nAction: failed\r\n"
NOTIFICATION = b"Content-Type: message/disposition-notification\r\n\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n"
FEEDBACK = b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"
QMAIL = "Hi. This is the qmail-send program at mx.example.net.\r\nI'm afraid I wasn't able to deliver your message.\r\n"
DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.example.net>"


def report(*parts: bytes, kind: str = "report") -> bytes:
    return whole(multipart(kind, text(), *parts))


def returned(sender: str, subject: str) -> bytes:
    raw = whole(multipart("mixed", text(), forwarded(text())))
    head, _, rest = raw.partition(b"Content-Type:")
    fields = f"Return-Path: <>\r\nFrom: {sender}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    assert head
    return fields.encode() + b"Content-Type:" + rest


REPORTS = [
    (report(STATUS), {BOUNCE}),
    (report(STATUS, forwarded(text())), {BOUNCE}),
    (report(NOTIFICATION), {RECEIPT}),
    (report(STATUS.replace(b"message/", b"Message/Global-")), {BOUNCE}),
    (report(NOTIFICATION.replace(b"message/", b"message/global-")), {RECEIPT}),
    (whole(multipart("report", multipart("alternative", text(), text(subtype="html"), boundary=b"c"), STATUS)), {BOUNCE}),
    (report(STATUS, kind="report; report-type=delivery-status"), {BOUNCE}),
    (report(STATUS, kind='report; report-type="Disposition-Notification"'), {RECEIPT}),
    (report(STATUS, kind='report; report-type=""'), {BOUNCE}),
    (report(STATUS, kind="report; report-type=global-delivery-status"), {BOUNCE}),
    (report(NOTIFICATION, kind="report; report-type=global-disposition-notification"), {RECEIPT}),
    (report(STATUS, kind="report; report-type=delivery-report"), {BOUNCE}),
    (report(NOTIFICATION, kind="mixed"), {RECEIPT}),
    (whole(multipart("signed", multipart("report", text(), NOTIFICATION, boundary=b"c"), text())), {RECEIPT, SIGNED}),
    (returned("Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net>", "Qwertz: Order"), {BOUNCE}),
    (returned("Postmaster <postmaster@example.net>", "[BOUNCE] Order"), {BOUNCE}),
    (returned("Nora <nora@example.net>", "Order"), set()),
    (returned("Postmaster <postmaster@example.net>", "Order").replace(b"Return-Path: <>\r\n", b""), set()),
    (returned("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net", "Order\r\nX-MS-Journal-Report:"), set()),
    (headed("Return-Path: <>", "Subject: Permanent Delivery Failure", sender="MDaemon at mx <MDaemon@mx.example.net>"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: メール配信に失敗しました", sender="InterScan MSS <postmaster@example.net>"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: Delivery status: parcel pending", sender="Parcels <info@example.net>"), set()),
    (headed("Return-Path: <>", "Subject: Delivery notification: parcel 4711", sender="shop@example.net"), set()),
    (headed("Return-Path: <>", "Subject: Delivery failure", sender="System Administrator <admin@example.net>"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: [EXT] Undeliverable: Order", sender="Postmaster <postmaster@example.net>"), {BOUNCE}),
    (report(FEEDBACK), set()),
    (report(STATUS, kind="report; report-type=feedback-report"), set()),
    (report(), set()),
    (report(STATUS, kind="mixed"), set()),
    (report(STATUS, kind="mixed").replace(b"From:", b"Return-Path: <>\r\nFrom:"), {BOUNCE}),
    (whole(multipart("mixed", multipart("report", text(), STATUS, boundary=b"c"), text())), {BOUNCE}),
    (whole(multipart("mixed", text(), forwarded(multipart("report", text(), STATUS, boundary=b"c")))), set()),
    (whole(STATUS), {BOUNCE}),
    (whole(NOTIFICATION), {RECEIPT}),
    # Bounces without a report.
    (headed("Subject: failure notice", body=QMAIL, sender="MAILER-DAEMON@mx.example.net"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: notice", body=QMAIL), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: failure notice", body=QMAIL.replace("qmail-send", "Haraka Mailer")), {BOUNCE}),
    (headed("Subject: Mail delivery failed: returning message to sender", "X-Failed-Recipients: bob@example.org", REPLIED), {BOUNCE, AUTO}),
    (headed("Subject: Delivery Status Notification (Failure)", "X-Failed-Recipients: bob@example.org", sender=DAEMON), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: Returned mail: User unknown", sender="Mail Delivery Subsystem <MAILER-DAEMON>"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: Warning: could not send message for past 4 hours", sender=DAEMON), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: Undeliverable: Order", sender="System Administrator <postmaster@example.net>"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: DELIVERY FAILURE: User bob not listed", sender="Postmaster <postmaster@example.net>"), {BOUNCE}),
    (headed("Return-Path: <>", "Subject: Message status - undeliverable", "X-Mailer: Novell GroupWise Internet Agent 6.5"), {BOUNCE}),
    (headed("Subject: Unzustellbar: Bestellung", "X-MS-Exchange-Message-Is-Ndr:"), {BOUNCE}),
    (headed("Subject: Undeliverable: Order", "Content-Class: urn:content-classes:dsn"), {BOUNCE}),
    (headed("Subject: Undelivered Mail Returned to Sender", sender=DAEMON), {BOUNCE}),
    (headed("Subject: Undeliverable: what does it mean?"), set()),
    (headed("Subject: Order", body=QMAIL), set()),
    (headed("Subject: Order", sender="Postmaster <postmaster@example.net>"), set()),
    (headed("Return-Path: <>", "Subject: Quarantine summary", sender="postmaster@example.net"), set()),
    (headed("Return-Path: <nora@example.net>", "Subject: Order"), set()),
]  # fmt: skip


def test_reports_are_found_by_their_parts_and_bounces_by_the_forms_of_servers() -> None:
    def check(name: str, raw: bytes, expected: set[MessageType]) -> None:
        assert types(raw) == expected

    check_rows([(raw.decode(), raw, expected) for raw, expected in REPORTS], check)


def test_mail_of_a_mail_server_without_a_sender_is_a_bounce() -> None:
    raw = headed("Subject: Sorry", sender=DAEMON)
    assert types(raw) == set()
    assert types(raw, null_sender=True) == {BOUNCE}
    assert types(headed("Subject: Hello"), null_sender=True) == set()


EVENT = "BEGIN:VEVENT\r\nUID:1@example.net\r\nDTSTART:20261201T090000Z\r\nSUMMARY:Hotel\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def calendar(
    kind: str = "text/calendar; charset=utf-8", disposition: str = "", method: str = "", encode: bool = False, charset: str = "utf-8"
) -> bytes:
    content = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{f'METHOD:{method}' + chr(13) + chr(10) if method else ''}{EVENT}".encode(charset)
    head = f"Content-Type: {kind}\r\n" + (f"Content-Disposition: {disposition}\r\n" if disposition else "")
    if encode:
        return f"{head}Content-Transfer-Encoding: base64\r\n\r\n".encode() + b64encode(content)
    return f"{head}\r\n".encode() + content


def alternative(*parts: bytes) -> bytes:
    return multipart("alternative", text(), text(b"<p>Hello</p>", "html"), *parts, boundary=b"alt")


MARKED = b"Content-Class: urn:content-classes:calendarmessage\r\n"
REQUEST = "text/calendar; charset=utf-8; method=REQUEST"
FILE = 'attachment; filename="invite.ics"'
ICS = part("application/ics", "invite.ics", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n")

INVITATIONS = [
    whole(alternative(calendar(REQUEST))),
    whole(alternative(calendar(REQUEST, method="REQUEST", encode=True))),  # Outlook
    whole(multipart("mixed", alternative(calendar(REQUEST, method="REQUEST")), ICS)),  # Google
    whole(multipart("mixed", alternative(calendar(REQUEST)), calendar(REQUEST, FILE))),
    whole(alternative(calendar('text/calendar; name="invite.ics"; method="REPLY"', FILE))),
    whole(multipart("alternative", text(), multipart("mixed", text(subtype="html"), calendar(REQUEST, FILE), boundary=b"c"))),  # Apple
    whole(multipart("alternative", text(), multipart("related", text(subtype="html"), calendar(REQUEST), boundary=b"c"))),
    whole(multipart("mixed", text(), calendar("text/calendar; method=REQUEST; name=event.ics", "inline; filename=event.ics"))),  # Nextcloud
    whole(multipart("mixed", text(), calendar("text/calendar; method=CANCEL"))),
    whole(calendar(REQUEST)),
    whole(calendar(REQUEST, FILE)),
    whole(calendar(method="REQUEST")),
    whole(alternative(calendar(method="REQUEST"))),
    whole(alternative(calendar(method="COUNTER", encode=True))),
    whole(alternative(b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\rMETHOD:REQUEST\rEND:VCALENDAR\r")),
    whole(alternative(calendar("text/calendar; charset=utf-16", method="REQUEST", encode=True, charset="utf-16"))),
    whole(MARKED + calendar()),
    whole(MARKED + multipart("mixed", text(), part("application/ms-tnef", "winmail.dat"))),
]

CALENDAR_FILES = [
    calendar('text/calendar; charset=utf-8; name="booking.ics"', 'attachment; filename="booking.ics"'),
    calendar('text/calendar; charset=utf-8; name="booking.ics"', 'attachment; filename="booking.ics"', method="PUBLISH"),
    calendar(REQUEST, FILE),  # for Outlook only the first part has invitations; Evolution displays a file
    calendar('text/calendar; charset=utf-8; name="booking.ics"', "", method="REQUEST"),
    calendar('text/calendar; charset=utf-8; name="booking.ics"', "inline"),
    calendar(),
    calendar("text/calendar; method="),
    calendar("text/calendar; method=", FILE, method="REQUEST", encode=True),
    ICS,
    part("application/octet-stream", "invite.ics", b"BEGIN:VCALENDAR"),
    forwarded(calendar(REQUEST)),
]


def test_an_invitation_is_a_calendar_with_a_method_that_is_displayed() -> None:
    def check(raw: bytes) -> None:
        assert CALENDAR in types(raw)

    check_rows(INVITATIONS, check)


def test_a_calendar_file_attached_makes_no_invitation_and_gets_no_banner() -> None:
    def check(file: bytes) -> None:
        for raw in (
            whole(multipart("mixed", text(), file)),
            whole(multipart("mixed", alternative(), file)),
            whole(multipart("mixed", file, text())),
            whole(multipart("mixed", text(), file, file)),
        ):
            assert CALENDAR not in types(raw)
            changed = add_disclaimer(raw, text="From outside.", html="<p>From outside.</p>", position="prepend")
            assert b"From outside." in changed
            assert file in changed

    check_rows(CALENDAR_FILES, check)


def test_a_calendar_among_the_forms_of_a_text_without_a_method_is_no_invitation() -> None:
    assert types(whole(alternative(calendar()))) == set()
    assert types(whole(calendar())) == set()
    assert types(whole(MARKED + text())) == set()
    assert types(whole(MARKED + multipart("mixed", text(), calendar(REQUEST, FILE)))) == set()
    assert types(whole(MARKED + multipart("mixed", text(), ICS))) == set()
    assert types(whole(MARKED + multipart("mixed", text(), forwarded(calendar(REQUEST))))) == set()
    file = 'attachment; filename="a.ics"'
    apple = multipart("mixed", text(subtype="html"), calendar("text/calendar; name=a.ics", file, method="PUBLISH"), boundary=b"c")
    assert types(whole(multipart("alternative", text(), apple))) == set()


SIGNED_DATA = bytes.fromhex("30820100 0609 2a864886f70d010702 a0820000")
ENVELOPED = bytes.fromhex("30820100 0609 2a864886f70d010703 a0820000")
SIGNATURE = part("application/pkcs7-signature", "smime.p7s", SIGNED_DATA)
PGP = b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n"
SIGNED_TEXT = (
    b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nDear Ana, the offer is attached.\r\n"
    b"-----BEGIN PGP SIGNATURE-----\r\n\r\nhQ==\r\n-----END PGP SIGNATURE-----\r\n"
)
VERSION = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
BLANK = text(b"\r\n")


def sealed(*parts: bytes, kind: str = "signed") -> bytes:
    return multipart(kind, *parts, boundary=b"seal")


def smime(kind: str = "application/pkcs7-mime", name: str = "smime.p7m", octets: bytes = ENVELOPED) -> bytes:
    return part(kind, name, octets)


PGP_FILE = part("application/octet-stream", "encrypted.asc", PGP)

COMPRESSED = bytes.fromhex("30820100 060b 2a864886f70d0109100109 a0820000")


def in_base64(octets: bytes, subtype: str = "plain") -> bytes:
    return f"Content-Type: text/{subtype}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + b64encode(octets)


SEALS = [
    (whole(smime()), {ENCRYPTED}),
    (whole(smime(octets=SIGNED_DATA)), {SIGNED}),
    (whole(smime("application/pkcs7-mime; smime-type=signed-data")), {SIGNED}),
    (whole(smime("application/x-pkcs7-mime; smime-type=enveloped-data; name=smime.p7m")), {ENCRYPTED}),
    (whole(smime("application/pkcs7-mime; smime-type=authEnveloped-data")), {ENCRYPTED}),
    (whole(smime("application/pkcs7-mime; smime-type=certs-only", "smime.p7c")), set()),
    (whole(smime("application/pkcs7-mime; smime-type=compressed-data", "smime.p7z")), set()),
    (whole(smime("application/octet-stream")), {ENCRYPTED}),  # Exchange
    (whole(smime("application/octet-stream", octets=SIGNED_DATA)), {SIGNED}),
    (whole(multipart("mixed", smime(), text(b"_____\r\nlist footer"))), {ENCRYPTED}),
    (whole(multipart("mixed", smime("application/octet-stream"), text(b"footer"))), {ENCRYPTED}),
    (whole(multipart("mixed", BLANK, smime())), {ENCRYPTED}),
    (whole(multipart("mixed", smime())), {ENCRYPTED}),
    (whole(sealed(text(), SIGNATURE)), {SIGNED}),
    (whole(multipart("mixed", sealed(text(), SIGNATURE), text(b"list footer"))), {SIGNED}),
    (whole(sealed(multipart("mixed", text(), forwarded(text(), "postacert.eml")), SIGNATURE)), {SIGNED}),  # Italian PEC
    (whole(sealed(smime(), SIGNATURE)), {SIGNED, ENCRYPTED}),
    (whole(sealed(VERSION, PGP_FILE, kind="encrypted")), {ENCRYPTED}),
    (whole(multipart("mixed", sealed(VERSION, PGP_FILE, kind="encrypted"), text())), {ENCRYPTED}),
    (whole(multipart("mixed", BLANK, VERSION, PGP_FILE)), {ENCRYPTED}),  # Exchange
    (whole(multipart("mixed", BLANK, PGP_FILE)), {ENCRYPTED}),
    (whole(multipart("mixed", text(), part("application/x-microsoft-rpmsg-message", "message.rpmsg"))), {ENCRYPTED}),
    (whole(multipart("mixed", alternative(), part("application/x-microsoft-rpmsg-message", "message_v4.rpmsg"))), {ENCRYPTED}),
    (whole(smime(octets=COMPRESSED)), set()),
    (whole(in_base64(b"Hello,\r\n\r\n" + PGP)), set()),
    (whole(text(b"Hello,\r\n\r\n" + PGP)), set()),
    (whole(text(b"Please pay.\r\n-----BEGIN PGP MESSAGE-----\r\n")), set()),
    (whole(text(b"-----BEGIN PGP MESSAGE-----\r\n" + b"Please pay now and here\r\n" * 9)), set()),
    (whole(text(b"-----BEGIN PGP MESSAGE-----\r\n" + b"Please pay now and here\r\n" * 9 + b"-----END PGP MESSAGE-----\r\n")), set()),
    (whole(text(PGP + b"Please pay.\r\n")), set()),
    (whole(text(PGP + b"-- \r\n" + b"Please pay.\r\n" * 11)), set()),
    (whole(text(SIGNED_TEXT + b"Please pay.\r\n")), set()),
    (whole(text(b"Please pay.\r\n" + SIGNED_TEXT)), set()),
    (whole(text(b"-----BEGIN PGP SIGNED MESSAGE-----\r\nPlease pay.\r\n")), set()),
    (whole(text(b"<p>Please pay.</p><pre>" + PGP + b"</pre>", "html")), set()),
    (whole(multipart("alternative", text(PGP), text(b"<p>Please pay.</p>", subtype="html"))), set()),
    (whole(text(b"\r\n \r\n" + PGP + PGP + b"\r\n-- \r\nAna\r\n")), {ENCRYPTED}),
    (whole(text(PGP.replace(b"\r\n\r\n", b"\r\nVersion: GnuPG v2\r\nComment: made by a program\r\n\r\n", 1))), {ENCRYPTED}),
    (whole(text(PGP + b"_______________\r\nlist mailing list\r\n")), {ENCRYPTED}),
    (whole(text(PGP.replace(b"PGP MESSAGE", b"PGP MESSAGE, PART 01/02"))), {ENCRYPTED}),
    (whole(text(b"<pre>" + PGP + b"</pre>", subtype="html")), {ENCRYPTED}),
    (whole(text(b"-----BEGIN PGP MESSAGE-----<br>hQ==<br>-----END PGP MESSAGE-----", subtype="html")), {ENCRYPTED}),
    (whole(multipart("alternative", text(PGP), text(b"<pre>" + PGP + b"</pre>", subtype="html"))), {ENCRYPTED}),
    (whole(multipart("mixed", text(PGP), text(b"_____\r\nlist footer"))), {ENCRYPTED}),
    (whole(text(b"\r\n" + SIGNED_TEXT + b"--\r\nlist footer\r\n")), {SIGNED}),
    (whole(in_base64(b"\r\n" + PGP.replace(b"PGP MESSAGE", b"PGP SIGNED MESSAGE", 1))), {SIGNED}),
    (whole(in_base64(b"<p>-----BEGIN PGP MESSAGE-----</p><p>hQ==</p>", "html")), {ENCRYPTED}),
    (whole(text(PGP)), {ENCRYPTED}),
    (whole(text(PGP.replace(b"PGP MESSAGE", b"PGP SIGNED MESSAGE", 1))), {SIGNED}),
    (whole(part("text/plain", octets=PGP, disposition="inline")), {ENCRYPTED}),
    (whole(part("text/plain", octets=PGP.replace(b"PGP MESSAGE", b"PGP SIGNED MESSAGE", 1), disposition="inline")), {SIGNED}),
]  # fmt: skip


def test_a_message_is_signed_or_encrypted_if_its_displayed_text_is() -> None:
    def check(name: str, raw: bytes, expected: set[MessageType]) -> None:
        assert types(raw) == expected

    check_rows([(raw.decode("latin-1")[90:190], raw, expected) for raw, expected in SEALS], check)


SEALED_FILES = [
    smime(name="IT01234567890_FPA01.xml.p7m", octets=SIGNED_DATA),
    smime("application/x-pkcs7-mime", "contract.pdf.P7M", SIGNED_DATA),
    smime("application/pkcs7-mime; smime-type=signed-data", "invoice.xml.p7m", SIGNED_DATA),
    smime("application/octet-stream", "invoice.p7m"),
    smime("application/pkcs7-mime; smime-type=enveloped-data", "letter.docx.p7m"),
    smime("application/pkcs7-signature", "invoice.pdf.p7s"),
    SIGNATURE,
    part("application/pkcs7-mime", "certificate.p7c"),
    part("application/pgp-encrypted", "backup.pgp", b"\x85\x01\x0c"),
    part("application/octet-stream", "backup.asc", PGP),
    PGP_FILE,
    part("application/pgp-keys", "key.asc", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n"),
    part("application/x-microsoft-rpmsg-message", "old-mail.rpmsg"),
    forwarded(sealed(text(), SIGNATURE)),
    forwarded(smime()),
    forwarded(multipart("mixed", text(), part("application/x-microsoft-rpmsg-message", "message.rpmsg"), boundary=b"c")),
    forwarded(sealed(VERSION, PGP_FILE, kind="encrypted")),
]


def test_a_signed_or_encrypted_file_changes_no_type_and_the_banner_is_put() -> None:
    def check(file: bytes) -> None:
        for raw in (
            whole(multipart("mixed", text(), file)),
            whole(multipart("mixed", alternative(), file)),
            whole(multipart("mixed", text(), file, file)),
            whole(multipart("mixed", file, text())),
        ):
            if file is SIGNATURE and raw.find(b"smime.p7s") < raw.find(b"Hello"):
                continue
            assert types(raw) == set()
            changed = add_disclaimer(raw, text="From outside.", html="<p>From outside.</p>", position="prepend")
            assert b"From outside." in changed
            assert file in changed

    check_rows(SEALED_FILES, check)


def test_a_seal_below_a_readable_text_changes_no_type_and_the_banner_is_put() -> None:
    below = [smime(), smime("application/octet-stream"), part("application/pkcs7-mime"), sealed(text(b"Signed"), SIGNATURE)]

    def check(seal: bytes) -> None:
        raw = whole(multipart("mixed", text(), seal))
        assert types(raw) == set()
        changed = add_disclaimer(raw, text="From outside.", html="<p>From outside.</p>", position="prepend")
        assert b"From outside." in changed
        assert seal in changed

    check_rows(below, check)


def tnef(message_class: str) -> bytes:
    """Return a winmail.dat with the attributes before the message class, and this class."""
    values = ((0x00089006, b"\0\0\1\0"), (0x00069007, b"\xe4\4\0\0\0\0\0\0"), (0x00078008, message_class.encode() + b"\0"))
    attributes = (struct.pack("<BII", 1, name, len(value)) + value + struct.pack("<H", sum(value)) for name, value in values)
    return part("application/ms-tnef", "winmail.dat", struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes))


CLASSES = [
    ("IPM.Microsoft Schedule.MtgReq", {CALENDAR}),
    ("IPM.Schedule.Meeting.Request", {CALENDAR}),
    ("IPM.Schedule.Meeting.Resp.Pos", {CALENDAR}),
    ("IPM.Microsoft Mail.Read Receipt", {RECEIPT}),
    ("REPORT.IPM.Note.IPNRN", {RECEIPT}),
    ("REPORT.IPM.Note.IPNNRN", {RECEIPT}),
    ("IPM.Microsoft Mail.Non-Delivery", {BOUNCE}),
    ("REPORT.IPM.Note.NDR", {BOUNCE}),
    ("IPM.Note.Rules.OofTemplate.Microsoft", {AUTO, AWAY}),
    ("IPM.Microsoft Mail.Note", set()),
    ("IPM.Note", set()),
    ("", set()),
]


def test_a_message_in_tnef_has_the_type_of_its_message_class() -> None:
    def check(message_class: str, expected: set[MessageType]) -> None:
        correlator = b"X-MS-TNEF-Correlator: <1@example.net>\r\n"
        assert types(correlator + whole(multipart("mixed", text(), tnef(message_class)))) == expected
        assert types(correlator + whole(tnef(message_class))) == expected
        assert types(whole(multipart("mixed", text(), tnef(message_class)))) == set()
        assert types(correlator + whole(multipart("mixed", text(), forwarded(tnef(message_class))))) == set()

    check_rows(CLASSES, check)


def test_a_broken_tnef_part_has_no_type() -> None:
    def check(octets: bytes) -> None:
        raw = b"X-MS-TNEF-Correlator: <1@example.net>\r\n" + whole(
            multipart("mixed", text(), part("application/ms-tnef", "winmail.dat", octets))
        )
        assert types(raw) == set()

    check_rows([b"", b"x", b"\x78\x9f\x3e\x22", b"\x78\x9f\x3e\x22\1\0\1\6\x90\x08\0\xff\xff\xff\xff", bytes(4000)], check)
