"""`python -m tools.dashboards`: make the pictures of docs/monitoring.md from the template and a day of sample data, by Chromium."""

import html
import math
import random
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Final

from mailhooks.report_names import reason_metric, verdict_metric
from tests.infrastructure.stack import Stack
from tests.monitoring.stacks import alarms, main_stack
from tests.support import emitted
from tests.support.cloudwatch.alarms import is_raised
from tests.support.cloudwatch.dashboards import COLUMNS, Line, Widget, parse_dashboard
from tests.support.cloudwatch.logs_insights import LogEvent, run
from tests.support.cloudwatch.metrics import Metrics
from tests.support.colours import reduce_colours
from tools.pictures import IMAGES, ROOT, chromium

PERIODS: Final = 288
"""Of five minutes: a day."""

BEGIN: Final = datetime(2026, 5, 4, tzinfo=UTC)
UNIT: Final = (66, 46)
"""Width and height of a cell of the grid, in pixels."""

COLOURS: Final = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
STYLE: Final = """
* { box-sizing: border-box; margin: 0 }
body { background: #f2f3f3; font: 12px/1.35 "Helvetica Neue", Arial, sans-serif; color: #16191f }
main { position: relative }
section { position: absolute; padding: 4px }
article { height: 100%; background: #fff; border: 1px solid #d5dbdb; border-radius: 3px; padding: 8px 10px; overflow: hidden }
article { display: flex; flex-direction: column }
section.text article { background: none; border: 0 }
h1 { font-size: 20px; margin-bottom: 4px }
h2 { font-size: 13px; margin-bottom: 4px }
svg { flex: 1; min-height: 0 }
svg text { font-size: 10px; fill: #545b64 }
.legend { display: flex; flex-wrap: wrap; gap: 0 10px; font-size: 10.5px }
.legend i { display: inline-block; width: 9px; height: 9px; margin-right: 4px }
.tiles { display: flex; flex-wrap: wrap; gap: 8px }
.tiles div { border: 1px solid #d5dbdb; border-left: 4px solid #1d8102; border-radius: 2px; padding: 12px; min-width: 196px }
.tiles div.raised { border-left-color: #d13212; background: #fdf3f1 }
.tiles small { color: #545b64 }
.numbers { display: flex; flex: 1 }
.numbers div { flex: 1; display: flex; flex-direction: column }
.numbers b { font-size: 24px; font-weight: 400 }
.numbers svg { max-height: 60px }
table { border-collapse: collapse; width: 100%; font-size: 11px }
th { text-align: left; border-bottom: 2px solid #d5dbdb }
td, th { padding: 3px 10px 3px 0; white-space: nowrap; max-width: 420px; overflow: hidden; text-overflow: ellipsis }
td { border-bottom: 1px solid #eaeded; font-family: monospace }
"""


def main() -> int:
    if shutil.which("chromium") is None:
        print("skipped: Chromium is not installed (Debian package `chromium`)")
        return 0
    stack, metrics, events = main_stack(), sample_metrics(), list(sample_events())
    with chromium() as browser:
        for name, file in (("Dashboard", "dashboard"), ("AvailabilityDashboard", "dashboard-availability")):
            widgets = parse_dashboard(stack.of_type("AWS::CloudWatch::Dashboard")[name]["DashboardBody"])
            height = max(each.y + each.height for each in widgets) * UNIT[1]
            with browser.new_page(viewport={"width": COLUMNS * UNIT[0], "height": height}) as page:
                page.set_content(draw(widgets, stack, metrics, events))
                (IMAGES / f"{file}.png").write_bytes(reduce_colours(browser, page.screenshot()))
            print(f"{(IMAGES / file).relative_to(ROOT)}.png  {(IMAGES / f'{file}.png').stat().st_size:,}")
    return 0


