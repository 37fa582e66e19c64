from dataclasses import fields

import pytest

from mailhooks.aws.message_flow import MessageFlow
from mailhooks.core.evaluator import PolicyEvaluator
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.bounce import BounceHook
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from mailhooks.hooks.functions.rewrite import RewriteHook
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.mailbox_export.settings import ExportSettings
from mailhooks.policy.errors import PolicyError
from mailhooks.push.settings import PushSettings
from mailhooks.ses.settings import SesSettings
from mailhooks.settings import OnError, Settings


def test_missing_and_empty_variables_give_the_defaults():
    names = ["ORGANIZATION_DOMAINS", "ON_ERROR", "LOG_ADDRESSES", "XRAY_TRACING", "STRIP_TYPES", "BOUNCE_RULES", "POWERTOOLS_SERVICE_NAME"]
    assert Settings.from_env({}) == Settings() == Settings.from_env(dict.fromkeys(names, " "))


def test_each_variable_is_read():
    settings = Settings.from_env(
        {
            "ORGANIZATION_DOMAINS": "Example.com, example.net,",
            "ON_ERROR": "Retry",
            "LOG_ADDRESSES": "TRUE",
            "XRAY_TRACING": "true",
            "POWERTOOLS_SERVICE_NAME": "mail",
            "POWERTOOLS_METRICS_NAMESPACE": "Mail",
            "REWRITE_BUCKET": "bucket",
            "SUBJECT_TAG": " [X] ",
            "BOUNCE_RULES": '[{"action": "DROP"}]',
        }
    )
    assert settings == Settings(
        organization_domains=frozenset({"example.com", "example.net"}),
        on_error=OnError.RETRY,
        log_addresses=True,
        xray_tracing=True,
        service="mail",
        metrics_namespace="Mail",
        rewrite_bucket="bucket",
        subject_tag="[X]",
        bounce_rules='[{"action": "DROP"}]',
    )


def test_domains_are_stored_with_a_labels():
    assert Settings.from_env({"ORGANIZATION_DOMAINS": "Bücher.example, XN--MNCHEN-3YA.example"}).organization_domains == {
        "xn--bcher-kva.example",
        "xn--mnchen-3ya.example",
    }


BOOLEANS = ("yes", "1", "on", "0", "no", "truee", "'true'", "[true]", "true,false", "null")
TEMPLATES = (
    "%%From Name%%", "%%FromName", "FromName%%", "%%Name%%", "%%%%", "%%From-Name%%", "%%1%%", "100%% sure", "%%FromName%%, %%Title%%",
    "a\x01b",
)  # fmt: skip

TABLES = ("a", "a b", "table/name", "arn:aws:s3:::bucket", "x" * 256, "tab,le", "'table'", "[table]", "table*", "tâble")

URLS = (
    "http:", "push.example.com", "//push.example.com", "ftp://a.example", "https:///a", "https://a b/", "'https://a/'", "a", "https",
    "[]",
)  # fmt: skip

