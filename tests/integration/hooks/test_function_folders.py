"""Functions with a policy in their folder, as they are deployed: in a process of their own, with the folder as its working directory."""

import json
import shutil
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hooks.test_functions import DELIVER
from tests.support.mail import event
from workmail_local.workmail import LocalWorkMail

ROOT = Path(__file__).parents[3]
RECIPES = ROOT / "docs" / "recipes"
CALL = "import json, sys, app; print('ANSWER', json.dumps([app.handler(each, None) for each in json.load(sys.stdin)]))"


def call(
    folder: Path, workmail: LocalWorkMail, *documents: dict[str, Any], **variables: str
) -> tuple[list[Any], list[dict[str, Any]], str]:
    """Return the responses of a function, its log lines and its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        cwd=folder,
        env={**workmail.environment, **variables, "PYTHONPATH": f"{ROOT / 'layers/mailhooks'}:{folder}"},
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *lines, answer = done.stdout.splitlines()
    logged = [line for line in map(json.loads, lines) if "_aws" not in line]
    return json.loads(answer.removeprefix("ANSWER ")), logged, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "function"


def test_disclaimer_signs_with_template_image_and_address_book_of_its_folder_once(workmail: LocalWorkMail, folder: Path) -> None:
    shutil.copytree(ROOT / "functions/disclaimer", folder)
    shutil.copytree(RECIPES / "signature", folder, dirs_exist_ok=True)
    raw = (folder / "message.eml").read_bytes()
    document = event(
        messageId=workmail.store.add(raw, direction="OUTBOUND"),
        direction="OUTBOUND",
        envelope={"mailFrom": {"address": "Ana@example.com"}, "recipients": [{"address": "nora@example.net"}]},
    )
    answers, [first, second], errors = call(folder, workmail, document, document, DISCLAIMER_TEXT="not used")
    assert answers == [DELIVER, DELIVER]
    assert (first["hook"], first["rules"], first["changed"], second.get("decidedBefore")) == ("disclaimer", ["Signature"], True, True)
    assert workmail.store.puts(document["messageId"]) == 1
    changed = message_from_bytes(workmail.store.content(document["messageId"]), policy=policy.default)
    [image] = [part for part in changed.walk() if part.get_content_maintype() == "image"]
    assert image.get_payload(decode=True) == (RECIPES / "signature/logo.png").read_bytes()
    plain, markup = (part.get_content() for part in changed.walk() if part.get_content_maintype() == "text")
    assert plain.index("Head of Sales") < plain.index("On Mon, 4 May 2026")
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in markup
    assert "not used: DISCLAIMER_TEXT" in errors


def test_bounce_decides_by_its_policy_without_reading_mail(workmail: LocalWorkMail, folder: Path) -> None:
    shutil.copytree(ROOT / "functions/bounce", folder)
    rule = {"name": "Offers", "when": {"sender": "*.example.net", "recipient": "press@example.com"}, "do": {"bounce": "No offers, please."}}
    (folder / "policy.yaml").write_text(json.dumps({"version": 1, "rules": [rule]}))
    workmail.faults.add("get", error="InternalFailure", status=500, times=None)
    envelope = {
        "mailFrom": {"address": "x@news.example.net"},
        "recipients": [{"address": f"{name}@example.com"} for name in ("press", "ana")],
    }
    [answer], [line], _ = call(folder, workmail, event(envelope=envelope))
    bounced, others = answer["actions"]
    assert (line["hook"], line["rules"]) == ("bounce", ["Offers"])
    assert bounced["recipients"] == ["press@example.com"]
    assert bounced["action"]["type"] == "BOUNCE"
    assert others == DELIVER["actions"][0]


def test_rewrite_runs_a_policy_with_a_verdict_and_its_retry_gives_the_same(workmail: LocalWorkMail, folder: Path) -> None:
    shutil.copytree(ROOT / "functions/rewrite", folder)
    rules = [
        {"name": "Junk", "when": {"recipient": "ana@example.com", "subject": "offer"}, "do": "junk"},
        {"name": "Tag", "do": {"subject_tag": "[EXTERNAL]"}},
    ]
    (folder / "policy.yaml").write_text(json.dumps({"version": 1, "rules": rules}))
    raw = b"From: x@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n\r\nHello\r\n"
    document = event("ana@example.com", "ben@example.com", messageId=workmail.store.add(raw), subject="Offer")
    first, second = call(folder, workmail, document, document)[0]
    assert first == second
    assert [entry["action"]["type"] for entry in first["actions"]] == ["MOVE_TO_JUNK", "DEFAULT"]
    assert workmail.store.puts(document["messageId"]) == 1


def test_the_policy_of_mailflow_tags_no_mail_of_colleagues_before_it_names_the_domains(workmail: LocalWorkMail) -> None:
    raw = b"From: ben@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Minutes\r\n\r\nHello\r\n"
    documents = [
        event(
            messageId=workmail.store.add(raw),
            envelope={"mailFrom": {"address": sender}, "recipients": [{"address": "ana@example.com"}]},
            invocationId=f"{number:032x}",
        )
        for number, sender in enumerate(["ben@example.com", "x@example.net"] * 2)
    ]
    unknown, lines, _ = call(ROOT / "functions/mailflow", workmail, *documents[:2])
    assert unknown == [DELIVER, DELIVER]
    assert [workmail.store.puts(each["messageId"]) for each in documents[:2]] == [0, 0]
    assert "set organization.domains in the policy" in lines[1]["failures"][0]["detail"]
    variables = {"POLICY_DIRECTORY": "true", "ORGANIZATION_ID": workmail.organization.id}
    known, lines, _ = call(ROOT / "functions/mailflow", workmail, *documents[2:], **variables)
    assert known == [DELIVER, DELIVER]
    assert [workmail.store.puts(each["messageId"]) for each in documents[2:]] == [0, 1]
    assert not any("failures" in line for line in lines)
