"""`sam package` and `sam publish`, as docs/releasing.md has them, with local servers of S3 and of the Serverless Application Repository."""

import io
import re
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

import mailhooks
from tests.e2e.containers import LAYERS, Containers
from tests.e2e.toolchain import ROOT, find
from tests.support.servers.application_repository import ApplicationRepository
from tests.support.servers.hosting import ServerPool
from workmail_local.aws.moto_server import run_moto

APPLICATION = "arn:aws:serverlessrepo:us-east-1:123456789012:applications/workmail-hooks"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@dataclass(frozen=True, slots=True)
class Publisher:
    """A developer's machine with the packaged application.

    Attributes:
        repository: where the application is published.
        packaged: the template that `sam package` wrote.
        variables: the environment of `sam`.
        s3: a client of the bucket's S3.
    """

    repository: ApplicationRepository
    packaged: Path
    variables: dict[str, str]
    s3: Any

    def sam(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([find().sam, *arguments], env=self.variables, cwd=ROOT, capture_output=True, text=True, timeout=120)

    def publish(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.sam("publish", "--template", str(self.packaged), "--fail-on-same-version", *options)

    def stored(self, url: str) -> bytes:
        """Return an object by its `s3://` URL."""
        place = urlsplit(url)
        content: bytes = self.s3.get_object(Bucket=place.netloc, Key=place.path[1:])["Body"].read()
        return content


@pytest.fixture(scope="module")
def publisher(containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    packaged = tmp_path_factory.mktemp("packaged") / "packaged.yaml"
    with ServerPool() as pool, pool.host(ApplicationRepository()) as repository, run_moto(0) as s3_url:
        s3 = boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=s3_url,
            config=Config(proxies={}),
            **{name.lower(): value for name, value in CREDENTIALS.items()},
        )
        s3.create_bucket(Bucket="example-releases")
        endpoints = {"AWS_ENDPOINT_URL_S3": s3_url, "AWS_ENDPOINT_URL_SERVERLESSAPPLICATIONREPOSITORY": repository.url}
        publisher = Publisher(repository, packaged, find().environment() | CREDENTIALS | endpoints, s3)
        template = containers.layer("template.yaml")
        done = publisher.sam(
            "package", "--template", str(template), "--s3-bucket", "example-releases", "--output-template-file", str(packaged)
        )
        assert done.returncode == 0, done.stderr
        done = publisher.publish()
        assert done.returncode == 0, done.stderr
        yield publisher


def test_the_application_has_this_version_and_the_licence(publisher: Publisher) -> None:
    application = publisher.repository.applications[APPLICATION]

    assert application["semanticVersion"] == mailhooks.__version__
    assert application["spdxLicenseId"] == "Apache-2.0"
    assert publisher.stored(application["licenseUrl"]) == (ROOT / "LICENSE").read_bytes()


def test_the_repository_shows_the_page_on_it(publisher: Publisher) -> None:
    shown = publisher.stored(publisher.repository.applications[APPLICATION]["readmeUrl"]).decode()

    assert shown == (ROOT / "docs/serverless-repository.md").read_text("utf-8")
    # A relative link has no target there.
    assert re.findall(r"\]\((?!https://)[^)]*\)", shown) == []


def test_the_code_of_functions_and_layers_is_in_the_bucket(publisher: Publisher) -> None:
    [template] = publisher.repository.templates.values()
    code = {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"].startswith("AWS::Serverless::")
    }

    assert code
    for name, properties in code.items():
        archive = zipfile.ZipFile(io.BytesIO(publisher.stored(properties.get("CodeUri") or properties["ContentUri"])))
        assert any(file == "app.py" or file.startswith("python/") for file in archive.namelist()), name


def test_the_same_version_is_not_published_again(publisher: Publisher) -> None:
    done = publisher.publish()

    assert done.returncode == 1
    assert f"version {mailhooks.__version__}" in done.stderr


def test_the_next_version_is_added_to_the_application(publisher: Publisher) -> None:
    done = publisher.publish("--semantic-version", "99.0.0")

    assert done.returncode == 0, done.stderr
    assert (APPLICATION, "99.0.0") in publisher.repository.templates


def test_the_layers_contain_each_licence_that_the_page_lists(containers: Containers) -> None:
    page = (ROOT / "docs/licences.md").read_text("utf-8")
    tables = dict(re.findall(r"<!-- packages of (\w+) -->(.*?)<!-- end -->", page, re.DOTALL))

    for layer in LAYERS:
        table = tables[layer.removesuffix("Layer").lower()]
        files = re.findall(r"`([^`]+\.dist-info/[^`]+)`", table)
        assert files
        assert [file for file in files if not (containers.layer(layer) / "python" / file).is_file()] == [], layer
    for name in ("LICENSE", "NOTICE"):
        assert (containers.layer("MailhooksLayer") / "python/mailhooks" / name).read_bytes() == (ROOT / name).read_bytes()