MAILBOXES = (
    "hold", "@example.com", "hold@", "hold@example", "Hold <hold@example.com>", "<hold@example.com>", "a@example.com,b@example.com",
    "hold@example.com\nBcc: x@example.com", "höld@example.com", "hold @example.com",
)  # fmt: skip
FIELDS = ("yes", "X-Spam", "Subject: a", "X-Spam:", "X Spam: a", "X-Spam: é", "X-A: b\nX-B: c", ": a", "X-: a", "true")
BAD_VALUES: dict[str, tuple[str, ...]] = {
    "ORGANIZATION_DOMAINS": (
        "a.example;b.example", "@a.example", "a.example b.example", "*.a.example", "user@a.example", "example", "a..example", ".example",
        "https://a.example", "192.0.2.1",
    ),
    "ON_ERROR": ("ignore", "fail", "bounce", "true", "deliver,retry", "'retry'", "[retry]", "retries", "raise", "0"),
    "LOG_ADDRESSES": BOOLEANS,
    "LOG_DECISION": BOOLEANS,
    "LOG_EXCEPTIONS": ("Text", "none", "all", "kind,text", "'text'", "true", "[text]", "trace", "0", "kinds"),
    "LOG_SMTP_MESSAGE_ID": ("Whole", "none", "sha256", "digest,whole", "'whole'", "true", "[whole]", "message-id", "0", "all"),
    "POWERTOOLS_LOG_LEVEL": ("LOUD", "10", "INFO,DEBUG", "verbose", "'INFO'", "[INFO]", "true", "off", "level", "*"),
    "POWERTOOLS_SERVICE_NAME": ("a\nb", "é", "a\tb", "a\x00b", "名前", "x" * 256, "a\x7fb", "\u200bmail", "mail\u00a0hooks", "“mail”"),
    "POWERTOOLS_METRICS_NAMESPACE": ("AWS/Lambda", ":a", "é", "a,b", "a;b", "x" * 256, "a\nb", "a*b", "'a'", "[a]"),
    "XRAY_TRACING": BOOLEANS,
    "REWRITE_BUCKET": (
        "a", "a.b.example", "Bucket", "s3://bucket", "bucket/key", "b_c", "bucket,other", "'bucket'", "arn:aws:s3:::bucket", "x" * 64,
    ),
    "SUBJECT_TAG": (
        "x" * 61, "[A]\n[B]", "[A]\x00[B]", "[A]\r[B]", "a\u2028b", "a\x7fb", "%%FromName%%", "[%%Subject%%]", "a\tb", "a\x85b",
    ),
    "TLS_ROOTS": ("Amazon", "none", "all,amazon", "/etc/ssl/certs", "'all'", "true", "[all]", "amazon.pem", "0", "aws"),
    "AWS_CLIENT": ("Light", "boto", "botocore", "light,boto3", "'light'", "true", "[light]", "none", "0", "aws"),
    "BOUNCE_RULES": (
        "BOUNCE", "{}", '[{"action": "REJECT"}]', '[{"action": "DROP", "action": "BOUNCE"}]', '[{"senders": ["*"]}]', "[1]",
        '[{"action": "DROP", "senders": ["a+b@example.com"]}]', '[{"action": "MOVE_TO_INBOX"}]', '[{"action": "DROP", "sender": ["*"]}]',
        "[",
    ),
    "DISCLAIMER_TEXT": TEMPLATES,
    "POLICY": (
        "s3://bucket", "s3://Bucket/key", "s3:bucket/key", "S3://bucket/key", "ssm:", "ssm:/a b", "appconfig:a/b",
        "https://a.example/policy.yaml",
        "arn:aws:s3:::bucket/key", "none.yaml",
    ),
    "POLICY_MAX_AGE": ("-5", "5 minutes", "1e3", "3_00", "300s", "1.5", "0x10", "never", "+5", "\u0663"),
    "RATES_TABLE": TABLES,
    "HOLDS_TABLE": TABLES,
    "APPROVAL_URL": (
        "http://a.example/", "a.example", "ftp://a.example", "https:a", "https://", "https://a b", "https://é.example", "true", "'https://a'",
        "http://127.0.0.1.example/",
    ),
    "APPROVAL_SECRET": ("a b", "a;b", "a,b", "'a'", "[a]", "{}", "a\nb", "é", "a*", "a?b"),
    "APPROVAL_SENDER": (
        "hold", "@example.com", "hold@", "hold@example", "Hold <hold@example.com>", "<hold@example.com>", "a@example.com,b@example.com",
        "hold@example.com\nBcc: x@example.com", "höld@example.com", "hold @example.com",
    ),
    "POLICY_DIRECTORY": BOOLEANS,
    "ORGANIZATION_ID": (
        "m-1", "0" * 32, f"m-{'g' * 32}", f"M-{'0' * 32}", f"m-{'0' * 33}", "example", "d-1234567890", "*", f"'m-{'0' * 32}'", "alias",
    ),
    "AVAILABILITY_SECRET": ("a b", "a;b", "a,b", "'a'", "[a]", "{}", "a\nb", "é", "a*", "a?b"),
    "EXPORT_BUCKET": ("a", "Bucket", "a b", "bucket/key", "s3://bucket", "arn:aws:s3:::bucket", "x" * 64, "-ab", "büro", "a,b"),
    "EXPORT_ROLE": (
        "export", "role/export", "arn:aws:iam::123456789012:user/a", "arn:aws:iam::1:role/a", "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam:::role/a", "arn:aws:sts::123456789012:role/a", "arn:aws:iam::123456789012:role/a b", "a@example.com", "*",
    ),
    "EXPORT_KEY": (
        "1234abcd", "alias/a", "key/a", "arn:aws:kms:eu-west-1:123456789012:alias/a", "arn:aws:kms:eu-west-1:123456789012:key/*",
        "arn:aws:kms::123456789012:key/a", "arn:aws:kms:eu-west-1:1:key/a", "arn:aws:s3:eu-west-1:123456789012:key/a", "a b", "*",
    ),
    "REPORT_TOPIC": (
        "topic", "a@example.com", "arn:aws:sqs:eu-west-1:123456789012:a", "arn:aws:sns:eu-west-1:123456789012:*", "*", "a b",
        "arn:aws:sns::123456789012:a", "arn:aws:sns:eu-west-1:1:a", "arn:aws:sns:eu-west-1:123456789012:a/b", "https://example.com",
    ),
    "PUSH_URL": URLS,
    "PUSH_EWS_URL": URLS,
    "PUSH_SECRET": ("a b", "a;b", "a,b", "'a'", "[a]", "{}", "a\nb", "é", "a*", "a?b"),
    "PUSH_SUBSCRIPTIONS_TABLE": TABLES,
    "PUSH_EVENTS_TABLE": TABLES,
    "PUSH_EVENT_BUS": (
        "a b", "bus,other", "'bus'", "[bus]", "bus*", "büs", "x" * 257, "arn:aws:sns:eu-west-1:123456789012:a", "a:b",
        "arn:aws:events:eu-west-1:123456789012:rule/a",
    ),
    "PUSH_CONFIG": (
        "s3://bucket", "s3://Bucket/key", "s3:bucket/key", "ssm:", "ssm:/a b", "https://a.example/push.json", "arn:aws:s3:::bucket/key",
        "push.yaml", "../push.json", "push",
    ),
    "PUSH_IMPERSONATION_ROLE": ("a b", "a,b", "'a'", "[a]", "a*", "é", "x" * 65, "arn:aws:iam::123456789012:role/a", "a/b", "{}"),
    "MAIL_BUCKET": ("a", "Bucket", "a b", "bucket/key", "s3://bucket", "arn:aws:s3:::bucket", "x" * 64, "-ab", "büro", "a,b"),
    "MAIL_PREFIX": ("a b", "é", "a*", "a?", "a&b", "a,b", "[a]", "{}", "a@b", "x" * 201),
    "MESSAGES_TABLE": TABLES,
    "FAILURES_QUEUE": (
        "failures", "arn:aws:sqs:eu-west-1:123456789012:a", "ftp://a", "https:a", "https://", "https://a b", "a/b", "//a", "*", "é",
    ),
    "RETRY_HOURS": ("-5", "5 hours", "1e3", "3_00", "300s", "1.5", "0x10", "never", "+5", "\u0663"),
    "NEXT_HOST": (
        "mx.example.com", "mx.example.com:", ":25", "mx:smtp", "mx example:25", "smtp://a:25", "a:25:25", "é:25", "a,b:25", "a:123456",
    ),
    "NEXT_HOST_TLS": ("true", "false", "tls", "starttls", "REQUIRED", "yes", "no", "1", "offered", "required,none"),
    "NEXT_HOST_CA": ("ca", "ca.crt", "../ca.pem", "/etc/ca.pem", "a/ca.pem", "s3://a/ca.pem", ".pem", "a b.pem", "é.pem", "a.pem,b.pem"),
    "NEXT_HOST_LOGIN": ("a b", "a;b", "a,b", "'a'", "[a]", "{}", "a\nb", "é", "a*", "a?b"),
    "HOST_NAME": ("a b", "a_b", "a..b", ".a", "a.", "https://a", "a:25", "é.example", "a,b", "[127.0.0.1]"),
    "FORWARD_FROM": MAILBOXES,
    "FORWARD_TO": (
        "a@example.com", "a=b", "a@example.com=", "=a@example.com", "*=*@example.net", "a@example.com>b@example.com", "{}",
        "a@example.com=b@example.com,", "é@example.com=a@example.com", "example.com=example.net",
    ),
    "BOUNCE_SENDER": MAILBOXES,
    "MARK_SECRET": ("a b", "a;b", "a,b", "'a'", "[a]", "{}", "a\nb", "é", "a*", "a?b"),
    "JUNK_HEADER": FIELDS,
    "BYPASS_HEADER": FIELDS,
}  # fmt: skip


