"""`connect-availability` with the real boto3 against WorkMail's wire format (JSON 1.1), on loopback."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workmail_local.cli.main import main
from workmail_local.servers import HttpServer

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:availability"
OTHER = "arn:aws:lambda:us-east-1:111122223333:function:another"


@dataclass
class WorkMail:
    """What the service remembers, and how it is to answer.

    Attributes:
        providers: by domain, what was configured.
        failing: reasons for which tests fail, by what is tested; a domain or a function.
        errors: by operation, the service's error.
        changes: operations that changed something.
    """

    providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        operation = request.headers["x-amz-target"].removeprefix("WorkMailService.")
        asked = await request.json()
        assert asked["OrganizationId"] == ORGANIZATION
        assert "AWS4-HMAC-SHA256" in request.headers["authorization"]
        if code := self.errors.get(operation):
            return self._json({"__type": code, "message": "from the service"}, 400)
        return self._json(getattr(self, operation)(asked))

    @staticmethod
    def _json(document: Any, status: int = 200) -> Response:
        return Response(json.dumps(document), status, media_type="application/x-amz-json-1.1")

    def TestAvailabilityConfiguration(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the service's names
        what = asked.get("DomainName") or asked["LambdaProvider"]["LambdaArn"]
        return {"TestPassed": False, "FailureReason": self.failing[what]} if what in self.failing else {"TestPassed": True}

    def ListAvailabilityConfigurations(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - as above
        # One entry a page, so that the caller has to read all pages.
        names = sorted(self.providers)
        at = int(asked.get("NextToken", 0))
        page = [{"DomainName": name, **self.providers[name]} for name in names[at : at + 1]]
        return {"AvailabilityConfigurations": page} | ({"NextToken": str(at + 1)} if at + 1 < len(names) else {})

    def CreateAvailabilityConfiguration(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - as above
        assert asked["DomainName"] not in self.providers
        assert asked["ClientToken"]
        self.changes.append("create")
        return self._put(asked)

    def UpdateAvailabilityConfiguration(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - as above
        assert asked["DomainName"] in self.providers
        self.changes.append("update")
        return self._put(asked)

    def _put(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.providers[asked["DomainName"]] = {"ProviderType": "LAMBDA", "LambdaProvider": asked["LambdaProvider"]}
        return {}


@pytest.fixture
def workmail(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkMail]:
    service = WorkMail()
    server = HttpServer(Starlette(routes=[Route("/", service.answer, methods=["POST"])]), 0)
    server.start()
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL_WORKMAIL": server.url}.items():
        monkeypatch.setenv(name, value)
    yield service
    server.stop()


def run(*more: str, domains: tuple[str, ...] = ("example.net",)) -> int:
    arguments = ["--organization-id", ORGANIZATION, "--function-arn", FUNCTION, "--region", "us-east-1"]
    return main(["connect-availability", *arguments, "--domain", *domains, *more])


def test_a_domain_gets_the_function_as_its_provider_and_a_second_run_changes_nothing(
    workmail: WorkMail, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(domains=("example.net", "Example.ORG")) == 0
    assert workmail.providers.keys() == {"example.net", "example.org"}
    assert run(domains=("example.net", "Example.ORG")) == 0
    assert workmail.changes == ["create", "create"]
    assert capsys.readouterr().out.count("already") == 2


def test_an_internationalized_domain_is_sent_in_ascii(workmail: WorkMail) -> None:
    assert run(domains=("bücher.example",)) == 0
    assert run(domains=("BÜCHER.example", "xn--bcher-kva.example")) == 0
    assert (workmail.providers.keys(), workmail.changes) == ({"xn--bcher-kva.example"}, ["create"])


def test_a_function_that_workmail_cannot_use_replaces_nothing(workmail: WorkMail, capsys: pytest.CaptureFixture[str]) -> None:
    workmail.failing[FUNCTION] = "Lambda invocation failed"
    assert run() == 1
    assert workmail.changes == []
    shown = capsys.readouterr().out
    assert "Lambda invocation failed" in shown
    assert "SourceArn" in shown


@pytest.mark.parametrize(
    "there", [{"ProviderType": "EWS", "EwsProvider": {}}, {"ProviderType": "LAMBDA", "LambdaProvider": {"LambdaArn": OTHER}}]
)
def test_another_provider_is_replaced_only_on_request(workmail: WorkMail, there: dict[str, Any]) -> None:
    workmail.providers |= {"a.example.net": there, "example.net": there}
    assert run() == 1
    assert workmail.changes == []
    assert run("--replace") == 0
    assert workmail.changes == ["update"]
    assert workmail.providers["example.net"]["LambdaProvider"] == {"LambdaArn": FUNCTION}
    assert workmail.providers["a.example.net"] == there


def test_a_domain_whose_test_fails_is_reported_and_the_others_are_connected(workmail: WorkMail) -> None:
    workmail.failing["example.net"] = "no answer"
    assert run(domains=("example.net", "example.org")) == 1
    assert workmail.changes == ["create", "create"]


@pytest.mark.parametrize(
    "operation, code, hint",
    [
        ("TestAvailabilityConfiguration", "OrganizationNotFoundException", "--region"),
        ("TestAvailabilityConfiguration", "OrganizationStateException", "not active"),
        ("TestAvailabilityConfiguration", "AccessDeniedException", "credentials"),
        ("ListAvailabilityConfigurations", "InvalidParameterException", "ARN"),
        ("CreateAvailabilityConfiguration", "NameAvailabilityException", "provider already"),
        ("CreateAvailabilityConfiguration", "LimitExceededException", "delete one"),
    ],
)
def test_a_rejected_call_is_reported_with_advice(
    workmail: WorkMail, operation: str, code: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workmail.errors[operation] = code
    assert run() == 2
    shown = capsys.readouterr().err
    assert code in shown
    assert "from the service" in shown
    assert hint in shown
