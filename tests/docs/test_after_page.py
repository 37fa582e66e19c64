"""docs/after.md: what can be checked of the settings for services that no test can run."""

import json
import re

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.e2e.postfix.odd_mail import CHANGED
from tools.pages import read_fences
from workmail_local.config.functions import ROOT

PAGE = (ROOT / "docs/after.md").read_text("utf-8")
FENCES = list(read_fences(PAGE))
CMDLETS = {
    "New-OutboundConnector": "CloudServicesMailEnabled ConnectorType IsTransportRuleScoped Name SmartHosts TlsDomain TlsSettings "
    "UseMXRecord",
    "New-InboundConnector": "CloudServicesMailEnabled ConnectorType Name RequireTls RestrictDomainsToCertificate SenderDomains "
    "TlsSenderCertificateName",
    "New-TransportRule": "ExceptIfSenderIpRanges FromScope HeaderContainsMessageHeader HeaderContainsWords Mode Name "
    "RouteMessageOutboundConnector RouteMessageOutboundRequireTls SenderIpRanges SetSCL StopRuleProcessing",
}
"""The parameters that the page uses, by the reference of the module ExchangePowerShell."""


def section(title: str) -> str:
    [text] = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def test_each_destination_has_a_section_and_each_section_of_settings_a_destination() -> None:
    table = PAGE.partition("| your mail goes to |")[2].partition("\n\n")[0]
    linked = set(re.findall(r"\(#([\w-]+)\)", table))
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    settings = titles[titles.index("Before you begin") + 1 : titles.index("What is different")]
    assert linked == {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in settings}


def test_the_cmdlets_have_parameters_of_their_reference() -> None:
    lines = [line for fence in FENCES if fence.language == "powershell" for line in fence.text.splitlines()]
    assert {line.split()[0] for line in lines} == set(CMDLETS)
    for line in lines:
        assert set(re.findall(r" -(\w+)", line)) <= set(CMDLETS[line.split()[0]].split()), line


def test_each_route_to_the_gateway_has_an_exception_for_its_address() -> None:
    """Without one, mail that returns would be routed again, without end."""
    rules = [line for fence in FENCES for line in fence.text.splitlines() if "-RouteMessageOutboundConnector" in line]
    listeners = re.findall(r'listen = "([\d.]+):25"', section("Microsoft 365"))
    assert [re.findall(r"-ExceptIfSenderIpRanges (\S+)", line) for line in rules] == [[address] for address in listeners]


def test_the_rule_set_is_one_that_mail_manager_accepts() -> None:
    model = botocore.session.get_session().get_service_model("mailmanager")
    [rule_set] = [json.loads(fence.text) for fence in read_fences(section("SES Mail Manager")) if fence.language == "json"]
    report = ParamValidator().validate(rule_set, model.operation_model("CreateRuleSet").input_shape)
    assert not report.has_errors(), report.generate_report()


def test_the_relay_is_one_that_mail_manager_accepts() -> None:
    model = botocore.session.get_session().get_service_model("mailmanager")
    [command] = re.findall(r"aws mailmanager create-relay (.+)", PAGE)
    options = {name.replace("-", ""): value for name, value in re.findall(r"--([\w-]+) (\S+)", command)}
    shape = model.operation_model("CreateRelay").input_shape
    names = {name.lower(): name for name in shape.members}
    given = {names[name]: value for name, value in options.items()}
    given |= {"ServerPort": int(options["serverport"]), "Authentication": {"NoAuthentication": {}}}
    report = ParamValidator().validate(given, shape)
    assert not report.has_errors(), report.generate_report()
    assert f':{options["serverport"]}"' in section("SES Mail Manager")


@pytest.mark.parametrize("title", ["Postfix: the milter", "Postfix as a content filter", "Postfix as a proxy filter", "Stalwart"])
def test_the_ports_of_a_section_are_those_of_its_configuration(title: str) -> None:
    text = section(title)
    configured = section("Postfix: the milter") if title == "Stalwart" else text
    ports = set(re.findall(r'(?:listen|next_host) = "127\.0\.0\.1:(\d+)"', configured))
    settings = "".join(fence.text for fence in read_fences(text) if fence.language in ("sh", "json"))
    used = set(re.findall(r"\b100[1-9]\d\b", settings))
    assert used
    assert used <= ports


def test_the_table_of_what_postfix_changes_has_each_message_of_the_test_with_postfix() -> None:
    table = PAGE.partition("### What Postfix itself changes")[2].partition("|---|---|\n")[2].partition("\n\n")[0]
    assert [line.split(" | ")[0].strip("| ") for line in table.splitlines()] == [message.name for message in CHANGED]