_SHARED = {field.metadata.get("variable", field.name.upper()) for field in fields(Settings)}


def load_settings(variable: str, value: str) -> None:
    """Do what a function does at its start with one setting."""
    own = {field.name.upper(): kind for kind in (PushSettings, ExportSettings, SesSettings) for field in fields(kind)}
    kind = Settings if variable in _SHARED else own.get(variable, Settings)
    settings = kind.from_env({variable: value})
    if variable == "REWRITE_BUCKET":
        MessageFlow.from_settings(settings)
    elif variable in {"POLICY", "RATES_TABLE", "POLICY_DIRECTORY", "ORGANIZATION_ID"}:
        PolicyEvaluator.from_settings(settings, WORKMAIL).policies.current()
    elif variable in _HOOKS:
        _HOOKS[variable].from_settings(settings)


_HOOKS = {"DISCLAIMER_TEXT": DisclaimerHook, "BOUNCE_RULES": BounceHook, "SUBJECT_TAG": RewriteHook}

MORE_BAD_VALUES: dict[str, tuple[str, ...]] = {
    "SUBJECT_TAG": ("%%From Name%%", "%%FromName", "[FromName%%]"),
    "ORGANIZATION_DOMAINS": (
        "a.example,@b.example", "a.example\uff1bb.example", "a.example\tb.example", "a.example|b.example", "example.com.", "localhost",
    ),
    "POLICY": ("tests", ".", "x" * 5000, "gs://a/b"),
    "AVAILABILITY_SECRET": ("arn:aws:s3:::b", "arn:aws:secretsmanager", "arn:aws:ssm:eu-west-1:123456789012:parameter/a", "a:b", "x" * 513),
    "POLICY_MAX_AGE": ("300,", "1m", "\uff15"),
    "ON_ERROR": ("deliver;", "\uff52etry"),
    "LOG_ADDRESSES": ("true;", "\uff54\uff52\uff55\uff45", "true\nfalse"),
}  # fmt: skip
"""More of them, from reviews."""


