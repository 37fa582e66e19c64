"""Alarms fire for the values that the functions emit, and for those only."""

import pytest

from tests.monitoring.stacks import SECRET, WORKMAIL_METRICS, alarms, main_stack, metrics_of
from tests.support import emitted
from tests.support.cloudwatch.alarms import is_raised
from tests.support.cloudwatch.expressions import evaluate
from tests.support.cloudwatch.metrics import Metrics

QUEUE = "mail-ObserveDeadLetterQueue.QueueName"


def fires(name: str, metrics: Metrics, periods: int = 1) -> bool:
    """Return whether an alarm of the stack `mail` is raised after the periods. A period is one of the alarm's."""
    return is_raised(alarms(main_stack())[name], metrics, periods)


@pytest.mark.parametrize(
    "kind, raised",
    [
        ("ordinary", set()),
        ("verdicts", set()),
        ("by_policy", set()),
        ("observed", set()),
        ("frozen", set()),
        ("unsafe", set()),
        ("transient", set()),
        ("unknown_version", set()),
        ("availability", set()),
        ("held", set()),
        ("held_too_long", set()),
        ("decided", set()),
        ("no_secret", {"FailedAlarm"}),
        ("unexpected", {"FailedAlarm"}),
        ("misconfigured", {"FailedAlarm"}),
        ("wrong_bucket", {"FailedAlarm"}),
        ("no_configuration", {"FailedAlarm"}),
        ("rejected", {"PutRejectedAlarm"}),
        ("unacceptable", {"PutRejectedAlarm"}),
        ("refused", {"PolicyRefusedAlarm"}),
        ("slow", {"NearTimeoutAlarm"}),
    ],
)
def test_one_message_raises_the_alarms_of_its_kind(kind: str, raised: set[str]) -> None:
    metrics = metrics_of(emitted.KINDS[kind]())
    assert {name for name in alarms(main_stack()) if fires(name, metrics)} == raised


def test_every_kind_of_message_is_tried() -> None:
    [mark] = test_one_message_raises_the_alarms_of_its_kind.pytestmark
    assert {kind for kind, _ in mark.args[1]} == emitted.KINDS.keys()


def test_transient_errors_raise_an_alarm_only_if_they_last() -> None:
    transient, ordinary = emitted.transient(), emitted.ordinary()
    assert not fires("PassingAlarm", metrics_of(transient, ordinary), 2)
    assert fires("PassingAlarm", metrics_of(transient, ordinary, ordinary, transient), 4)
    assert not fires("PassingAlarm", metrics_of(transient, *[ordinary] * 6, transient), 8)


def test_held_mail_raises_no_alarm_however_long_it_waits() -> None:
    """Each attempt of WorkMail raises StillHeld, for hours."""
    metrics = metrics_of(*[emitted.held()] * 12)
    assert not [name for name in alarms(main_stack()) if fires(name, metrics, 12)]


def test_several_holds_without_a_decision_in_time_raise_an_alarm() -> None:
    assert not fires("HoldsTimedOutAlarm", metrics_of(emitted.held_too_long() * 2))
    assert fires("HoldsTimedOutAlarm", metrics_of(emitted.held_too_long() * 3))


def test_a_refused_policy_keeps_its_alarm_for_an_hour_without_mail() -> None:
    metrics = metrics_of(emitted.refused())
    assert fires("PolicyRefusedAlarm", metrics, 12)
    assert not fires("PolicyRefusedAlarm", metrics, 13)


def test_the_time_of_observe_and_of_a_quick_message_raise_no_alarm() -> None:
    assert not fires("NearTimeoutAlarm", metrics_of(emitted.slow(50_000, "observe") + emitted.slow(11_900, "rewrite")))
    assert fires("NearTimeoutAlarm", metrics_of(emitted.ordinary() + emitted.slow(12_100, "disclaimer")))


