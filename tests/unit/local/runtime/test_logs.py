import json

from local.runtime.logs import metrics, troubles


def test_warnings_and_errors_are_found_with_their_reason() -> None:
    log = "\n".join(
        [
            "START",
            json.dumps({"level": "INFO", "message": "fine"}),
            json.dumps({"level": "WARNING", "message": "is delivered unchanged", "reason": "MessageFrozen", "detail": "redirected"}),
            json.dumps({"level": "ERROR", "message": "failed"}),
            '{"level": "ERROR", broken',
            json.dumps(["level", "ERROR"]),
        ]
    )
    assert troubles(log) == [("WARNING", "is delivered unchanged (MessageFrozen: redirected)"), ("ERROR", "failed")]


def test_metrics_of_the_embedded_format_are_put_in_one_line() -> None:
    directive = {"Namespace": "N", "Dimensions": [["hook"]], "Metrics": [{"Name": "Messages"}, {"Name": "Failed"}, {"Name": "Duration"}]}
    entry = {"_aws": {"CloudWatchMetrics": [directive]}, "hook": "observe", "Messages": [1.0], "Failed": [0], "Duration": 5.3614}
    assert metrics(json.dumps(entry)) == "Messages=1 Duration=5.4 (hook=observe)"


def test_a_log_without_metrics_says_nothing() -> None:
    assert metrics("hello\n{}\n") == ""