def sample_metrics() -> Metrics:
    """Return the metrics of a working day of a company of about 200 people, with a small fault in the afternoon."""
    metrics, dice = Metrics(), random.Random(17)
    for period in range(PERIODS):
        hour = period / 12
        traffic = 2 + 46 * math.exp(-((hour - 10.2) ** 2) / 6) + 38 * math.exp(-((hour - 15) ** 2) / 5)
        fault = 14.2 < hour < 14.7
        for hook, direction, share in (("mailflow", "INBOUND", 1.0), ("disclaimer", "OUTBOUND", 0.55)):
            number = _around(dice, traffic * share)
            _add_messages(metrics, dice, period, hook, direction, number, fault=fault)
        received = _around(dice, traffic)
        for name, value in {
            "OrganizationEmailReceived": received,
            "MailboxEmailDelivered": received * 1.3,
            "IncomingEmailBounced": _around(dice, 0.3),
            "OutgoingEmailSent": _around(dice, traffic * 0.9),
            "OutgoingEmailBounced": _around(dice, 0.5),
            "AuthenticationFailure": _around(dice, 0.8),
            "AccessDenied": _around(dice, 0.3),
            "ActionDenied": _around(dice, 0.1),
            "AvailabilityProviderFailure": _around(dice, 2) if fault else 0,
        }.items():
            metrics.add("AWS/WorkMail", name, {"OrganizationId": "m-0123456789abcdef0123456789abcdef"}, value, period)
        _add_requests(metrics, dice, period, _around(dice, traffic / 3), fault=fault)
        for function, most in (
            ("mail-MailflowFunction-1A2B", 6),
            ("mail-DisclaimerFunction-3C4D", 4),
            ("mail-AvailabilityFunction-5E6F", 2),
        ):
            metrics.add("AWS/Lambda", "ConcurrentExecutions", {"FunctionName": function}, 1 + dice.random() * most * traffic / 50, period)
            metrics.add("AWS/Lambda", "Throttles", {"FunctionName": function}, _around(dice, 1.5) if fault and most == 6 else 0, period)
        metrics.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "mail-ObserveDeadLetterQueue-7A8B"}, 0, period)
        metrics.add("WorkMailHooks", "Crashed-mail", {}, 0, period)
    return metrics


def _add_messages(metrics: Metrics, dice: random.Random, period: int, hook: str, direction: str, number: int, *, fault: bool) -> None:
    dimensions = {"service": "mail", "hook": hook, "direction": direction}
    junk, bounced, dropped = (_around(dice, number * share) for share in (0.06, 0.02, 0.004))
    values = {
        "Messages": number,
        "Changed": round(number * (0.62 if direction == "INBOUND" else 0.93)),
        "Permanent": (unsafe := _around(dice, number * 0.012)) + (late := int(period == PERIODS - 1 and hook == "disclaimer")),
        "Passing": (throttled := _around(dice, 3) if fault else 0),
        "Failed": 0,
        "Recipients": round(number * 1.6),
        "RulesMatched": round(number * 0.7) if hook == "mailflow" else 0,
        "RulesReported": _around(dice, number * 0.05) if hook == "mailflow" else 0,
        verdict_metric("DEFAULT"): max(0, number - junk - bounced - dropped),
        verdict_metric("MOVE_TO_JUNK"): junk if direction == "INBOUND" else 0,
        verdict_metric("BOUNCE"): bounced,
        verdict_metric("DROP"): dropped,
        reason_metric("CannotChangeSafely"): unsafe,
        reason_metric("Throttled"): throttled,
        reason_metric("MessageRejected"): late,
    }
    for name, value in values.items():
        metrics.add("WorkMailHooks", name, dimensions, value, period)
    for _ in range(max(1, number)):
        seconds = dice.lognormvariate(math.log(0.13), 0.5) + (dice.random() * 9 if fault else 0) + (0.9 if dice.random() < 0.04 else 0)
        metrics.add("WorkMailHooks", "Duration", dimensions, seconds * 1000, period)


def _add_requests(metrics: Metrics, dice: random.Random, period: int, number: int, *, fault: bool) -> None:
    dimensions = {"service": "mail", "hook": "availability"}
    failed = 0
    for backend, share in (("exchange", 2.2), ("google", 1.1)):
        lookups = _around(dice, number * share)
        errors = min(lookups, _around(dice, 3)) if fault and backend == "exchange" else 0
        failed += errors
        metrics.add("WorkMailHooks", "Lookups", dimensions | {"backend": backend}, lookups, period)
        metrics.add("WorkMailHooks", "LookupsFailed", dimensions | {"backend": backend}, errors, period)
    unknown = _around(dice, number * 0.05)
    values = {
        "Requests": number,
        "Mailboxes": number * 3,
        "MailboxesFailed": failed + unknown,
        "Failed": 0,
        reason_metric("TimedOut"): failed,
        reason_metric("MailboxNotFound"): unknown,
    }
    for name, value in values.items():
        metrics.add("WorkMailHooks", name, dimensions, value, period)
    for _ in range(max(1, number)):
        seconds = dice.lognormvariate(math.log(0.9), 0.4) + (dice.random() * 17 if fault else 0)
        metrics.add("WorkMailHooks", "Duration", dimensions, seconds * 1000, period)


