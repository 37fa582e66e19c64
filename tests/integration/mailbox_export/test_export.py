"""An export through the real function, the real state machine, the local WorkMail and S3."""

import io
import json
import zipfile
from collections import Counter
from datetime import timedelta

import pytest

from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from mailhooks.mailbox_export import exporter, function
from mailhooks.mailbox_export.function import ExportHandler, read_input
from mailhooks.mailbox_export.manifest import Check, State
from mailhooks.mailbox_export.settings import ExportSettings
from tests.support.mailbox_export import Clock, Company, run_company
from tests.support.state_machine import ExecutionFailed
from workmail_local.aws.export_jobs import Outcome
from workmail_local.workmail import LocalWorkMail

MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Offer\r\nMessage-ID: <1@example.net>\r\n\r\nBuy now.\r\n"


def count_states(company: Company) -> Counter[str]:
    return Counter(each.state for each in company.read_manifest().mailboxes.values())


def test_every_mailbox_is_exported_and_verified_with_its_messages(company: Company) -> None:
    company.workmail.reset("organization = { domains = ['example.com'] }\n[[users]]\naddress = 'ana@example.com'")
    company.workmail.send(MESSAGE, mail_from="nora@example.net", to=["ana@example.com"])
    company = Company(company.workmail, company.clock)
    company.workmail.organization.add_resource("room@example.com")

    company.run()

    assert count_states(company) == {State.EXPORTED: 2}
    company.check_files()
    ana = company.find("ana@example.com")
    assert ana.file is not None
    assert (ana.file.check, ana.file.entries, ana.file.report["totalMessages"]) == (Check.MATCHES, 1, "1")
    archive = zipfile.ZipFile(io.BytesIO(company.read_object(ana.file.key)))
    assert archive.read("Inbox/1.eml").endswith(b"Buy now.\r\n")


def test_ten_jobs_run_at_once_the_largest_first(company: Company) -> None:
    entities = company.add_users(25)
    for number, entity in enumerate(entities):
        found = company.workmail.organization.find(entity)
        assert found is not None
        found.size_mb = float(number)

    company.run()

    assert count_states(company) == {State.EXPORTED: 25}
    started = [job.entity_id for job in company.workmail.exports.jobs]
    assert [set(started[:10]), set(started[10:20]), set(started[20:])] == [{*entities[15:]}, {*entities[5:15]}, {*entities[:5]}]
    company.check_limits()
    company.check_files()


def test_a_second_run_exports_only_what_is_missing(company: Company) -> None:
    entities = company.add_users(3)
    company.workmail.exports.plan_outcomes(entities[1], Outcome.CANCELLED)
    company.run()
    assert count_states(company) == {State.EXPORTED: 2, State.CANCELLED: 1}
    company.workmail.organization.add_user("new@example.com")

    company.run()

    assert count_states(company) == {State.EXPORTED: 4}
    assert Counter(job.entity_id for job in company.workmail.exports.jobs)[entities[1]] == 2
    assert len(company.workmail.exports.jobs) == 5
    company.check_limits()


def test_all_mailboxes_are_exported_again_on_request(company: Company) -> None:
    company.add_users(2)
    first = company.run()
    second = company.run({"again": True})

    assert count_states(company) == {State.EXPORTED: 2}
    for entity, mailbox in second.mailboxes.items():
        assert len(mailbox.attempts) == 2
        assert mailbox.file != first.mailboxes[entity].file
    company.check_limits()
    company.check_files()


def test_only_the_mailboxes_of_a_list_are_exported(company: Company) -> None:
    company.add_users(3)
    company.run({"mailboxes": ["user001@example.com", "nora@example.com"]})

    assert {each.address: each.state for each in company.read_manifest().mailboxes.values()} == {
        "user001@example.com": State.EXPORTED,
        "nora@example.com": State.SKIPPED,
    }


def test_jobs_of_others_count_for_both_limits(company: Company) -> None:
    entities = company.add_users(12)
    company.workmail.exports.duration_s = 15 * 60
    client = company.workmail.client("workmail")
    for entity in entities[:4]:
        client.start_mailbox_export_job(
            OrganizationId=company.workmail.organization.id,
            EntityId=entity,
            RoleArn="arn:aws:iam::123456789012:role/other",
            KmsKeyArn="arn:aws:kms:us-east-1:123456789012:key/other",
            S3BucketName=company.bucket,
            S3Prefix="by-hand/",
        )
    client.close()

    company.run()

    assert count_states(company) == {State.EXPORTED: 12}
    company.check_limits()
    company.check_files()


def test_the_mailbox_of_a_user_who_was_disabled_lately_is_exported_if_workmail_still_has_it(company: Company) -> None:
    organization = company.workmail.organization
    for name, has_mailbox in (("kept", True), ("gone", False)):
        found = organization.find(organization.add_user(f"{name}@example.com", state="DISABLED"))
        assert found is not None
        found.disabled_at, found.has_mailbox = company.clock.now - 5 * 86_400, has_mailbox
    company.run()

    states = {each.name: (each.state, each.reason) for each in company.read_manifest().mailboxes.values()}
    assert states["kept"] == (State.EXPORTED, "")
    assert states["gone"] == (State.SKIPPED, "WorkMail answers EntityNotFoundException")


