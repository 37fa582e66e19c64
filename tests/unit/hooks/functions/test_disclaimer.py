import doctest
import json
import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailhooks.content.disclaimer import STAMP, Disclaimer
from mailhooks.content.template import read_values
from mailhooks.contract import MailFlowEvent
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from mailhooks.mime.message import Message
from mailhooks.policy import load
from mailhooks.settings import Settings
from tests.support.hooks import DELIVER, Memory, handler_of
from tests.support.mail import event

HEADER = (
    b"From: Ana Silva <ana@example.com>\r\nTo: clara@example.org\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"MIME-Version: 1.0\r\n"
)
PLAIN = HEADER + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHello\r\n"
HTML = HEADER + b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<body>Hello</body>\r\n"
BOTH = (
    HEADER + b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<body>Hello</body>\r\n--b--\r\n"
)
RELATED = (
    HEADER + b"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<img src=cid:own><p>Hello</p>\r\n"
    b"--r\r\nContent-Type: image/png\r\nContent-ID: <own>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--r--\r\n"
)
SIGNED = (
    HEADER + b"Content-Type: multipart/signed; protocol=application/pkcs7-signature; micalg=sha-256; boundary=s\r\n\r\n--s\r\n"
    b"Content-Type: text/plain\r\n\r\nHello\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--s--\r\n"
)
REPORT = (
    HEADER + b"Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\n\r\nIt did not arrive.\r\n"
    b"--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n--r--\r\n"
)
NO_TEXT = HEADER + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
BROKEN = HEADER + b"Content-Type: multipart/mixed\r\n\r\nno boundary\r\n"


def outbound(*recipients: str, sender: str = "ana@example.com", **changes: Any) -> dict[str, Any]:
    envelope = {"mailFrom": {"address": sender}, "recipients": [{"address": one} for one in recipients or ("clara@example.org",)]}
    return event(direction="OUTBOUND", envelope=envelope, **changes)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The function's folder, which is the working directory, as in Lambda."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_policy(folder: Path, **options: Any) -> None:
    """Write a policy of one disclaimer for every message, with the address book if there is one."""
    organization = {"address_book": "directory.json"} if (folder / "directory.json").exists() else {}
    rule = {"name": "Disclaimer", "do": {"disclaimer": options}}
    (folder / "policy.yaml").write_text(json.dumps({"version": 1, "organization": organization, "rules": [rule]}), "utf-8")


def handled(raw: bytes, announced: dict[str, Any] | None = None, **settings: Any) -> bytes:
    """Return a message as the function in the working directory leaves it."""
    memory = Memory({event()["messageId"]: raw})
    assert handler_of(DisclaimerHook, memory, **settings)(announced or outbound(), None) == DELIVER
    assert memory.puts == (memory.messages[event()["messageId"]] != raw)
    return memory.messages[event()["messageId"]]


@pytest.fixture
def hooked(folder: Path) -> Callable[..., bytes]:
    """`hooked(raw, text="...")`: the message as a policy with this disclaimer leaves it."""

    def run(raw: bytes, announced: dict[str, Any] | None = None, **options: Any) -> bytes:
        write_policy(folder, **options)
        return handled(raw, announced)

    return run


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def texts(raw: bytes) -> list[str]:
    return [part.get_content().replace("\r\n", "\n") for part in read(raw).walk() if part.get_content_maintype() == "text"]