def _around(dice: random.Random, mean: float) -> int:
    """Return a number of events for their mean."""
    return max(0, round(dice.gauss(mean, math.sqrt(mean) * 0.8)))


def sample_events() -> Iterator[LogEvent]:
    """Yield log events of the day: lines that the functions print, and Lambda's reports of cold starts."""
    dice = random.Random(4)
    for kind, hour in (
        *(("unsafe", hour) for hour in (8.3, 9.6, 11.2, 13.5, 16.9)),
        *(("transient", hour) for hour in (14.25, 14.3, 14.42)),
        *(("availability", hour) for hour in (14.27, 14.5)),
        ("rejected", 23.95),
    ):
        for line in emitted.KINDS[kind]().splitlines():
            yield LogEvent(_as_sample(line, dice), round((BEGIN + timedelta(hours=hour)).timestamp() * 1000))
    for period in range(PERIODS):
        if dice.random() < 0.08 + 0.5 * (8 < period / 12 < 10):
            at = BEGIN + timedelta(minutes=5 * period)
            yield LogEvent("REPORT RequestId: 0\tDuration: 40 ms\tInit Duration: 690 ms\t", round(at.timestamp() * 1000))


def _as_sample(line: str, dice: random.Random) -> str:
    """Replace the name of a test's hook, and the IDs, by those of a function."""
    for name in ('"shout"', '"_lengthen"'):
        line = line.replace(name, '"disclaimer"').replace("INBOUND", "OUTBOUND")
    digits = f"{dice.getrandbits(128):032x}"
    return line.replace("0a1b2c3d-0000-4000-8000", f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}").replace(
        "0" * 24, digits[:24]
    )


def draw(widgets: Sequence[Widget], stack: Stack, metrics: Metrics, events: Sequence[LogEvent]) -> str:
    """Return a page with the widgets on the grid of CloudWatch."""
    width, height = UNIT
    sections = "".join(
        f'<section class="{each.kind}" style="left:{each.x * width}px;top:{each.y * height}px;width:{each.width * width}px;'
        f'height:{each.height * height}px"><article>{_draw_widget(each, stack, metrics, events)}</article></section>'
        for each in widgets
    )
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><main>{sections}</main>"


def _draw_widget(widget: Widget, stack: Stack, metrics: Metrics, events: Sequence[LogEvent]) -> str:
    title = f"<h2>{html.escape(widget.title)}</h2>" if widget.title else ""
    match widget.kind, widget.properties.get("view"):
        case "text", _:
            return _draw_text(widget.properties["markdown"])
        case "alarm", _:
            return title + _draw_alarms(widget.properties["alarms"], stack, metrics)
        case "metric", "singleValue":
            return title + _draw_numbers(widget.lines(metrics))
        case "metric", _:
            return title + _draw_graph(widget, widget.lines(metrics))
        case "log", "bar":
            return title + _draw_bars(run(widget.properties["query"].partition(" | ")[2], events))
        case _:
            return title + _draw_table(run(widget.properties["query"].partition(" | ")[2], events))


def _draw_text(markdown: str) -> str:
    head, _, text = markdown.partition("\n")
    bold = text.split("**")
    marked = "".join(f"<b>{html.escape(part)}</b>" if index % 2 else html.escape(part) for index, part in enumerate(bold))
    return f"<h1>{html.escape(head.removeprefix('# '))}</h1><p>{marked}</p>"


def _draw_alarms(arns: Sequence[str], stack: Stack, metrics: Metrics) -> str:
    names = [arn.removesuffix(".Arn").rpartition(":")[2].removeprefix("mail-") for arn in arns]
    tiles = []
    for name in names:
        raised = is_raised(alarms(stack)[name], metrics, PERIODS)
        state = "In alarm" if raised else "OK"
        tiles.append(f'<div class="{"raised" if raised else ""}">{"⚠" if raised else "✓"} {name}<br><small>{state}</small></div>')
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _draw_numbers(lines: Sequence[Line]) -> str:
    cells = []
    for line in lines:
        most = max(line.values.values()) or 1
        points = " ".join(f"{period / PERIODS * 100:.1f},{30 - value / most * 28:.1f}" for period, value in sorted(line.values.items()))
        spark = f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="1" vector-effect="non-scaling-stroke"/>'
        cells.append(
            f'<div><span>{html.escape(line.label)}</span><b style="color:{line.colour}">{sum(line.values.values()):,.0f}</b>'
            f'<svg viewBox="0 0 108 31" preserveAspectRatio="none">{spark}</svg></div>'
        )
    return f'<div class="numbers">{"".join(cells)}</div>'