def test_more_values_that_cannot_work_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for variable, values in MORE_BAD_VALUES.items():
        for value in values:
            with pytest.raises((SettingsError, PolicyError), match=variable):
                load_settings(variable, value)


def test_the_name_and_the_arn_of_a_secret_are_accepted():
    for secret in ("calendar", "team/calendar_1", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/calendar-AbCdEf"):
        assert Settings.from_env({"AVAILABILITY_SECRET": secret}).availability_secret == secret


KINDS: tuple[type[Settings], ...] = (Settings, PushSettings, ExportSettings, SesSettings)
VARIABLES = sorted(
    {field.metadata.get("variable", field.name.upper()) for kind in KINDS for field in fields(kind) if field.name != "removed"}
)


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_value_that_cannot_work_is_refused_at_load_by_the_name_of_its_setting(variable: str, monkeypatch: pytest.MonkeyPatch):
    if variable == "AVAILABILITY_CONFIG":
        return  # The file of the availability provider has a table of its own.
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert len(set(BAD_VALUES[variable])) == 10
    accepted = []
    for value in BAD_VALUES[variable]:
        try:
            load_settings(variable, value)
        except (SettingsError, PolicyError) as error:
            assert variable in str(error), value  # noqa: PT017 - a table of values
        else:
            accepted.append(value)
    assert accepted == []
