import doctest
import json
import re
from pathlib import Path

import pytest

from mail_gateway.toml_reader import ConfigurationError
from mailhooks.contract import FlowDirection
from workmail_local.config import configuration
from workmail_local.config.configuration import SAMPLE_FILE, Configuration, load_configuration
from workmail_local.config.functions import ROOT, read_settings
from workmail_local.config.gateways import Gateway
from workmail_local.rules.matching import match_rules
from workmail_local.rules.rule import RuleAction

ORGANIZATION = '[organization]\ndomains = ["example.com", "bücher.example"]\n'
RULE = '[[rules]]\nname = "A"\ndirection = "inbound"\naction = "drop"\nsenders = ["*"]\n'
LAMBDA = '[[rules]]\nname = "L"\ndirection = "inbound"\naction = "lambda"\nsenders = ["*"]\nfunction = "mailflow"\n'


GATEWAY = '[[gateways]]\nname = "relay"\nport = 2525\n'
GATEWAY_RULE = RULE.replace("inbound", "outbound").replace("drop", "smtp-gateway") + 'gateway = "relay"\n'


def test_the_example_in_the_docstring_is_correct() -> None:
    assert doctest.testmod(configuration).failed == 0


def load_error(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(text)
    return caught.value


def write_toml(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_default_has_an_organization_rules_of_each_kind_and_functions_of_this_project() -> None:
    found = load_configuration(SAMPLE_FILE)
    assert found.domains == ("example.com",)
    assert found.mailboxes("team@example.com") == ("ana@example.com", "ben@example.com", "cem@example.com")
    assert {rule.direction for rule in found.rules} == set(FlowDirection)
    assert {rule.synchronous for rule in found.rules if rule.function} == {True, False}
    assert {"mailflow", "disclaimer", "observe"} <= found.functions.keys()
    assert len({rule.action for rule in found.rules}) == 6


def test_the_example_of_the_documentation_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    [text] = re.findall(r"<!-- tested: workmail.toml -->\n```toml\n(.*?)```", page, re.DOTALL)
    found = load_configuration(write_toml(tmp_path, text))
    assert found.functions["mailflow"].variables({})["LOG_ADDRESSES"] == "true"
    assert found.functions["mailflow"].variables({})["POLICY"] == "policy.yaml"
    assert found.functions["stamp"].variables({"REWRITE_BUCKET": "b"}) == {"BUCKET": "b"}
    assert (found.functions["stamp"].endpoint_name, found.functions["stamp"].path) == ("StampFunction", None)
    to = ["team@example.com", "ana@example.com"]
    names = [
        each.rule and each.rule.name
        for each in match_rules(found.rules, FlowDirection.INBOUND, author="x@example.net", sender="", recipients=to)
    ]
    assert names == ["Offers", "Inbound mail"]


def test_only_domains_are_required() -> None:
    found = load_configuration('organization = { domains = ["Example.COM"] }')
    assert found == Configuration("workmail.toml", found.organization_id, ("example.com",), found.directory)
    assert (found.rules, dict(found.functions), found.availability, found.buckets, found.history) == ((), {}, "", (), 10_000)


def test_a_rule_has_the_values_of_its_table() -> None:
    [rule] = load_configuration(ORGANIZATION + LAMBDA + 'fallback = "MOVE_TO_JUNK"\ntimeout-minutes = 240\n').rules
    assert (rule.name, rule.direction, rule.function, rule.synchronous) == ("L", "INBOUND", "mailflow", True)
    assert (rule.fallback, rule.timeout_minutes, rule.recipients) == (RuleAction.JUNK, 240, ("*",))


def test_a_rule_routes_to_a_gateway_by_its_action_or_its_fallback() -> None:
    fallback = LAMBDA.replace("inbound", "outbound") + 'fallback = "smtp-gateway"\ngateway = "relay"\n'
    found = load_configuration(ORGANIZATION + GATEWAY + 'host = "::1"\n' + GATEWAY_RULE + fallback)
    assert [(rule.action, rule.fallback, rule.gateway) for rule in found.rules] == [
        (RuleAction.GATEWAY, RuleAction.DEFAULT, "relay"),
        (RuleAction.LAMBDA, RuleAction.GATEWAY, "relay"),
    ]
    assert found.gateways == {"relay": Gateway("relay", "::1", 2525)}
    assert "secret" not in repr(Gateway("relay", "::1", 2525, "user", "secret"))


def test_without_users_every_address_of_the_domains_has_a_mailbox() -> None:
    found = load_configuration(ORGANIZATION + '[[groups]]\naddress = "all@example.com"\nmembers = ["ana@example.com", "ALL@example.com"]\n')
    assert found.mailboxes("Any.Body@Example.com") == ("any.body@example.com",)
    assert found.mailboxes("x@BÜCHER.example") == ("x@xn--bcher-kva.example",)
    assert found.mailboxes("all@example.com") == ("ana@example.com",)
    assert [found.mailboxes(address) for address in ("a@example.net", "a@mail.example.com", "@example.com", "", "example.com")] == [()] * 5


def test_with_users_only_they_have_mailboxes_and_groups_are_expanded() -> None:
    found = load_configuration(
        ORGANIZATION
        + '[[users]]\naddress = "Ana@example.com"\nname = "Ana Silva"\naliases = ["a@example.com"]\n'
        + '[[users]]\naddress = "ben@example.com"\n'
        + '[[groups]]\naddress = "one@example.com"\nmembers = ["a@example.com", "two@example.com"]\n'
        + '[[groups]]\naddress = "two@example.com"\nmembers = ["one@example.com", "ben@example.com", "ANA@example.com"]\n'
        + 'aliases = ["zwei@example.com"]\n'
    )
    assert [user.name for user in found.directory.users] == ["Ana Silva", ""]
    assert found.mailboxes("A@example.com") == ("ana@example.com",)
    assert found.mailboxes("one@example.com") == ("ana@example.com", "ben@example.com")
    assert found.mailboxes("zwei@example.com") == ("ana@example.com", "ben@example.com")
    assert found.mailboxes("cem@example.com") == ()
    assert (found.owns("cem@example.com"), found.owns("cem@example.net"), found.owns("cem@xn--bcher-kva.example")) == (True, False, True)


def test_a_function_of_this_project_needs_no_table() -> None:
    function = load_configuration(ORGANIZATION + LAMBDA).functions["mailflow"]
    assert function.path == ROOT / "functions" / "mailflow"
    assert function.environment == read_settings(ROOT / "events" / "env.json")["MailflowFunction"]
    assert (function.handler, function.timeout_s) == ("app.handler", 14.0)


def test_the_availability_function_needs_no_table() -> None:
    found = load_configuration(ORGANIZATION + '[availability]\nfunction = "availability"\n')
    assert (found.availability, found.functions["availability"].timeout_s) == ("availability", 24.0)


def test_a_functions_path_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "hook.py").write_text("")
    (tmp_path / "env.json").write_text(json.dumps({"Parameters": {"A": "1", "B": "1"}, "Mine": {"B": "2", "C": "2"}}))
    mine = (
        'path = "code/hook.py"\nenvironment-file = "env.json"\nenvironment-name = "Mine"\nenvironment = { C = "3", D = "" }\n'
        "timeout-seconds = 7\nmemory-mb = 128\n"
    )
    folder = 'path = "code"\nhandler = "hook.run"\n[functions.mailflow]\npath = "code"\n'
    functions = load_configuration(write_toml(tmp_path, f"{ORGANIZATION}[functions.mine]\n{mine}[functions.folder]\n{folder}")).functions
    hook = functions["mine"]
    assert (hook.path, hook.handler, hook.timeout_s, hook.memory_mb) == (tmp_path.resolve() / "code/hook.py", "hook.handler", 7.0, 128)
    assert hook.environment == {"A": "1", "B": "2", "C": "3", "D": ""}
    assert (functions["folder"].handler, functions["folder"].environment) == ("hook.run", {})
    # The path differs from that of the function of this name in this project.
    assert functions["mailflow"].environment == {}


def test_references_to_server_variables_are_replaced() -> None:
    environment = 'A = "s3://${REWRITE_BUCKET}/${AWS_REGION}"\nB = "$${REWRITE_BUCKET} $HOME $$ ${"\n'
    function = load_configuration(f'{ORGANIZATION}[functions.x]\nlambda-name = "X"\n[functions.x.environment]\n{environment}').functions[
        "x"
    ]
    servers = {"REWRITE_BUCKET": "b", "AWS_REGION": "us-east-1"}
    assert function.variables(servers) == {"A": "s3://b/us-east-1", "B": "${REWRITE_BUCKET} $HOME $$ ${"}
    with pytest.raises(ConfigurationError, match=r'^function "x": environment: A: expected one of AWS_REGION, found \$\{REWRITE_BUCKET\}$'):
        function.variables({"AWS_REGION": "us-east-1"})


def test_an_error_has_file_line_table_key_and_the_found_and_expected_values(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(write_toml(tmp_path, ORGANIZATION + RULE + RULE.replace('"A"', '"B"').replace("drop", "delete")))
    error = caught.value
    assert (error.file, error.line, error.place, error.key, error.found) == ("mine.toml", 11, 'rule "B"', "action", "'delete'")
    assert str(error).startswith('mine.toml:11: rule "B": action: expected one of drop, bounce, move-to-junk, ')


INVALID = {
    "no TOML": ("[organization\n", 1, "", ""),
    "brackets without end": ("x = " + "[" * 100_000, 0, "", ""),
    "a name that a terminal would act on": (ORGANIZATION + RULE.replace('"A"', '"\\u001b"') + "x = 1\n", 8, 'rule "\x1b"', "x"),
    "nothing": ("", 0, "[organization]", "domains"),
    "an unknown table": (ORGANIZATION + "[[rulez]]\n", 3, "", "rulez"),
    "an unknown key": (ORGANIZATION + RULE + "sender = 1\n", 8, 'rule "A"', "sender"),
    "a table that is a value": (ORGANIZATION + "[rules]\n", 3, "", "rules"),
    "a list of other things than tables": ("rules = [1]\n" + ORGANIZATION, 1, "", "rules"),
    "no domain": ("[organization]\ndomains = []\n", 2, "[organization]", "domains"),
    "a domain that is none": ('[organization]\ndomains = ["*.example.com"]\n', 2, "[organization]", "domains"),
    "an IP address": ('[organization]\ndomains = ["192.0.2.1"]\n', 2, "[organization]", "domains"),
    "a long label": (f'[organization]\ndomains = ["{"x" * 64}.example"]\n', 2, "[organization]", "domains"),
    "a domain twice": ('[organization]\ndomains = ["bücher.example", "XN--bcher-kva.example"]\n', 2, "[organization]", "domains"),
    "another id": (ORGANIZATION + 'id = "m-1"\n', 3, "[organization]", "id"),
    "a number for a string": (ORGANIZATION + "id = 1\n", 3, "[organization]", "id"),
    "a string for a list": ('[organization]\ndomains = "example.com"\n', 2, "[organization]", "domains"),
    "a list with a number": ("[organization]\ndomains = [1]\n", 2, "[organization]", "domains"),
    "true for a number": (ORGANIZATION + LAMBDA + "timeout-minutes = true\n", 9, 'rule "L"', "timeout-minutes"),
    "a rule without a name": (ORGANIZATION + '[[rules]]\naction = "drop"\n', 3, "[[rules]] 1", "name"),
    "a rule without senders": (ORGANIZATION + RULE.replace("senders", "recipients"), 3, 'rule "A"', "senders"),
    "a name twice": (ORGANIZATION + RULE + RULE, 9, 'rule "A"', "name"),
    "a pattern with plus": (ORGANIZATION + RULE.replace("*", "a+b@example.com"), 7, 'rule "A"', "senders"),
    "another direction": (ORGANIZATION + RULE.replace("inbound", "sideways"), 5, 'rule "A"', "direction"),
    "an action of the other direction": (ORGANIZATION + RULE.replace("drop", "smtp-gateway"), 6, 'rule "A"', "action"),
    "a function that is not there": (ORGANIZATION + LAMBDA.replace("mailflow", "nothing"), 8, 'rule "L"', "function"),
    "a function outside of functions/": (ORGANIZATION + LAMBDA.replace("mailflow", "../local"), 8, 'rule "L"', "function"),
    "no function": (ORGANIZATION + RULE.replace("drop", "lambda"), 3, 'rule "A"', "function"),
    "a function that no action runs": (ORGANIZATION + RULE + 'function = "mailflow"\n', 8, 'rule "A"', "function"),
    "a fallback that is another function": (ORGANIZATION + LAMBDA + 'fallback = "lambda"\n', 9, 'rule "L"', "fallback"),
    "a fallback of the other direction": (
        ORGANIZATION + LAMBDA.replace("inbound", "outbound") + 'fallback = "move-to-junk"\n',
        9,
        'rule "L"',
        "fallback",
    ),
    "a fallback of a rule that does not wait": (
        ORGANIZATION + LAMBDA + 'synchronous = false\nfallback = "drop"\n',
        10,
        'rule "L"',
        "fallback",
    ),
    "a gateway that is not there": (ORGANIZATION + GATEWAY_RULE, 8, 'rule "A"', "gateway"),
    "a gateway that no action uses": (ORGANIZATION + GATEWAY + RULE + 'gateway = "relay"\n', 11, 'rule "A"', "gateway"),
    "a gateway twice": (ORGANIZATION + GATEWAY + GATEWAY, 7, 'gateway "relay"', "name"),
    "a gateway without a port": (ORGANIZATION + GATEWAY.replace("port = 2525\n", ""), 3, 'gateway "relay"', "port"),
    "a gateway with port 0": (ORGANIZATION + GATEWAY.replace("2525", "0"), 5, 'gateway "relay"', "port"),
    "a gateway on another machine": (ORGANIZATION + GATEWAY + 'host = "mail.example.com"\n', 6, 'gateway "relay"', "host"),
    "a gateway at another address": (ORGANIZATION + GATEWAY + 'host = "192.0.2.1"\n', 6, 'gateway "relay"', "host"),
    "a gateway with a user alone": (ORGANIZATION + GATEWAY + 'user = "u"\n', 3, 'gateway "relay"', "password"),
    "a gateway with a password alone": (ORGANIZATION + GATEWAY + 'password = "p"\n', 3, 'gateway "relay"', "user"),
    "a timeout of over four hours": (ORGANIZATION + LAMBDA + "timeout-minutes = 241\n", 9, 'rule "L"', "timeout-minutes"),
    "recipients of a rule that waits": (ORGANIZATION + LAMBDA + 'recipients = ["example.com"]\n', 9, 'rule "L"', "recipients"),
    "an address of another domain": (ORGANIZATION + '[[users]]\naddress = "a@example.net"\n', 4, 'user "a@example.net"', "address"),
    "an address that is none": (ORGANIZATION + '[[users]]\naddress = "a b@example.com"\n', 4, 'user "a b@example.com"', "address"),
    "an address twice": (
        ORGANIZATION + '[[users]]\naddress = "a@example.com"\n[[groups]]\naddress = "A@example.com"\n',
        6,
        'group "A@example.com"',
        "address",
    ),
    "an alias twice": (
        ORGANIZATION + '[[users]]\naddress = "a@example.com"\naliases = ["A@example.com"]\n',
        5,
        'user "a@example.com"',
        "aliases",
    ),
    "a member that is not there": (
        ORGANIZATION + '[[users]]\naddress = "a@example.com"\n[[groups]]\naddress = "g@example.com"\nmembers = ["b@example.com"]\n',
        7,
        'group "g@example.com"',
        "members",
    ),
    "a member elsewhere": (
        ORGANIZATION + '[[groups]]\naddress = "g@example.com"\nmembers = ["b@example.net"]\n',
        5,
        'group "g@example.com"',
        "members",
    ),
    "a function without code": (ORGANIZATION + "[functions.x]\nmemory-mb = 128\n", 3, 'function "x"', "path"),
    "a function's path to nothing": (ORGANIZATION + '[functions.x]\npath = "not-there"\n', 4, 'function "x"', "path"),
    "a function's other name": (ORGANIZATION + '[functions."a b"]\n', 3, 'function "a b"', ""),
    "a handler that is none": (ORGANIZATION + '[functions.x]\npath = "."\nhandler = "app"\n', 5, 'function "x"', "handler"),
    "a variable that is a number": (
        ORGANIZATION + '[functions.x]\nlambda-name = "x"\nenvironment = { A = 1 }\n',
        5,
        "[functions.x.environment]",
        "A",
    ),
    "a variable's other name": (
        ORGANIZATION + '[functions.mailflow.environment]\n"A B" = "1"\n',
        4,
        "[functions.mailflow.environment]",
        "A B",
    ),
    "a variable with NUL": (ORGANIZATION + '[functions.mailflow.environment]\nA = "\\u0000"\n', 4, "[functions.mailflow.environment]", "A"),
    "a name in no file": (ORGANIZATION + '[functions.mailflow]\nenvironment-name = "X"\n', 4, 'function "mailflow"', "environment-name"),
    "a file of variables that is not there": (
        ORGANIZATION + '[functions.mailflow]\nenvironment-file = "none.json"\nenvironment-name = "X"\n',
        4,
        'function "mailflow"',
        "environment-file",
    ),
    "too little memory": (ORGANIZATION + "[functions.mailflow]\nmemory-mb = 64\n", 4, 'function "mailflow"', "memory-mb"),
    "an availability function that is not there": (ORGANIZATION + '[availability]\nfunction = "x"\n', 4, "[availability]", "function"),
    "a bucket with a dot": (ORGANIZATION + '[storage]\nbuckets = ["a.b.c"]\n', 4, "[storage]", "buckets"),
    "a bucket twice": (ORGANIZATION + '[storage]\nbuckets = ["abc", "abc"]\n', 4, "[storage]", "buckets"),
    "a name with a path": (ORGANIZATION + '[web]\nallow-hosts = ["a.example.com", "b/c"]\n', 4, "[web]", "allow-hosts"),
    "a wild name": (ORGANIZATION + '[web]\nallow-hosts = ["*"]\n', 4, "[web]", "allow-hosts"),
    "a URL": (ORGANIZATION + '[web]\nallow-hosts = ["http://mail.example.com/"]\n', 4, "[web]", "allow-hosts"),
    "a port that no server has": (ORGANIZATION + '[web]\nallow-hosts = ["mail.example.com:65536"]\n', 4, "[web]", "allow-hosts"),
    "a path without a slash": (ORGANIZATION + '[web]\npath = "mail"\n', 4, "[web]", "path"),
    "a path that climbs": (ORGANIZATION + '[web]\npath = "/mail/../"\n', 4, "[web]", "path"),
    "no history": (ORGANIZATION + "[history]\nkeep = 0\n", 4, "[history]", "keep"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_value_is_rejected_with_its_place(name: str) -> None:
    text, line, place, key = INVALID[name]
    error = load_error(text)
    assert (error.line, error.place, error.key) == (line, place, key), str(error)
    assert "expected " in str(error)
    assert str(error).isprintable()


def test_too_many_patterns_in_all_rules_are_rejected() -> None:
    patterns = json.dumps([f"a{number}@example.net" for number in range(250)])
    rules = [RULE.replace('["*"]', patterns).replace('"A"', f'"{number}"') for number in range(4)]
    assert len(load_configuration(ORGANIZATION + "".join(rules)).rules) == 4
    assert load_error(ORGANIZATION + "".join(rules) + RULE).expected == "at most 1,000 sender patterns in all rules together"


def test_an_unknown_name_in_the_environment_file_is_rejected_with_the_known_names(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text('{"Mine": {}}')
    text = f'{ORGANIZATION}[functions.mailflow]\nenvironment-file = "env.json"\nenvironment-name = "Yours"\n'
    with pytest.raises(ConfigurationError, match=r"mine.toml:5: .*environment-name: expected one of Mine, found 'Yours'"):
        load_configuration(write_toml(tmp_path, text))


def test_a_file_is_utf_8_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(ORGANIZATION.encode("utf-8-sig"))
    assert load_configuration(path).domains == ("example.com", "xn--bcher-kva.example")
    path.write_bytes(ORGANIZATION.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"^mine.toml: expected a file in UTF-8, found other bytes$"):
        load_configuration(path)