def _draw_graph(widget: Widget, lines: Sequence[Line]) -> str:
    width, height = widget.width * UNIT[0] - 30, widget.height * UNIT[1] - 76
    left, base = 40, height - 16
    colours = cycle([colour for colour in COLOURS if colour not in {line.colour for line in lines}])
    coloured = [line._replace(colour=line.colour or next(colours)) for line in lines]
    stacked = bool(widget.properties.get("stacked"))
    totals = [sum(line.values.get(period, 0) for line in coloured) for period in range(PERIODS)] if stacked else []
    most = widget.properties.get("yAxis", {}).get("left", {}).get("max") or max(
        [1, *totals, *(v for line in coloured for v in line.values.values())]
    )
    step = _step(most)
    top = widget.properties.get("yAxis", {}).get("left", {}).get("max") or step * math.ceil(most / step)

    def place(period: float, value: float) -> str:
        return f"{left + period / PERIODS * (width - left):.1f},{base - value / top * (base - 6):.1f}"

    parts = [_draw_axes(width, base, left, top, step)]
    below = [0.0] * PERIODS
    for line in coloured:
        values = [line.values.get(period, 0) for period in range(PERIODS)]
        if stacked:
            above = [low + value for low, value in zip(below, values, strict=True)]
            points = [place(at, value) for at, value in enumerate(above)] + [place(at, below[at]) for at in reversed(range(PERIODS))]
            if any(values):
                parts.append(f'<polygon points="{" ".join(points)}" fill="{line.colour}" fill-opacity=".7"/>')
            below = above
        else:
            points = [place(at, value) for at, value in enumerate(values)]
            parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{line.colour}" stroke-width="1.3"/>')
    for mark in widget.properties.get("annotations", {}).get("horizontal", ()):
        x, y = place(0, mark["value"]).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{width}" y2="{y}" stroke="{mark["color"]}" stroke-width="1.4" stroke-dasharray="5 3"/>')
        parts.append(f'<text x="{float(x) + 6}" y="{float(y) - 3}" style="fill:{mark["color"]}">{html.escape(mark["label"])}</text>')
    legend = "".join(f'<span><i style="background:{line.colour}"></i>{html.escape(line.label)}</span>' for line in coloured)
    return f'<svg viewBox="0 0 {width} {height}">{"".join(parts)}</svg><div class="legend">{legend}</div>'


def _draw_axes(width: int, base: int, left: int, top: float, step: float) -> str:
    parts = []
    for index in range(int(top / step) + 1):
        y = base - index * step / top * (base - 6)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width}" y2="{y:.1f}" stroke="#eaeded"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 3:.1f}" text-anchor="end">{index * step:,.0f}</text>')
    for hour in range(0, 24, 6):
        x = left + hour / 24 * (width - left)
        parts.append(f'<text x="{x:.1f}" y="{base + 13}">{hour:02}:00</text>')
    return "".join(parts)


def _step(most: float) -> float:
    """Return the distance of two lines of a scale: 1, 2 or 5 times a power of ten, so that there are at most five."""
    power: float = 10 ** math.floor(math.log10(most / 5))
    return max(1, next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= 5))


def _draw_bars(rows: Sequence[Mapping[str, Any]]) -> str:
    width, height = 6 * UNIT[0] - 30, 6 * UNIT[1] - 56
    key, value = list(rows[0])
    found = sorted((row[key], row[value]) for row in rows)
    step = _step(max(number for _, number in found))
    top = step * math.ceil(max(number for _, number in found) / step)
    begin = BEGIN.timestamp() * 1000
    bars = "".join(
        f'<rect x="{40 + (at - begin) / 86_400_000 * (width - 40):.1f}" width="{(width - 40) / 24 - 2:.1f}" '
        f'y="{height - 16 - number / top * (height - 22):.1f}" height="{number / top * (height - 22):.1f}" fill="#1f77b4"/>'
        for at, number in found
    )
    return f'<svg viewBox="0 0 {width} {height}">{_draw_axes(width, height - 16, 40, top, step)}{bars}</svg>'


def _draw_table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_show(name, row.get(name, '')))}</td>" for name in names) + "</tr>" for row in rows[:12]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _show(name: str, value: Any) -> str:
    return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}" if name == "@timestamp" else str(value)


if __name__ == "__main__":
    sys.exit(main())
