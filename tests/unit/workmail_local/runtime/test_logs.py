import json

from workmail_local.runtime.logs import find_problems, format_metrics


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
    assert find_problems(log) == [("WARNING", "is delivered unchanged (MessageFrozen: redirected)"), ("ERROR", "failed")]


def test_embedded_metrics_are_formatted_in_one_line() -> None:
    directive = {"Namespace": "N", "Dimensions": [["hook"]], "Metrics": [{"Name": "Messages"}, {"Name": "Failed"}, {"Name": "Duration"}]}
    entry = {"_aws": {"CloudWatchMetrics": [directive]}, "hook": "observe", "Messages": [1.0], "Failed": [0], "Duration": 5.3614}
    assert format_metrics(json.dumps(entry)) == "Messages=1 Duration=5.4 (hook=observe)"


def test_a_log_without_metrics_gives_no_text() -> None:
    assert format_metrics("hello\n{}\n") == ""
