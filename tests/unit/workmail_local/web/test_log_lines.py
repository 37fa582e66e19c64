"""A function's log as the page shows it."""

import json

from workmail_local.web.log_lines import LogLine, read_log

POWERTOOLS = json.dumps(
    {
        "level": "WARNING",
        "message": "is delivered",
        "timestamp": "2026-05-04 08:00:00,123+0000",
        "rules": ["a", "b"],
        "bytes": 12,
        "more": None,
    }
)
METRICS = json.dumps(
    {
        "_aws": {
            "CloudWatchMetrics": [
                {
                    "Dimensions": [["hook"]],
                    "Metrics": [{"Name": "Changed", "Unit": "Count"}, {"Name": "Failed"}, {"Name": "Duration", "Unit": "Milliseconds"}],
                }
            ]
        },
        "hook": "observe",
        "Changed": [1.0],
        "Failed": [0.0],
        "Duration": [12.04],
    }
)
TRACEBACK = """Traceback (most recent call last):
  File "/home/ana/hook/app.py", line 7, in handler
    subject = read(event)
              ^^^^^^^^^^^
  File "/home/ana/hook/parts.py", line 3, in read
    return parse(event["subject"])
  File "/home/ana/.venv/lib/python3.13/site-packages/lib/parse.py", line 90, in parse
    raise ValueError(text)
ValueError: no subject"""


def one(log: str) -> LogLine:
    [line] = read_log(log)
    return line


def test_a_json_line_is_its_time_level_message_and_fields() -> None:
    line = one(POWERTOOLS)
    assert (line.kind, line.level, line.text, line.is_serious) == ("entry", "WARNING", "is delivered", True)
    assert line.time.endswith(":00:00.123")
    assert line.fields == (("rules", "a, b"), ("bytes", "12"), ("more", "null"))
    assert line.raw == POWERTOOLS


def test_metrics_are_one_line_without_zeros() -> None:
    assert (one(METRICS).kind, one(METRICS).text) == ("metrics", "Changed 1, Duration 12 ms")


def test_a_line_with_broken_metrics_is_shown_as_json() -> None:
    assert one('{"_aws": "x", "message": "hello"}')[:5] == ("entry", '{"_aws": "x", "message": "hello"}', "", "", "hello")


def test_records_of_logging_are_split_as_lambda_prints_them() -> None:
    line = one("[INFO]\t2026-05-04T08:00:00.123Z\t1-2-3\thello\tthere")
    assert (line.kind, line.level, line.text) == ("entry", "INFO", "hello\tthere")


def test_lines_of_lambda_are_quiet_and_printed_text_stays_together() -> None:
    log = "START RequestId: 1 Version: 2\nhello\n  there\n\nEND RequestId: 1\nREPORT RequestId: 1\tDuration: 2 ms\n"
    assert [(line.kind, line.raw) for line in read_log(log)] == [
        ("quiet", "START RequestId: 1 Version: 2"),
        ("text", "hello\n  there"),
        ("quiet", "END RequestId: 1\nREPORT RequestId: 1\tDuration: 2 ms"),
    ]


def test_a_traceback_begins_with_the_frame_of_the_function_itself() -> None:
    before, line, after = read_log(f"before\n{TRACEBACK}\nafter")
    [found] = line.tracebacks
    assert (found.error, found.frame) == ("ValueError: no subject", ("parts.py:3, read", 'return parse(event["subject"])'))
    assert found.text == TRACEBACK
    assert (before.raw, after.raw) == ("before", "after")


def test_chained_exceptions_are_one_traceback_that_ends_with_the_last() -> None:
    last = TRACEBACK.replace("ValueError: no subject", "KeyError: 'x'")
    [line] = read_log(f"{TRACEBACK}\n\nDuring handling of the above exception, another exception occurred:\n\n{last}")
    assert line.tracebacks[0].error == "KeyError: 'x'"


def test_a_traceback_in_a_field_is_shown_as_one() -> None:
    line = one(json.dumps({"level": "ERROR", "message": "the hook failed", "exception": TRACEBACK}))
    assert (line.fields, line.tracebacks[0].error) == ((), "ValueError: no subject")


def test_a_cut_or_odd_log_is_shown_as_printed() -> None:
    for log in ('{"level": "INFO", "mess', "[1, 2]", '{"a":' * 5000, "Traceback (most recent call last):", "\x00\x1b[31m"):
        assert "".join(line.raw for line in read_log(log)) == log
