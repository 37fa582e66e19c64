import pytest

from mailhooks.errors import SettingsError
from mailhooks.settings import OnError, Settings


def test_missing_and_empty_variables_give_the_defaults():
    names = ["ORGANIZATION_DOMAINS", "ON_ERROR", "LOG_ADDRESSES", "XRAY_TRACING", "ADD_HEADERS", "BOUNCE_RULES", "POWERTOOLS_SERVICE_NAME"]
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
            "ADD_HEADERS": '{"X-A": "1"}',
            "REMOVE_HEADERS": "X-B,X-C",
            "BOUNCE_RULES": '[{"action": "DROP"}]',
            "OBSERVE_CONTENT": "false",
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
        add_headers='{"X-A": "1"}',
        remove_headers=("X-B", "X-C"),
        bounce_rules='[{"action": "DROP"}]',
        observe_content=False,
    )


def test_domains_are_stored_with_a_labels():
    assert Settings.from_env({"ORGANIZATION_DOMAINS": "Bücher.example, XN--MNCHEN-3YA.example"}).organization_domains == {
        "xn--bcher-kva.example",
        "xn--mnchen-3ya.example",
    }


@pytest.mark.parametrize(
    "name, value",
    [("LOG_ADDRESSES", "yes"), ("XRAY_TRACING", "1"), ("ON_ERROR", "ignore")],
)
def test_an_error_names_the_invalid_variable(name: str, value: str):
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({name: value})