def put(folder: Path, **files: str | bytes) -> None:
    """Write files of the disclaimer's folder, with `_` for the dot."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content if isinstance(content, bytes) else content.encode())


# Which messages


OLD_SETTINGS = Path(__file__).parents[4] / "docs" / "functions.md"


def covers(name: str, announced: dict[str, Any]) -> bool:
    """Return whether the policy in docs/functions.md that replaces a setting applies to an event."""
    [policy] = [text for text in re.findall(r"```yaml\n(.*?)```", OLD_SETTINGS.read_text("utf-8"), re.DOTALL) if f"# {name}" in text]
    return bool(load(policy).evaluate(MailFlowEvent.parse(announced), b"").matched)


@pytest.mark.parametrize(
    "recipients, external",
    [
        (("ana@example.com",), False),
        (("ana@EXAMPLE.com", "ben@example.net"), False),
        (("ana@example.com", "clara@example.org"), True),
        (("ana@sub.example.com",), True),
        (("ana@notexample.com",), True),
        (("nonsense",), True),
    ],
)
def test_outbound_mail_is_external_if_one_recipient_is(recipients: tuple[str, ...], external: bool):
    assert covers("DISCLAIMER_AUDIENCE=external", outbound(*recipients)) is external
    assert covers("DISCLAIMER_AUDIENCE=internal", outbound(*recipients)) is not external


@pytest.mark.parametrize("sender, external", [("x@example.org", True), ("ana@Example.Com", False), ("", True)])
def test_inbound_mail_is_external_if_its_sender_is_external_or_missing(sender: str, external: bool):
    announced = event("ana@example.com", envelope={"mailFrom": {"address": sender}, "recipients": [{"address": "ana@example.com"}]})
    assert covers("DISCLAIMER_AUDIENCE=external", announced) is external
    assert covers("DISCLAIMER_AUDIENCE=internal", announced) is not external


def test_unlisted_recipients_count_as_external():
    announced = outbound("ben@example.com", truncated=True)
    assert covers("DISCLAIMER_AUDIENCE=external", announced)
    assert not covers("DISCLAIMER_AUDIENCE=internal", announced)


@pytest.mark.parametrize("sender, covered", [("noreply@example.com", False), ("ana@a.news.example.com", False), ("ana@example.com", True)])
def test_mail_from_skipped_senders_gets_no_disclaimer(sender: str, covered: bool):
    assert covers("DISCLAIMER_SKIP_SENDERS", outbound("clara@example.net", sender=sender)) is covered


def test_a_sender_on_behalf_can_be_skipped():
    assert not covers("DISCLAIMER_SKIP_SENDERS", outbound("clara@example.net") | {"sender": {"address": "noreply@example.com"}})


def test_mail_gets_no_disclaimer_if_all_recipients_are_listed_and_skipped():
    assert not covers("DISCLAIMER_SKIP_SENDERS", outbound("a@example.org", "b@example.org"))
    assert covers("DISCLAIMER_SKIP_SENDERS", outbound("a@example.org", "c@example.net"))
    assert covers("DISCLAIMER_SKIP_SENDERS", outbound("a@example.org", truncated=True))


# Variables


def test_variables_of_the_message(hooked: Callable[..., bytes]):
    changed = hooked(PLAIN, text="%%FromName%%|%%FROMADDRESS%%|%%fromdomain%%|%%Subject%%|%%Date%%")
    assert texts(changed) == ["Hello\n\nAna Silva|ana@example.com|example.com|Offer|Mon, 4 May 2026 08:00:00 +0000\n"]


@pytest.mark.parametrize(
    "field, name",
    [
        (b"Ana Silva <ana@example.com>", "Ana Silva"),
        (b'"Silva, Ana" <ana@example.com>', "Silva, Ana"),
        (b'"Ana \\"A\\" <S>" <ana@example.com>', 'Ana "A" <S>'),
        (b"=?utf-8?q?Silva=2C_Ana_=3CS=3E?= <ana@example.com>", "Silva, Ana <S>"),
        (b"=?iso-8859-1?q?J=F6rg?= =?iso-8859-1?q?_Maier?= <j@example.com>", "Jörg Maier"),
        ("Jörg <j@example.com>".encode(), "Jörg"),
        (b"<ana@example.com>", ""),
        (b"ana@example.com", ""),
        (b'"unclosed <ana@example.com>', ""),
        (b"", ""),
        (b"(" * 100_000 + b" <a@example.com>", "(" * 100_000),
        (b'"\\' * 100_000, ""),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_name_of_the_sender_is_parsed_before_it_is_decoded(field: bytes, name: str):
    assert read_values(Message(b"From: " + field + b"\r\n\r\n"), "")["fromname"] == name


def test_a_message_without_header_has_empty_values():
    assert set(read_values(Message(b""), "").values()) == {""}


def test_the_name_of_the_sender_is_escaped_in_html_and_text(hooked: Callable[..., bytes]):
    raw = BOTH.replace(b"Ana Silva", b'"<script>x</script> =?utf-8?q?=0D=0A--b=0D=0A?="')
    plain, markup = texts(hooked(raw, text="By %%FromName%%", html="<p>By %%FromName%%</p>"))
    assert plain.rstrip().endswith("By <script>x</script>   --b")
    assert "<script>" not in markup
    assert "&lt;script&gt;x&lt;/script&gt;" in markup


def test_the_directory_adds_variables_of_a_known_sender_in_any_case(hooked: Callable[..., bytes], folder: Path):
    put(folder, directory_json=json.dumps({"Ana@Example.com": {"Title": "Engineer", "Phone": 7}}))
    template = "%%FromName%%\n%%Title%%\nPhone: %%phone%%\nExample GmbH"
    assert texts(hooked(PLAIN, text=template)) == ["Hello\n\nAna Silva\nEngineer\nPhone: 7\nExample GmbH\n"]
    stranger = hooked(PLAIN, outbound(sender="ben@example.com"), text=template)
    assert texts(stranger) == ["Hello\n\nAna Silva\nExample GmbH\n"]


def test_the_directory_does_not_replace_variables_of_the_message(hooked: Callable[..., bytes], folder: Path):
    put(folder, directory_json=json.dumps({"ana@example.com": {"FromName": "Another Name", "Subject": "else"}}))
    assert texts(hooked(PLAIN, text="%%FromName%% %%Subject%%")) == ["Hello\n\nAna Silva Offer\n"]


def test_an_empty_disclaimer_changes_nothing(hooked: Callable[..., bytes], folder: Path):
    put(folder, directory_json=json.dumps({"ben@example.com": {"Title": "Engineer"}}))
    assert hooked(PLAIN, text="%%Title%%") == PLAIN


# The folder


def test_templates_are_read_from_the_folder(hooked: Callable[..., bytes], folder: Path):
    put(folder, disclaimer_txt="\ufeffFrom the file", disclaimer_html="<p>HTML of the file</p>")
    plain, markup = texts(hooked(BOTH, text_file="disclaimer.txt", html_file="disclaimer.html"))
    assert plain.rstrip() == "Hello\n\nFrom the file"
    assert "HTML of the file" in markup
    plain, markup = texts(hooked(BOTH, text="Set", html_file="disclaimer.html"))
    assert ("Set" in plain, "HTML of the file" in markup) == (True, True)


def images(raw: bytes) -> list[tuple[str, bytes]]:
    parts = [part for part in read(raw).walk() if part.get_content_maintype() == "image"]
    return [(part["Content-ID"], part.get_payload(decode=True)) for part in parts]


LOGO = '<p><img src="cid:logo.png" alt="Example"></p>'


@pytest.mark.parametrize("raw", [HTML, BOTH], ids=["html", "alternative"])
def test_an_image_is_added_once_as_a_related_part(raw: bytes, hooked: Callable[..., bytes], folder: Path):
    put(folder, logo_png=b"\x89PNG logo", unused_png=b"not shown")
    changed = hooked(raw, html=LOGO + LOGO)
    [(identity, content)] = images(changed)
    assert content == b"\x89PNG logo"
    [related] = [part for part in read(changed).walk() if part.get_content_type() == "multipart/related"]
    [html, image] = related.get_payload()
    assert (html.get_content_type(), image.get_content_type()) == ("text/html", "image/png")
    assert html.get_content().count(f'src="cid:{identity.strip("<>")}"') == 2
    assert hooked(changed, html=LOGO + LOGO) == changed


def test_an_image_is_added_to_existing_related_parts(hooked: Callable[..., bytes], folder: Path):
    put(folder, logo_png=b"logo")
    changed = hooked(RELATED, html=LOGO)
    assert [content for _, content in images(changed)] == [b"\0\0\0", b"logo"]
    assert [part.get_content_type() for part in read(changed).walk()] == ["multipart/related", "text/html", "image/png", "image/png"]


def test_two_images_with_one_name_get_two_content_ids(hooked: Callable[..., bytes], folder: Path):
    identities = set()
    for content in (b"old logo", b"new logo"):
        put(folder, logo_png=content)
        identities |= {identity for identity, _ in images(hooked(HTML, html=LOGO))}
    assert len(identities) == 2


def test_plain_text_gets_no_images(hooked: Callable[..., bytes], folder: Path):
    put(folder, logo_png=b"logo")
    assert images(hooked(PLAIN, html=LOGO)) == []


# Once


def test_the_same_invocation_twice_changes_the_message_once(folder: Path):
    memory = Memory({event()["messageId"]: BOTH})
    handler = handler_of(DisclaimerHook, memory, disclaimer_text="D")
    for _ in range(2):
        assert handler(outbound(), None) == DELIVER
    assert memory.puts == 1
    assert read(memory.messages[event()["messageId"]]).get_all(STAMP) == [Disclaimer(text="D").stamp]


def test_two_disclaimers_are_both_added(hooked: Callable[..., bytes]):
    changed = hooked(hooked(PLAIN, text="One"), outbound(invocationId="f" * 32), text="Two")
    assert texts(changed) == ["Hello\n\nOne\n\nTwo\n"]


QUOTING = PLAIN + b"\r\nOn Mon, 4 May 2026, Clara <clara@example.org> wrote:\r\n> Hi\r\n>\r\n> This message is\r\n> confidential.\r\n"


@pytest.mark.parametrize("once", [True, False])
def test_once_per_thread_skips_a_message_that_quotes_the_disclaimer(once: bool, hooked: Callable[..., bytes]):
    changed = hooked(QUOTING, text="This message is confidential.", once_per_thread=once)
    assert (changed == QUOTING) is once
    assert hooked(PLAIN, text="This message is confidential.", once_per_thread=once) != PLAIN


@pytest.mark.parametrize(
    "position, text",
    [
        ("append", "Hello\n\nOn Mon, Clara wrote:\n> Hi\n\nD\n"),
        ("prepend", "D\n\nHello\n\nOn Mon, Clara wrote:\n> Hi\n"),
        ("after-reply", "Hello\n\nD\n\nOn Mon, Clara wrote:\n> Hi\n"),
    ],
)
def test_the_option_selects_the_position(position: str, text: str, hooked: Callable[..., bytes]):
    raw = PLAIN + b"\r\nOn Mon, Clara wrote:\r\n> Hi\r\n"
    assert texts(hooked(raw, text="D", position=position)) == [text]


def test_the_token_wins_over_the_position(hooked: Callable[..., bytes]):
    raw = PLAIN.replace(b"Hello", b"Hello\r\n_DISCLAIMER_\r\nBye")
    assert texts(hooked(raw, text="D", position="prepend")) == ["Hello\nD\nBye\n"]


# Unmodifiable messages


@pytest.mark.parametrize("raw", [SIGNED, BROKEN, REPORT, NO_TEXT], ids=["signed", "broken", "report", "no text"])
def test_by_default_an_unmodifiable_message_is_delivered_and_the_reason_logged(raw: bytes, hooked: Callable[..., bytes], log):
    assert hooked(raw, text="D") == raw
    [line] = log().lines
    assert (line["level"], line["reason"]) == ("WARNING", "CannotChangeSafely")
    assert line["detail"].startswith("no disclaimer: ")
    assert "Hello" not in json.dumps(line)


def test_a_wrapped_message_keeps_its_octets(hooked: Callable[..., bytes]):
    changed = hooked(SIGNED, text="D", on_unmodifiable="wrap")
    mail = read(changed)
    cover, original = mail.iter_parts()
    assert (mail["Subject"], mail["From"], original.get_content_type()) == ("Offer", "Ana Silva <ana@example.com>", "message/rfc822")
    assert cover.get_body(("plain",)).get_content().strip() == "D"
    assert SIGNED in changed
    assert hooked(changed, text="D", on_unmodifiable="wrap") == changed


@pytest.mark.parametrize("raw, word", [(SIGNED, "signed"), (BROKEN, "broken")])
def test_a_bounce_has_the_reason_and_nothing_is_written(raw: bytes, word: str, folder: Path):
    memory = Memory({event()["messageId"]: raw})
    write_policy(folder, text="D", on_unmodifiable="bounce")
    handler = handler_of(DisclaimerHook, memory)
    [action] = handler(outbound(), None)["actions"]
    assert action["action"]["type"] == "BOUNCE"
    assert word in action["action"]["parameters"]["bounceMessage"]
    assert (action["allRecipients"], memory.puts) == (True, 0)


@pytest.mark.parametrize("raw", [REPORT, NO_TEXT], ids=["report", "no text"])
def test_neither_reports_nor_mail_without_text_are_bounced(raw: bytes, hooked: Callable[..., bytes]):
    assert hooked(raw, text="D", on_unmodifiable="bounce") == raw


def test_mail_without_text_can_get_a_new_text_part(hooked: Callable[..., bytes]):
    changed = hooked(NO_TEXT, text="D", on_no_text="add-part")
    cover, original = read(changed).iter_parts()
    assert cover.get_body(("plain",)).get_content().strip() == "D"
    assert (original.get_content_type(), original.get_payload(decode=True)) == ("application/pdf", b"\0\0\0")
    assert hooked(changed, text="D", on_no_text="add-part") == changed


def test_the_option_decides_over_text_in_an_unknown_charset(hooked: Callable[..., bytes]):
    raw = HEADER + b"Content-Type: text/plain; charset=x-company\r\n\r\ncaf\xe9 au lait\r\n"
    text = "Für Sie\n機密"
    assert hooked(raw, text=text) == raw
    assert hooked(raw, text=text, on_unknown_charset="omit-lines").endswith(b"lait\r\n\r\nFur Sie\r\n")
    assert hooked(raw, text="Für Sie").endswith(b"lait\r\n\r\nFur Sie\r\n")
    assert hooked(raw, text="Für Sie", on_unknown_charset="none") == raw


# The setting


@pytest.mark.parametrize("raw", [PLAIN, HTML, BOTH], ids=["plain", "html", "both"])
def test_the_setting_is_a_text_for_every_form_at_its_end(raw: bytes, folder: Path):
    assert [text.partition("Hello")[2].count("By Ana Silva") for text in texts(handled(raw, disclaimer_text="By %%FromName%%"))] in (
        [1],
        [1, 1],
    )


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "set it, or put a policy.yaml next to app.py"),
        (" \n", "set it, or put a policy.yaml next to app.py"),
        ("%%Title%% %%Mood%%", "mood, title"),
        ("a\x01b", "remove the control characters"),
    ],
)
def test_an_error_names_an_invalid_setting(text: str, why: str, folder: Path):
    with pytest.raises(SettingsError, match=f"^DISCLAIMER_TEXT: .*{why}"):
        DisclaimerHook.from_settings(Settings(disclaimer_text=text))


def test_invalid_settings_are_logged_and_mail_is_delivered_unchanged(folder: Path, log):
    assert handled(PLAIN, disclaimer_text="%%Mood%%") == PLAIN
    [line] = log().lines
    assert (line["level"], line["reason"]) == ("ERROR", "SettingsError")
    assert "mood" in line["detail"]


def test_the_folder_of_an_earlier_release_is_an_error_until_a_policy_names_its_files(folder: Path):
    (folder / "disclaimer").mkdir()
    (folder / "disclaimer" / "disclaimer.html").write_text("<p>HTML of the file</p>")
    with pytest.raises(SettingsError, match=r"disclaimer/: name its files in a policy\.yaml"):
        DisclaimerHook.from_settings(Settings(disclaimer_text="D"))
    write_policy(folder, html_file="disclaimer/disclaimer.html")
    assert "HTML of the file" in texts(handled(HTML, disclaimer_text="D"))[0]


def test_the_examples_in_the_documentation_are_true():
    page = Path(__file__).parents[4] / "docs" / "disclaimer.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