class TestVerification:
    def test_without_a_report_the_manifest_has_our_digest(self, company: Company) -> None:
        company.add_users(1)
        company.workmail.exports.report = "none"
        company.run()

        file = company.find("user000@example.com").file
        assert file is not None
        assert (file.check, file.report) == (Check.NO_REPORT, {})
        company.check_files()

    def test_a_report_in_the_zip_file_is_read_and_its_digest_is_not_compared(self, company: Company) -> None:
        company.add_users(1)
        company.workmail.exports.report = "inside"
        company.run()

        file = company.find("user000@example.com").file
        assert file is not None
        assert (file.check, file.report["totalFolders"]) == (Check.NO_REPORT, "0")

    @pytest.mark.parametrize(
        "outcome, reason",
        [
            (Outcome.DAMAGED, "the job's report has"),
            (Outcome.CUT, "not a complete zip file"),
            (Outcome.NO_FILE, "not in the bucket"),
            (Outcome.FAILED, "An internal error occurred"),
        ],
    )
    def test_a_bad_export_is_repeated_after_a_day_and_fails_after_three(self, outcome: Outcome, reason: str, company: Company) -> None:
        good, bad = company.add_users(2)
        company.workmail.exports.plan_outcomes(good, outcome, outcome)
        company.workmail.exports.plan_outcomes(bad, outcome, outcome, outcome)
        manifest = company.run()

        assert manifest.mailboxes[good].state is State.EXPORTED
        assert manifest.mailboxes[bad].state is State.FAILED
        assert reason in manifest.mailboxes[bad].reason
        assert [len(manifest.mailboxes[each].attempts) for each in (good, bad)] == [3, 3]
        company.check_limits()
        company.check_files()

    def test_a_file_that_cannot_be_read_in_time_is_left_to_the_command(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        company.add_users(1)
        monkeypatch.setattr(exporter, "_MAX_CHECKS", 0)
        company.run()

        mailbox = company.find("user000@example.com")
        assert mailbox.state is State.EXPORTED
        assert mailbox.file is not None
        assert (mailbox.file.check, mailbox.file.sha384, mailbox.file.report["totalMessages"]) == (Check.TOO_LARGE, "", "0")

    def test_no_file_is_begun_at_the_end_of_the_functions_time(self, company: Company) -> None:
        company.add_users(1)
        company.handler({"task": "plan", "execution": "e", "input": {}})
        company.handler({"task": "step", "steps": 0})
        company.clock.pass_time(60)
        company.handler({"task": "step", "steps": 1})

        company.handler.exporter.verify(Deadline.after(30))

        assert count_states(company) == {State.CHECKING: 1}


class TestExecution:
    def test_continues_as_a_new_one_before_its_history_is_full(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        company.add_users(5)
        company.workmail.exports.duration_s = 20 * 60
        monkeypatch.setattr(function, "MAX_STEPS", 6)
        machine = company.make_machine()
        machine.run({})

        assert machine.executions > 2
        assert count_states(company) == {State.EXPORTED: 5}

    def test_has_a_history_within_the_limit_of_step_functions(self, company: Company) -> None:
        company.add_users(25)
        machine = company.make_machine()
        answers = []
        invoke = machine.invoke
        machine.invoke = lambda arn, event: answers.append(invoke(arn, event)) or answers[-1]
        machine.run({})

        steps = max(answer.get("steps", 0) for answer in answers)
        assert machine.events / steps * function.MAX_STEPS < 25_000 * 0.7

    @pytest.mark.parametrize("document", [{"mailbox": ["ana@example.com"]}, {"mailboxes": "ana"}, {"mailboxes": [""]}, {"again": "yes"}])
    def test_fails_at_once_for_an_invalid_input(self, document: dict[str, object], company: Company) -> None:
        before = company.clock.now
        with pytest.raises(ExecutionFailed, match="InvalidInput"):
            company.run(document)
        assert company.clock.now == before

    def test_fails_at_once_for_a_damaged_manifest(self, company: Company) -> None:
        s3 = company.workmail.client("s3")
        s3.put_object(Bucket=company.bucket, Key="manifest.json", Body=b"{")
        s3.close()
        with pytest.raises(ExecutionFailed, match="InvalidManifest"):
            company.run()

    def test_its_input_is_optional(self) -> None:
        assert read_input({}) == ([], False)
        assert read_input({"mailboxes": [" ana@example.com "], "again": True}) == (["ana@example.com"], True)


def test_a_function_without_its_settings_names_them() -> None:
    handler = ExportHandler(ExportSettings(organization_id=f"m-{'0' * 32}"))
    with pytest.raises(SettingsError, match="EXPORT_BUCKET"):
        handler({"task": "plan", "execution": "e", "input": {}})


def test_an_execution_ends_with_a_report_and_metrics_without_addresses(
    workmail: LocalWorkMail, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    sns, sqs = workmail.client("sns"), workmail.client("sqs")
    topic = sns.create_topic(Name="report")["TopicArn"]
    queue = sqs.create_queue(QueueName="report")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:report")
    with run_company(workmail, clock, topic) as company:
        _, bad = company.add_users(2)
        company.workmail.organization.add_user("system@example.com", role="SYSTEM_USER")
        company.workmail.exports.plan_outcomes(bad, Outcome.CANCELLED)
        company.run()

    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    sns.close()
    sqs.close()
    report = json.loads(message["Body"])
    assert report["Subject"] == "Mailbox export: not complete"
    assert "1 of 2 mailboxes are exported" in report["Message"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [metrics] = [line for line in lines if "_aws" in line]
    assert (metrics["MailboxesExported"], metrics["MailboxesFailed"], metrics["MailboxesSkipped"]) == ([1.0], [1.0], [1.0])
    assert "example.com" not in report["Message"] + json.dumps(lines)


def test_a_wait_is_short_while_jobs_run(company: Company) -> None:
    company.add_users(1)
    company.handler({"task": "plan", "execution": "e", "input": {}})
    answer = company.handler({"task": "step", "steps": 0})
    assert answer == {"next": "wait", "wait_s": timedelta(minutes=1).seconds, "steps": 1, "counts": {"running": 1}}