def test_an_event_in_the_dead_letter_queue_raises_an_alarm() -> None:
    metrics = Metrics()
    metrics.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": QUEUE}, 1)
    assert fires("DeadLetterAlarm", metrics)
    metrics.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": QUEUE}, 0, period=1)
    assert not fires("DeadLetterAlarm", metrics, 2)


@pytest.mark.parametrize("dimensions", [{}, {"OrganizationId": "m-1"}, {"OrganizationId": "m-1", "Domain": "example.net"}])
def test_repeated_failures_of_the_provider_raise_an_alarm_under_any_dimension(dimensions: dict[str, str]) -> None:
    metrics = Metrics()
    metrics.add("AWS/WorkMail", "AvailabilityProviderFailure", dimensions, 1)
    assert not fires("AvailabilityProviderFailureAlarm", metrics)
    metrics.add("AWS/WorkMail", "AvailabilityProviderFailure", dimensions, 2, period=1)
    assert fires("AvailabilityProviderFailureAlarm", metrics, 2)


def test_another_stack_raises_no_alarm_here() -> None:
    metrics = metrics_of(emitted.unexpected("mail-2") + emitted.ordinary())
    assert not fires("FailedAlarm", metrics)


def test_alarms_name_metrics_that_are_emitted() -> None:
    known = {(each.namespace, each.name) for each in metrics_of("".join(make() for make in emitted.KINDS.values())).values}
    known |= {("AWS/WorkMail", name) for name in WORKMAIL_METRICS} | {("AWS/SQS", "ApproximateNumberOfMessagesVisible")}
    [crashed] = main_stack().of_type("AWS::Logs::MetricFilter").values()
    known |= {(each["MetricNamespace"], each["MetricName"]) for each in crashed["MetricTransformations"]}
    for name, alarm in alarms(main_stack()).items():
        if "Metrics" in alarm:
            metrics = Metrics()
            for namespace, metric in known:
                metrics.add(namespace, metric, {"service": "mail", "hook": "rewrite", "direction": "INBOUND"}, 1)
            assert evaluate(alarm["Metrics"][0]["Expression"], metrics), name
        else:
            assert (alarm["Namespace"], alarm["MetricName"]) in known


def test_every_alarm_goes_to_the_topic_and_has_its_remedy_in_plain_words() -> None:
    for name, alarm in alarms(main_stack()).items():
        assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:123456789012:alarms"], name
        assert 100 < len(alarm["AlarmDescription"]) <= 1024, name
    assert all("AlarmActions" not in alarm for alarm in alarms(main_stack(AlarmTopicArn="")).values())


@pytest.mark.parametrize(
    "parameters, missing",
    [
        ({"Functions": "mailflow", "AvailabilitySecretArn": ""}, {"DeadLetterAlarm", "AvailabilityProviderFailureAlarm"}),
        ({"PolicyNeeds": "directory"}, {"HoldsTimedOutAlarm"}),
        ({"PolicySource": "file"}, {"PolicyRefusedAlarm"}),
        (
            {"OrganizationId": "arn:aws:workmail:us-east-1:123456789012:organization/m-0123456789abcdef0123456789abcdef"},
            {"AvailabilityProviderFailureAlarm"},
        ),
        (
            {"OrganizationId": "arn:aws:workmail:eu-west-1:999999999999:organization/m-0123456789abcdef0123456789abcdef"},
            {"AvailabilityProviderFailureAlarm"},
        ),
        ({"Functions": "bounce,observe"}, {"PutRejectedAlarm", "PolicyRefusedAlarm", "HoldsTimedOutAlarm"}),
        (
            {"Functions": "none"},
            {"PassingAlarm", "NearTimeoutAlarm", "PutRejectedAlarm", "PolicyRefusedAlarm", "DeadLetterAlarm", "HoldsTimedOutAlarm"},
        ),
        ({"AvailabilitySecretArn": SECRET}, set()),
    ],
)
def test_a_stack_has_the_alarms_of_what_it_has(parameters: dict[str, str], missing: set[str]) -> None:
    assert alarms(main_stack()).keys() - alarms(main_stack(**parameters)).keys() == missing
