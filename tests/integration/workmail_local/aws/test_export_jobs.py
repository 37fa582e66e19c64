"""Mailbox export jobs of the local WorkMail: the API, its limits, and the files."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha384
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.workmail_local.conftest import Clock
from workmail_local.workmail import LocalWorkMail

MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Offer\r\nMessage-ID: <1@example.net>\r\n\r\nBuy now.\r\n"
ROLE = "arn:aws:iam::123456789012:role/export"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234"


@pytest.fixture(scope="module")
def api(running: LocalWorkMail) -> Iterator[Any]:
    with closing(running.client("workmail")) as client:
        yield client


@pytest.fixture
def bucket(wm: LocalWorkMail) -> str:
    wm.reset()
    wm.organization.page_size = 100
    wm.make_bucket("exports")
    return "exports"


def start(api: Any, wm: LocalWorkMail, entity: str, token: str, **changes: str) -> str:
    request = {"OrganizationId": wm.organization.id, "RoleArn": ROLE, "KmsKeyArn": KEY, "S3BucketName": "exports", "S3Prefix": "a/"}
    job: str = api.start_mailbox_export_job(**request | {"EntityId": entity, "ClientToken": token} | changes)["JobId"]
    return job


def describe(api: Any, wm: LocalWorkMail, job: str) -> Any:
    return api.describe_mailbox_export_job(OrganizationId=wm.organization.id, JobId=job)


def refuse(call: Any) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value.response["Error"]["Code"])


@pytest.mark.usefixtures("bucket")
def test_a_job_writes_the_messages_of_a_mailbox_and_its_report(api: Any, wm: LocalWorkMail, clock: Clock) -> None:
    wm.send(MESSAGE, mail_from="nora@example.net", to=["ana@example.com"])
    job = start(api, wm, wm.organization.add_user("ana@example.com"), "t")
    clock.now += 1
    assert (describe(api, wm, job)["State"], describe(api, wm, job)["EstimatedProgress"]) == ("RUNNING", 50)
    clock.now += 1
    done = describe(api, wm, job)

    assert (done["State"], done["EstimatedProgress"], done["S3Path"]) == ("COMPLETED", 100, f"a/{job}.zip")
    with closing(wm.client("s3")) as s3:
        content = s3.get_object(Bucket="exports", Key=done["S3Path"])["Body"].read()
        report = json.loads(s3.get_object(Bucket="exports", Key=f"a/{job}.json")["Body"].read())
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.namelist() == ["Inbox/1.eml"]
    assert archive.read("Inbox/1.eml").endswith(MESSAGE)
    assert (report["sha384Hash"], report["totalMessages"]) == (sha384(content).hexdigest(), "1")


@pytest.mark.usefixtures("bucket")
def test_a_token_starts_one_job_and_only_for_the_same_parameters(api: Any, wm: LocalWorkMail) -> None:
    ana = wm.organization.add_user("ana@example.com")
    assert start(api, wm, ana, "t") == start(api, wm, ana, "t")
    assert refuse(lambda: start(api, wm, ana, "t", S3Prefix="b/")) == "InvalidParameterException"


@pytest.mark.usefixtures("bucket")
def test_ten_jobs_run_at_once_and_one_of_a_mailbox_in_24_hours(api: Any, wm: LocalWorkMail, clock: Clock) -> None:
    users = [wm.organization.add_user(f"user{number}@example.com") for number in range(11)]
    for user in users[:10]:
        start(api, wm, user, f"t-{user}")
    assert refuse(lambda: start(api, wm, users[10], "t")) == "LimitExceededException"
    clock.now += 3
    start(api, wm, users[10], "t")
    assert refuse(lambda: start(api, wm, users[0], "again")) == "LimitExceededException"
    clock.now += 24 * 3600
    start(api, wm, users[0], "again")


@pytest.mark.usefixtures("bucket")
def test_jobs_are_listed_for_seven_days_newest_first(api: Any, wm: LocalWorkMail, clock: Clock) -> None:
    first = start(api, wm, wm.organization.add_user("ana@example.com"), "1", Description="one")
    clock.now += 5 * 86_400
    second = start(api, wm, wm.organization.add_resource("room@example.com"), "2")

    def list_jobs() -> list[str]:
        return [job["JobId"] for job in api.list_mailbox_export_jobs(OrganizationId=wm.organization.id)["Jobs"]]

    assert list_jobs() == [second, first]
    clock.now += 3 * 86_400
    assert list_jobs() == [second]
    assert describe(api, wm, first)["Description"] == "one"


@pytest.mark.usefixtures("bucket")
def test_a_running_job_can_be_cancelled(api: Any, wm: LocalWorkMail, clock: Clock) -> None:
    job = start(api, wm, wm.organization.add_user("ana@example.com"), "t")
    api.cancel_mailbox_export_job(OrganizationId=wm.organization.id, JobId=job, ClientToken="c")
    clock.now += 10
    assert describe(api, wm, job)["State"] == "CANCELLED"
    with closing(wm.client("s3")) as s3:
        assert s3.list_objects_v2(Bucket="exports")["KeyCount"] == 0


@pytest.mark.usefixtures("bucket")
def test_what_has_no_mailbox_and_what_is_no_bucket_is_refused(api: Any, wm: LocalWorkMail) -> None:
    group = wm.organization.add_group("sales@example.com")
    ana = wm.organization.add_user("ana@example.com")
    assert refuse(lambda: start(api, wm, "nora@example.com", "t")) == "EntityNotFoundException"
    assert refuse(lambda: start(api, wm, group, "t")) == "EntityNotFoundException"
    assert refuse(lambda: start(api, wm, ana, "t", S3BucketName="elsewhere")) == "InvalidParameterException"
    assert refuse(lambda: start(api, wm, ana, "t", S3Prefix="a b")) == "ValidationException"
    assert refuse(lambda: describe(api, wm, "unknown")) == "EntityNotFoundException"


@pytest.mark.usefixtures("bucket")
def test_the_size_of_a_mailbox_and_the_resources_are_read(api: Any, wm: LocalWorkMail) -> None:
    ana, room = wm.organization.add_user("ana@example.com"), wm.organization.add_resource("room@example.com")
    found = wm.organization.find(ana)
    assert found is not None
    found.size_mb = 12.5
    assert api.get_mailbox_details(OrganizationId=wm.organization.id, UserId=ana)["MailboxSize"] == 12.5
    [listed] = api.list_resources(OrganizationId=wm.organization.id)["Resources"]
    assert listed == {"Id": room, "Email": "room@example.com", "Name": "room", "Type": "ROOM", "State": "ENABLED"}


@pytest.mark.usefixtures("bucket")
def test_a_fault_after_the_work_loses_only_the_answer(api: Any, wm: LocalWorkMail) -> None:
    ana = wm.organization.add_user("ana@example.com")
    wm.faults.add("StartMailboxExportJob", error="InternalFailure", status=400, after=True)
    assert refuse(lambda: start(api, wm, ana, "t")) == "InternalFailure"
    [job] = wm.exports.jobs
    assert start(api, wm, ana, "t") == job.id
