"""Sends mail through the hook, on a local WorkMail with the rules of workmail.toml."""

from email.message import EmailMessage

import pytest

from workmail_local import LocalWorkMail


def write(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ana@example.com", "nora@example.net", subject
    message.set_content("Hello\n")
    return message


def test_mail_with_a_subject_is_delivered(workmail: LocalWorkMail) -> None:
    workmail.send(write("Offer"))
    [copy] = workmail.delivered("nora@example.net")
    assert b"Subject: Offer" in copy.raw


@pytest.mark.parametrize("subject", ["", " "])
def test_mail_without_a_subject_returns_to_its_sender(subject: str, workmail: LocalWorkMail) -> None:
    workmail.send(write(subject))
    assert not workmail.delivered("nora@example.net")
    [bounce] = workmail.delivered("ana@example.com")
    assert b"with a subject" in bounce.raw
