"""The tag of a subject: once, also in a correspondence in which programs put their marks before it."""

from base64 import b64encode

from mailhooks.content.header_changes import tag_edits
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from tests.support.tables import check_rows

TAG = "[EXTERNAL]"


def tag(subject: str, text: str = TAG) -> str | None:
    """Return the raw subject with a tag; None if it has the tag already."""
    value = subject if subject.isascii() else f"=?utf-8?B?{b64encode(subject.encode()).decode()}?="
    raw = f"From: nora@example.net\r\nSubject: {value}\r\n\r\nHello.\r\n".encode()
    edits = tag_edits(Message(raw), text)
    return splice(raw, edits).decode().partition("Subject: ")[2].partition("\r\n\r\n")[0] if edits else None


MARKS = [
    *("Re:", "RE:", "AW: WG:", "Fwd: Re:", "Re[2]:", "AW [3]:", "Re^2:", "Re (2):", "SV: VS: VB:", "TR : RE :", "回复\uff1a", "答复:"),
    *("[list]", "[list] Re:", "Re: [list] Re:", "[list 4711] AW:", "【list】", "{Spam?}", "***SPAM***", "*** SPAM *** Re:", "(list)"),
    *("##SPAM##", "###SPAM### Re:", "---SPAM---", "<SPAM>", "（转发）", "Re: （外部）"),  # noqa: RUF001 - fullwidth marks are meant
    *("Accepted:", "Declined:", "Tentative:", "Canceled:", "New Time Proposed:", "Meeting Forward Notification:", "Zugesagt:"),
    *("Mit Vorbehalt:", "Neuer Terminvorschlag:", "Benachrichtigung über Weiterleitung der Besprechung:", "Nouvelle heure proposée\u00a0:"),
    *("Undeliverable:", "Unzustellbar:", "Nicht zustellbar:", "Non remis\u00a0:", "No se puede entregar:", "Não é possível entregar:"),
    *("\u041d\u0435 удается доставить:", "Onbestelbaar:", "Impossibile recapitare:"),
    *("Automatic reply:", "Out of Office:", "Out of Office AutoReply:",
      "Automatische Antwort:", "Abwesenheitsnotiz:", "Réponse automatique :"),
    *("Réponse automatique\u00a0:", "Réponse automatique\u202f:", "Respuesta automática:", "Resposta automática:", "Risposta automatica:"),
    *("Automatisch antwoord:", "Automatiskt svar:", "Autosvar:", "Automaattinen vastaus:",
      "Odpowiedź automatyczna:", "Automatická odpověď:"),
    *("Автоматический ответ:", "自動応答:", "自动答复: ", "자동 회신:"),
    *("\u200fתש\u05d5בה:", "\u202bرد تلقائي:\u202c", "Automatic reply: Re: AW:"),
    *("Read:", "Not read:", "Gelesen:", "Nicht gelesen:", "Lu\u00a0:", "Message Recall Failure:", "Delivery delayed:", "Relayed:"),
    *("Automatic reply (until 5 May):", "AUTO: Bob is out of the office:", "Out of office - back on Monday:", "Fwd: Automatic reply: Re:"),
]  # fmt: skip


def test_a_tag_is_there_after_the_marks_of_programs() -> None:
    def check(mark: str) -> None:
        for gap in (" ", "", "  ", "\u00a0"):
            assert tag(f"{mark}{gap}{TAG} Offer") is None
        assert tag(f"{mark} {TAG.lower()} Offer") is None
        assert tag(f"{mark} Offer") is not None

    check_rows(MARKS, check)


NOT_MARKS = [
    f"Our policy for {TAG} mail",
    f"Re: our policy for {TAG} mail",
    f"Automatic reply {TAG} Offer",
    f"{'A long subject of a person who writes many words ' * 2}: {TAG}",
    f"[{'x' * 60}] {TAG} Offer",
    f"Re: [not closed {TAG} Offer",
    "[EXTERN] Offer",
    "EXTERNAL Offer",
    "",
]


def test_other_text_before_a_tag_is_a_subject() -> None:
    def check(subject: str) -> None:
        assert tag(subject) in {f"{TAG} {subject}", f"{TAG}\r\n {subject}", TAG, f"{TAG} "}

    check_rows(NOT_MARKS, check)


TAGS = [
    ("Extern", "Extern: Offer", False),
    ("Extern", "Re: Extern Offer", False),
    ("Extern", "Externe Anfrage", True),
    ("Extern:", "AW: Extern: Offer", False),
    ("外部", "Re: 外部 Offer", False),
    ("[Straße]", "Re: [STRASSE] Offer", False),
    ("[EXT] ->", "Automatic reply: [EXT]  -> Offer", False),
    ("(external)", "Re: (External) Offer", False),
    ("***", "Re: *** Offer", False),
]


def test_a_tag_of_any_form_is_found_once() -> None:
    def check(text: str, subject: str, added: bool) -> None:
        assert (tag(subject, text) is not None) is added

    check_rows([(text, subject, added) for text, subject, added in TAGS], check)


def test_a_second_run_changes_nothing() -> None:
    def check(mark: str) -> None:
        once = tag(f"{mark} Offer")
        assert once is not None
        raw = f"From: nora@example.net\r\nSubject: {once}\r\n\r\nHello.\r\n".encode()
        assert tag_edits(Message(raw), TAG) == []

    check_rows(MARKS, check)


RAW = [
    "R\u00e9ponse automatique : [EXTERNAL] Offre".encode(),
    "R\u00e9ponse automatique\u00a0: [EXTERNAL] Offre".encode("latin-1"),
    b"=?utf-8?Q?R=C3=A9ponse_automatique?=\r\n =?utf-8?Q?_=3A_?= [EXTERNAL]\r\n\tOffre",
    b"Automatic\r\n reply:\r\n [EXTERNAL] Offre",
    b"=?utf-8?Q?Automatic_reply:_[EXT?= =?utf-8?Q?ERNAL]_Offre?=",
]


def test_a_tag_is_found_in_a_subject_of_any_encoding() -> None:
    def check(subject: bytes) -> None:
        assert tag_edits(Message(b"Subject: " + subject + b"\r\n\r\nHello.\r\n"), TAG) == []

    check_rows(RAW, check)
