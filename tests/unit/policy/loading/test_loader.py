import json
from pathlib import Path
from typing import Any

import pytest

from mailhooks.policy import PolicyError, load
from mailhooks.policy.loading.yaml_document import MAX_DEPTH, MAX_OCTETS, parse_document
from mailhooks.policy.rules.rule import VARIABLES
from tests.support.policies import load_error, make_policy, rule_error
from tests.support.tables import check_rows

TOP = """version: 1
rules:
  - name: One
    do: drop
"""


def deep(levels: int) -> dict[str, Any]:
    when: dict[str, Any] = {"direction": "inbound"}
    for _ in range(levels):
        when = {"not": when}
    return when


FILES = [
    ("", 1, "the file is empty"),
    ("# nothing\n", 1, "the file is empty"),
    ("[]", 1, "expected a policy: version, rules and more"),
    ("Hello", 1, "expected a policy: version, rules and more"),
    ("version: 1\n", 1, "rules: expected a list of rules"),
    ("version: 2\n" + TOP.partition("\n")[2], 1, "version: expected 1"),
    ("version: true\n" + TOP.partition("\n")[2], 1, "version: expected 1"),
    ("version: 1\nrules: []\n", 2, "rules: expected a list of rules, not empty"),
    ("version: 1\nrules: {a: b}\n", 2, "rules: expected a list of rules"),
    ("version: 1\nrules: [One]\n", 2, "rules/0: expected a rule"),
    (TOP + "rule: x\n", 5, "rule: unknown key; did you mean rules?"),
    (TOP + "Lists: x\n", 5, "Lists: unknown key; did you mean lists?"),
    (TOP + "organisation: {domains: [example.com]}\n", 5, "organisation: unknown key; did you mean organization?"),
    (TOP + "organization: {domain: [example.com]}\n", 5, "organization/domain: unknown key; did you mean domains?"),
    (TOP + "defaults:\n  on_eror: skip\n", 6, "defaults/on_eror: unknown key; did you mean on_error?"),
    (
        TOP + "defaults: {on_error: retyr}\n",
        5,
        "defaults/on_error: expected skip, apply or retry, got a string of 5 characters; did you mean retry?",
    ),
    (TOP + "colour: red\n", 5, "colour: expected no properties other than version"),
    (TOP + "    colour: red\n", 5, 'rule "One": colour: expected no properties other than name'),
    (TOP + "    when: {subjct: x}\n", 5, 'rule "One": when/subjct: unknown key; did you mean subject?'),
    (TOP + "    when:\n      any:\n        - subjct: x\n", 7, 'rule "One": when/any/0/subjct: unknown key; did you mean subject?'),
    (TOP + "    when: {body: {word: x}}\n", 5, 'rule "One": when/body/word: unknown key; did you mean words?'),
    (
        TOP + "    when: {attachment: {extensions: exe}}\n",
        5,
        'rule "One": when/attachment/extensions: unknown key; did you mean extension?',
    ),
    (TOP + "    when: {kind: calender}\n", 5, "characters; did you mean calendar?"),
    (TOP + "    when: {kind: [list, autoreply]}\n", 5, "characters; did you mean auto_reply?"),
    (TOP + "    when: {direction: inbund}\n", 5, "characters; did you mean inbound?"),
    (TOP + "    wenn: {}\n", 5, 'rule "One": wenn: unknown key; did you mean when?'),
    (TOP + "    when: {}\n", 5, 'rule "One": when: expected conditions by name, got an empty object'),
    (TOP + "    when:\n", 5, 'rule "One": when: expected conditions by name'),
    (TOP + "    when: {any: []}\n", 5, 'rule "One": when/any: expected a list of conditions'),
    (TOP + "    when:\n      direction: sideways\n", 6, 'rule "One": when/direction: expected inbound or outbound'),
    (TOP + "    when:\n      on_behalf: yes\n", 6, 'rule "One": when/on_behalf: expected true or false'),
    (TOP + "    when:\n      sender: []\n", 6, 'rule "One": when/sender: expected address patterns'),
    (TOP + "    stop: no\n", 5, 'rule "One": stop: expected true or false'),
    (TOP + "    enabled: 1\n", 5, 'rule "One": enabled: expected true or false'),
    (TOP + "    mode: test\n", 5, 'rule "One": mode: expected enforce or report'),
    (TOP + "  - do: drop\n", 5, "rules/1/name: expected a name"),
    (TOP + "  - name: Two\n", 5, 'rule "Two": do: expected deliver, drop'),
    (TOP + "  - name: Two\n    do: []\n", 6, 'rule "Two": do: expected deliver, drop'),
    (TOP + "  - name: Two\n    do: [drop, reject]\n", 6, 'rule "Two": do/1: expected deliver, drop'),
    (TOP + "  - name: Two\n    do: {bounce: x, count: y}\n", 6, 'rule "Two": do: expected deliver, drop'),
    (TOP + "  - name: Two\n    do: jnuk\n", 6, "got a string of 4 characters; did you mean junk?"),
    (TOP + "  - name: Two\n    do: [drop, delivr]\n", 6, "got a string of 6 characters; did you mean deliver?"),
    (TOP + "  - name: Two\n    do: {subject_tags: x}\n", 6, 'rule "Two": do/subject_tags: unknown key; did you mean subject_tag?'),
    (TOP + "  - name: Two\n    do:\n      - drop\n      - {Strip-Attachment: {}}\n", 8, "unknown key; did you mean strip_attachments?"),
    (TOP + "  - name: Two\n    do: {strip_attachments: {extension: [exe]}}\n", 6, "unknown key; did you mean extensions?"),
    (TOP + "  - name: Two\n    do: {explode: x}\n", 6, 'rule "Two": do/explode: expected no properties other than bounce'),
    (TOP + "  - name: " + "x" * 101 + "\n    do: drop\n", 5, "name: expected at most 100 characters, got 101"),
    (TOP + '  - name: "a\\nb"\n    do: drop\n', 5, "rules/1/name: expected a name of at most 100 characters on one line"),
    (TOP + "  - name: One\n    do: junk\n", 5, 'rule "One": name: expected a unique name'),
    (TOP + "time_zone: Mars/Base\n", 5, "time_zone: expected a time zone such as Europe/Berlin"),
    (TOP + "lists: {a b: [x]}\n", 5, "lists: expected a name of letters"),
    (TOP + "lists: {a: []}\n", 5, "lists/a: expected a list of texts, not empty"),
    (TOP + "lists: {a: x}\n", 5, "lists/a: expected a list of texts"),
    (TOP + "lists:\n  a:\n    - x\n    - 7\n", 8, "lists/a/1: expected a text"),
    (TOP + "lists:\n  a: [x, 'list:b']\n", 6, "lists/a/1: expected the name of a list under `lists`, got 'b'"),
    (TOP + "    when: {sender: 'list:partner'}\nlists: {partners: [x.example]}\n", 5, "got 'partner'; did you mean partners?"),
    (TOP + "organization: {domains: [a b]}\n", 5, "organization/domains/0: expected a domain"),
    (TOP + "organization: {domains: [example.com, 192.0.2.1]}\n", 5, "organization/domains/1: expected a domain"),
    (TOP + f"organization: {{domains: [{'x' * 64}.example]}}\n", 5, "organization/domains/0: expected a domain"),
    (TOP + "organization: {domains: [-a.example]}\n", 5, "organization/domains/0: expected a domain"),
    (TOP + "defaults: {mixed: some}\n", 5, "defaults/mixed: expected all or none"),
    (TOP + "version: 1\n", 5, "the key 'version' is here twice"),
    (TOP + "    when: {size: {over: 1}, size: {over: 2}}\n", 5, "the key 'size' is here twice"),
    (TOP + "    ? [a]\n    : b\n", 3, "expected a word as key"),
    (TOP + "    when: {recipient: *.example.com}\n", 5, "quote texts that begin with"),
    (TOP + "    when: {recipient: *}\n", 5, "quote texts that begin with"),
    (TOP + "    when: &x {direction: inbound}\n", 5, "anchors and aliases"),
    (TOP + "lists: {a: [!!python/object/apply:os.system [x]]}\n", 5, "tags (!) are not supported"),
    (TOP + "    when: {subject: !x y}\n", 5, "tags (!) are not supported"),
    (TOP + "---\nversion: 1\n", 6, "a policy is one document"),
    (TOP + "    when: {subject: [x\n", 6, "neither YAML nor JSON"),
    (TOP + "   when: x\n", 5, "neither YAML nor JSON"),
    (TOP + "x: '\ud800'\n", 0, "half of a surrogate pair"),
    (TOP + "x: '\0'\n", 5, "U+0000 is not allowed"),
    (TOP + "x: y\nz: '\x07'\n", 6, "U+0007 is not allowed"),
    ("version: 1\nrules:\n  - name: One\n    <<: {do: drop}\n", 4, "merges (<<) are not supported"),
    (TOP + "# " + "x" * MAX_OCTETS, 0, "a policy has at most 512 KB"),
    (TOP + "# " + "é" * (MAX_OCTETS // 2), 0, "a policy has at most 512 KB"),
    ('{"version": 1,\n"rules": [\n{"name": "One",\n"do": "dorp"}]}', 4, 'rule "One": do: expected deliver'),
    ('{"a": 1,\n"a": 2}', 2, "is here twice"),
    ("[" * 100_000, 1, "nested too deep"),
    ("{a: " * 100_000, 1, "nested too deep"),
    ("- " * 200_000, 1, "nested too deep"),
    ("\n".join(" " * level + "a:" for level in range(900)), MAX_DEPTH + 1, "nested too deep"),
]


def test_a_problem_of_a_file_names_line_rule_and_expected_value() -> None:
    def check(text: str, line: int, expected: str) -> None:
        error = load_error(text)
        assert error.lines()[0].startswith(f"policy:{line}: " if line else "policy: ")
        assert expected in error.lines()[0]

    check_rows(FILES, check)


def test_addresses_of_a_gateway_are_checked() -> None:
    def problem(**gateway: Any) -> str:
        return rule_error({}, organization={"gateway": {"authserv_ids": ["mx.example.net"], "addresses": ["192.0.2.1"]} | gateway})

    place = "organization/gateway/addresses/0: expected an IP address or a network"
    for address in ("mx.example.net", "192.0.2.1/24", "300.1.1.1", "::1/200"):
        assert place in problem(addresses=[address])
    assert "organization/gateway/authserv_ids" in problem(authserv_ids=[])
    assert "organization/gateway/authserv_ids/0: expected an identifier" in problem(authserv_ids=["a b"])
    assert "organization/gateway" in rule_error({}, organization={"gateway": {"authserv_ids": ["mx.example.net"]}})


RATE = {"more_than": 5, "minutes": 5}


INVALID_RULES = [
    ({"when": {"sender": "a*b@example.com"}}, "when/sender", "a pattern: mailbox@example.com"),
    ({"when": {"sender": "example+b.com"}}, "when/sender", "a pattern: mailbox@example.com"),
    ({"when": {"display_name": {"look_alikes": True}}}, "when/display_name", "own_people, equals, words, contains or regex"),
    ({"when": {"display_name": {"regex": "x", "look_alikes": True}}}, "when/display_name", "words or contains"),
    ({"when": {"display_name": {"words": "list:none"}}}, "when/display_name/words", "the name of a list"),
    ({"when": {"display_name": {"equals": ["list:none"]}}}, "when/display_name/equals/0", "the name of a list"),
    ({"when": {"sender": {"plus_addresses": True}}}, "when/sender", "patterns or regex"),
    ({"when": {"sender": {"patterns": ["x y"]}}}, "when/sender/patterns/0", "a pattern: mailbox@example.com"),
    ({"when": {"sender": ["list:none"]}}, "when/sender/0", "the name of a list under `lists`, got 'none'"),
    ({"when": {"subject": "list:none"}}, "when/subject", "the name of a list"),
    ({"when": {"any": [{"size": {"over": 1}}, {"body": {"words": ["x", "list:none"]}}]}}, "when/any/1/body/words/1", "name of a list"),
    ({"unless": {"all": [{"not": {"sender_in_group": "list:none"}}]}}, "unless/all/0/not/sender_in_group", "the name of a list"),
    ({"when": {"subject": {"regex": "(?=a)"}}}, "when/subject/regex", "no look-around"),
    ({"when": {"subject": {"regex": ["a", "(?<!a)b"]}}}, "when/subject/regex/1", "no look-around"),
    ({"when": {"body": {"regex": r"(a)\1"}}}, "when/body/regex", "no back-references"),
    ({"when": {"body": {"regex": "(a"}}}, "when/body/regex", "a regular expression in RE2's syntax"),
    ({"when": {"body": {"regex": r"\pL{900}"}}}, "when/body/regex", "too large"),
    ({"when": {"body": {"regex": "a{1001}"}}}, "when/body/regex", "invalid repetition size"),
    ({"when": {"recipient": {"regex": ["("]}}}, "when/recipient/regex/0", "a regular expression in RE2's syntax"),
    ({"when": {"sender_in_group": ["staff"]}}, "when/sender_in_group/0", "addresses of groups, or list:NAME, got 'staff'"),
    ({"when": {"authentication": {"spf": ["pass", "failed"]}}}, "when/authentication/spf/1", "one of disabled, fail"),
    ({"do": {"subject_tag": "[%%FromDomain%%]"}}, "do/subject_tag", "without variables, got %%FromDomain%%"),
    ({"do": {"headers": {"set": {"X-A": "%%Nope%%"}}}}, "do/headers/set/X-A", "without variables, got %%Nope%%"),
    ({"do": {"subject_tag": "%%From Name%%"}}, "do/subject_tag", "without variables, got %%From Name%%"),
    ({"do": {"subject_tag": "[%%FromDomain]"}}, "do/subject_tag", "without variables, got %%FromDomain"),
    ({"do": {"subject_tag": "FromName%%"}}, "do/subject_tag", "without variables, got FromName%%"),
    ({"do": {"headers": {"add": {"X-A": "by %%From Name%%"}}}}, "do/headers/add/X-A", "without variables, got %%From Name%%"),
    ({"do": {"headers": {"set": {"X-A": "1", "x-a": "2"}}}}, "do/headers/set", "each header field once"),
    ({"do": {"notify": {"sns": "arn:aws:sns:eu-west-1:1:t"}}}, "do/notify/sns", "the ARN of an SNS topic"),
    ({"do": {"notify": {"sns": "arn:aws:sns:eu-west-1:123456789012:t;x"}}}, "do/notify/sns", "the ARN of an SNS topic"),
    ({"do": {"notify": {"eventbridge": "my bus"}}}, "do/notify/eventbridge", "the name or ARN of an event bus"),
    ({"do": {"notify": {"eventbridge": "arn:aws:sns:eu-west-1:123456789012:t"}}}, "do/notify/eventbridge", "the name or ARN"),
    ({"do": {"notify": {"webhook": "https://x.example/", "secret": "a;b"}}}, "do/notify/secret", "the name or ARN of a secret"),
    ({"do": {"notify": {"webhook": "https://x.example/", "secret": "arn:aws:s3:::b"}}}, "do/notify/secret", "the name or ARN of a secret"),
    ({"do": {"notify": {"webhook": "https://[::1", "secret": "s"}}}, "do/notify/webhook", "an https: address"),
    ({"do": {"notify": {"webhook": "https://u:p@x.example/", "secret": "s"}}}, "do/notify/webhook", "an https: address"),
    ({"do": {"notify": {"webhook": "https://x.example:99999/", "secret": "s"}}}, "do/notify/webhook", "an https: address"),
    ({"when": {"attachment": [{"name": "a"}, {"name_regex": "*"}]}}, "when/attachment/1/name_regex", "a regular expression"),
    ({"when": {"header": [{"name": "X", "regex": "["}]}}, "when/header/0/regex", "a regular expression"),
    ({"when": {"header": {"name": "X", "words": "a", "present": True}}}, "when/header", "either present, or words"),
    ({"when": {"header": {"name": "X"}}}, "when/header", "with name one of present, words, contains, regex"),
    ({"when": {"header": [{"name": "X"}]}}, "when/header/0", "with name one of present, words, contains, regex"),
    ({"when": {"header": {"name": "X: Y", "present": True}}}, "when/header/name", "the name of a header field"),
    ({"when": {"header": {"name": "X-*", "present": True}}}, "when/header/name", "the whole name of one header field"),
    ({"when": {"header": [{"name": "X", "words": "a"}, {"name": "X-A;X-B", "words": "a"}]}}, "when/header/1/name", "one header field"),
    ({"when": {"header": {"name": "*", "words": "a"}}}, "when/header/name", "the whole name of one header field"),
    ({"when": {"header": {"name": "'X-A'", "words": "a"}}}, "when/header/name", "the whole name of one header field"),
    ({"when": {"header": {"name": "X-A,X-B", "present": False}}}, "when/header/name", "the whole name of one header field"),
    ({"when": {"subject": {"first_kb": 5}}}, "when/subject", "words, contains, regex, card_number or identifiers"),
    ({"when": {"body": {"regex": "x", "look_alikes": True}}}, "when/body", "words or contains in addition to look_alikes"),
    ({"when": {"header": {"name": "From", "look_alikes": True}}}, "when/header", "words, contains, regex, card_number or identifiers"),
    ({"when": {"body": {"identifiers": ["iban", "ssn"]}}}, "when/body/identifiers/1", "one of iban, us_ssn, de_tax_id"),
    ({"when": {"body": {"identifiers": []}}}, "when/body/identifiers", "one or more of iban, us_ssn"),
    ({"when": {"header": {"name": "A", "present": True, "card_number": True}}}, "when/header", "either present, or words"),
    ({"when": {"body": {"words": "x", "first_kb": 5000}}}, "when/body/first_kb", "a number of KB from 1 to 4096"),
    ({"when": {"subject": ["x", " "]}}, "when/subject/1", "words that are not only white space"),
    ({"when": {"attachment": {"in_archives": True}}}, "when/attachment", "a property of attachments in addition to in_archives"),
    ({"when": {"attachment": {"true_type": "x/y"}}}, "when/attachment/true_type", "a type of docs/attachments.md"),
    ({"when": {"attachment": {"extension": "tar.gz"}}}, "when/attachment/extension", ""),
    ({"when": {"attachment": [{"type": "application"}]}}, "when/attachment/0/type", ""),
    ({"when": {"size": {"over": "1 GB"}}}, "when/size/over", "a size"),
    ({"when": {"size": {"over": -1}}}, "when/size/over", "a size"),
    ({"when": {"recipient_count": {"over": 1.5}}}, "when/recipient_count/over", "a whole number"),
    ({"when": {"audience": []}}, "when/audience", "an audience: internal"),
    ({"when": {"kind": ["spam"]}}, "when/kind/0", "one of calendar"),
    ({"when": {"kind": "spam"}}, "when/kind", "types of message: calendar"),
    ({"when": {"importance": "urgent"}}, "when/importance", "importance: high, normal, low"),
    ({"when": {"audience": "everybody"}}, "when/audience", "an audience: internal"),
    ({"when": {"authentication": {"spf": "soft fail"}}}, "when/authentication/spf", "results such as pass or fail"),
    ({"do": {"notify": {"eventbridge": "a", "include": "body"}}}, "do/notify/include", "fields of the message: subject"),
    ({"when": {"authentication": {"bimi": "pass"}}}, "when/authentication/bimi", "no properties other than spf"),
    ({"when": {"time": {"zone": "Europe"}}}, "when/time", "a time zone such as Europe/Berlin"),
    ({"when": {"time": [{"days": "mon"}, {"zone": "../../etc/passwd"}]}}, "when/time/1", "a time zone such as Europe/Berlin"),
    ({"when": {"time": {"zone": "a\0b"}}}, "when/time", "a time zone such as Europe/Berlin"),
    ({"when": {"time": {"from": "9:00"}}}, "when/time/from", "a time of day"),
    ({"when": {"time": {"from": "24:00"}}}, "when/time/from", "a time of day"),
    ({"when": {"time": {"days": "monday"}}}, "when/time/days", "days of the week"),
    ({"active": {"from": "2026-02-30T00:00:00Z"}}, "active/from", "a date and time"),
    ({"active": {"from": "2026-02-03"}}, "active/from", "a date and time"),
    ({"active": {"until": "2026-02-03T00:00:00"}}, "active/until", "a date and time"),
    ({"active": {"from": "2026-02-03T00:00:00Z", "until": "2026-02-03T01:00:00+01:00"}}, "active/until", "until to be after from"),
    ({"when": {"any": [{"rate": RATE}]}}, "when/any", "expected rate directly under `when`"),
    ({"when": {"all": [{"any": [{"rate": RATE}]}]}}, "when/all", "expected rate directly under `when`"),
    ({"when": {"not": {"rate": RATE}}}, "when/not", "expected rate directly under `when`"),
    ({"when": {"not": {"not": {"rate": RATE}}}}, "when/not", "expected rate directly under `when`"),
    ({"unless": {"rate": RATE}}, "unless", "expected rate directly under `when`"),
    ({"unless": {"any": [{"rate": RATE}]}}, "unless", "expected rate directly under `when`"),
    ({"when": {"rate": RATE | {"per": "domain"}}}, "when/rate/per", "recipient, sender or pair"),
    ({"when": {"rate": {"minutes": 5}}}, "when/rate/more_than", "a number of messages"),
    ({"do": {"bounce": "%%Sender%%"}}, "do/bounce", "unknown variables: sender"),
    ({"do": ["drop", {"bounce": "%%Subject%% %%X%%"}]}, "do/1/bounce", "unknown variables: x"),
    ({"do": {"bounce": "x" * 2001}}, "do/bounce", "at most 2,000 characters, got 2,001"),
    ({"do": ["drop"] * 31}, "do", "at most 30 actions, got 31"),
    ({"when": {"sender": ["a.example"] * 5001}}, "when/sender", "at most 5,000 entries, got 5,001"),
    ({"when": {"subject": {"words": ["a"] * 5001}}}, "when/subject/words", "at most 5,000 entries, got 5,001"),
    ({"when": {"subject": ["x" * 2001]}}, "when/subject/0", "at most 2,000 characters, got 2,001"),
    ({"when": {"sender": "x" * 331}}, "when/sender", "a pattern"),
    ({"do": {"add_recipients": ["a@example.com"] * 501}}, "do/add_recipients", "at most 500 entries, got 501"),
    ({"do": {"disclaimer": {"text": "x" * 50_001}}}, "do/disclaimer/text", "at most 50,000 characters, got 50,001"),
    ({"do": {"archive": {"bucket": "my-bucket", "retain_days": 3}}}, "do/archive", "expected lock with retain_days"),
    ({"do": {"disclaimer": {"text": "%%Rule%%"}}}, "do/disclaimer", "unknown variables: rule"),
    ({"do": {"disclaimer": {"html": '<img src="cid:logo">'}}}, "do/disclaimer/html", "an image next to the template"),
    ({"do": {"disclaimer": {"position": "append"}}}, "do/disclaimer", "text or text_file, html or html_file"),
    ({"do": {"disclaimer": {"text": " "}}}, "do/disclaimer", "text or text_file, html or html_file"),
    ({"do": {"subject_tag": "  "}}, "do/subject_tag", "a tag"),
    ({"do": {"subject_tag": "a\nb"}}, "do/subject_tag", ""),
    ({"do": {"headers": {"set": {"Subject": "x"}}}}, "do/headers", ""),
    ({"do": {"headers": {"set": {"A b": "x"}}}}, "do/headers", ""),
    ({"do": {"headers": {"add": {"X-A": "x\r\nBcc: a@example.com"}}}}, "do/headers", ""),
    ({"do": {"headers": {"remove": ["list:none"]}}}, "do/headers/remove/0", "the name of a list"),
    ({"do": {"strip_attachments": {"in_archives": True}}}, "do/strip_attachments", "a property of attachments"),
    ({"do": {"strip_attachments": {"extensions": ["tar.gz"]}}}, "do/strip_attachments", ""),
    ({"do": {"add_recipients": "list:none"}}, "do/add_recipients", "the name of a list"),
    ({"do": {"add_recipients": "Ana <ana@example.com>"}}, "do/add_recipients", "mail addresses"),
    ({"do": {"add_recipients": "list:domains"}}, "do/add_recipients", "mail addresses, got 'example.com' in list \"domains\" (line 1)"),
    ({"do": {"remove_recipients": "x y"}}, "do/remove_recipients", "a pattern: mailbox@example.com"),
    ({"do": {"archive": {"prefix": "x"}}}, "do/archive/bucket", "the name of a bucket"),
    ({"do": {"archive": {"bucket": "my-bucket", "lock": "governance"}}}, "do/archive", "expected retain_days with lock"),
    ({"do": {"notify": {"include": "subject"}}}, "do/notify", "one of sns, eventbridge and webhook"),
    ({"do": {"notify": {"eventbridge": "a", "sns": "arn:aws:sns:x"}}}, "do/notify", "one of sns, eventbridge and webhook"),
    ({"do": {"notify": {"webhook": "https://example.com"}}}, "do/notify", "webhook and secret together"),
    ({"do": {"notify": {"eventbridge": "a", "secret": "s"}}}, "do/notify", ""),
    ({"do": {"notify": {"webhook": "http://example.com", "secret": "s"}}}, "do/notify/webhook", "an https: address"),
    ({"do": {"notify": {"webhook": "http://localhost.example.com", "secret": "s"}}}, "do/notify/webhook", "an https: address"),
    ({"do": {"notify": {"webhook": "http://localhost@example.com", "secret": "s"}}}, "do/notify/webhook", "an https: address"),
    ({"do": {"count": "a b"}}, "do/count", "the name of a metric"),
    ({"do": ["drop", {"count": "Messages"}]}, "do/1/count", "an unused metric name, got 'Messages': each message has"),
    ({"do": {"count": "VerdictDrop"}}, "do/count", "got 'VerdictDrop'"),
    ({"do": {"count": "direction"}}, "do/count", "got 'direction'"),
    ({"when": {"sender": "büch er.example"}}, "when/sender", "a pattern: mailbox@example.com"),
    ({"when": {"sender": "ü" * 70 + ".example"}}, "when/sender", "a pattern: mailbox@example.com"),
    ({"when": {"subject": ["x", "\u200b"]}}, "when/subject/1", "words that are not only white space"),
    ({"when": {"subject": {"contains": "\u00ad"}}}, "when/subject/contains", "words that are not only white space"),
    ({"when": {"recipient": "a@example.com"}, "do": {"subject_tag": "[X]"}}, "", "expected mixed: all or none"),
    ({"unless": {"recipient_scope": "internal"}, "do": {"headers": {"remove": "X"}}}, "", "expected mixed: all or none"),
    ({"when": {"any": [{"not": {"recipient": "*"}}]}, "do": [{"disclaimer": {"text": "x"}}]}, "", "expected mixed: all or none"),
    ({"when": {"rate": RATE}, "do": {"strip_attachments": {"extensions": "exe"}}}, "", "expected mixed: all or none"),
    ({"when": deep(MAX_DEPTH)}, "", "nested too deep"),
]


def test_a_problem_of_a_rule_names_the_rule_and_the_place() -> None:
    def check(rule: dict[str, Any], place: str, expected: str) -> None:
        line = rule_error(rule, lists={"domains": ["example.com", "a@example.com"]})
        named = "" if expected == "nested too deep" else 'rule "Rule": '
        assert line.startswith(f"policy:1: {named}{place + ': ' if place else ''}")
        assert expected in line
        assert not line.endswith(": ")

    check_rows(INVALID_RULES, check)


VALID_RULES = [
    {"when": {"any_recipient": "a@example.com", "audience": "mixed"}, "do": {"subject_tag": "[X]"}},
    {"when": {"recipient": "a@example.com"}, "do": {"subject_tag": "[X]"}, "mixed": "none"},
    {"when": {"recipient": "a@example.com"}, "do": ["drop", {"count": "X"}, {"archive": {"bucket": "my-bucket"}}]},
    {"when": {"rate": RATE | {"per": "sender"}}, "do": {"subject_tag": "[X]"}},
    {"when": {"subject": {"contains": " "}, "sender": ["*.BÜCHER.example", "ü@bu\u0308cher.example"]}, "do": {"count": "Verdicts"}},
    {"when": deep(MAX_DEPTH - 4), "do": "drop"},
]


def test_a_valid_rule_is_loaded() -> None:
    def check(rule: dict[str, Any]) -> None:
        assert make_policy(rule, defaults={}).rules[0].name == "rule 0"

    check_rows(VALID_RULES, check)


def test_an_error_has_the_name_of_the_file(tmp_path: Path):
    path = tmp_path / "company.yaml"
    path.write_text("version: 1\n", "utf-8")
    with pytest.raises(PolicyError, match=r"^company\.yaml:1: rules: expected"):
        load(path)
    path.write_bytes(TOP.replace("One", "Ü").encode("latin-1"))
    with pytest.raises(PolicyError, match=r"^company\.yaml: save it as UTF-8"):
        load(path)
    path.write_bytes(b"\xef\xbb\xbf" + TOP.encode())
    assert load(path).file == "company.yaml"
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.yaml")


def test_json_is_loaded_like_yaml():
    data = {"version": 1, "rules": [{"name": 'Ü\\ud83d\\ude00 😀 "/', "when": {"size": {"over": 1}}, "do": ["drop"]}]}
    for text in (json.dumps(data), json.dumps(data, indent="\t"), json.dumps(data, ensure_ascii=False, separators=(",", ":"))):
        assert load(text).rules[0].name == data["rules"][0]["name"]
        assert parse_document(text).data == data
    assert load(json.dumps(data)).digest == load(json.dumps(data, indent=4)).digest
    assert load(json.dumps(data)).digest != make_policy({"do": "drop"}).digest


def test_scalars_are_resolved_as_in_yaml_1_2():
    words = "no on Yes y 2026-01-31 12:30 0x1F 0o7 1_000 .inf << = 1.5.2".split()
    assert parse_document(f"[{', '.join(words)}]").data == words
    assert parse_document("['1', \"true\", '~', \"\"]").data == ["1", "true", "~", ""]
    numbers = parse_document("[7, -7, +7, 007, 1.5, 1e3, .5, 1.]").data
    assert numbers == [7, -7, 7, 7, 1.5, 1000, 0.5, 1]
    assert [type(number) for number in numbers] == [int, int, int, int, float, int, float, int]
    assert parse_document("[true, False, null, ~]").data == [True, False, None, None]
    assert parse_document("a:\nb: ''\nc: |\n  no\n  7\n").data == {"a": None, "b": "", "c": "no\n7\n"}
    assert parse_document("no: 1\n7: 2\n~: 3").data == {"no": 1, "7": 2, "~": 3}


def test_on_no_and_dates_are_texts():
    policy = load("version: 1\nrules:\n  - {name: on, when: {subject: [no, on, 2026-01-31]}, do: drop}\n")
    assert policy.rules[0].name == "on"


def test_a_bounce_text_may_have_every_variable():
    assert make_policy({"do": {"bounce": " ".join(f"%%{name.upper()}%%" for name in VARIABLES)}})


def test_a_policy_has_at_most_2000_rules_and_half_a_megabyte():
    rule = "  - {name: r%d, when: {sender: [a@example.com]}, do: drop}\n"
    assert len(load("version: 1\nrules:\n" + "".join(rule % n for n in range(2000))).rules) == 2000
    assert (
        "rules: expected at most 2,000 rules, got 2,001"
        in load_error("version: 1\nrules:\n" + "".join(rule % n for n in range(2001))).lines()[0]
    )
    assert "at most 512 KB" in load_error("version: 1\nrules:\n" + "".join(rule % n for n in range(20_000))).lines()[0]
