"""`workmail-hooks check`: report a policy's errors, warnings, notes and requirements."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.policy import Policy, PolicyError, load
from mailhooks.policy.analysis.findings import Finding, Severity
from mailhooks.policy.analysis.lint import lint
from mailhooks.policy.analysis.requirements import Requirement, list_requirements
from mailhooks.relay.platforms import PLATFORMS as PLATFORMS_AFTER_WORKMAIL
from workmail_local.console.rows import label_rows, limit_rows, wrap
from workmail_local.console.style import WIDTH, Style, display_path, format_count
from workmail_local.console.text_columns import escape_controls

PLATFORMS: Final = {platform.name: platform for platform in (WORKMAIL, *PLATFORMS_AFTER_WORKMAIL)}
"""The platforms by their names on the command line."""

_MAX_ROWS = 20


def check(file: Path, platforms: Sequence[str] = (), *, domains: frozenset[str], as_json: bool) -> int:
    """Print the report of a policy.

    Args:
        platforms: the names of the platforms that are to run the policy; none: WorkMail.
        domains: the organization's domains; not used when the policy has its own.
        as_json: print JSON for programs.

    Returns:
        0 when the policy is valid, also with warnings; 1 when it is invalid.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        policy = load(file)
    except PolicyError as error:
        print(_json(file, error=error) if as_json else "\n".join(_errors(file, error, Style.of(sys.stdout))))
        return 1
    chosen = [PLATFORMS[name] for name in dict.fromkeys(platforms)] or [WORKMAIL]
    findings, needed = lint(policy, chosen, domains=domains), list_requirements(policy, chosen)
    if as_json:
        print(_json(file, policy, findings, needed))
    else:
        print(*_report(file, policy, findings, needed, Style.of(sys.stdout)), sep="\n")
    return 0


def _json(
    file: Path,
    policy: Policy | None = None,
    findings: tuple[Finding, ...] = (),
    needed: tuple[Requirement, ...] = (),
    error: PolicyError | None = None,
) -> str:
    document = {
        "file": str(file),
        "rules": len(policy.rules) if policy else 0,
        "digest": policy.digest if policy else "",
        "problems": [problem._asdict() for problem in error.problems] if error else [],
        "more": error.more if error else 0,
        "findings": [asdict(finding) for finding in findings],
        "needs": [{**asdict(need), "rules": [{"rule": rule, "for": why} for rule, why in need.rules]} for need in needed],
    }
    return json.dumps(document, indent=2)


def _place(file: Path, line: int | None) -> str:
    return f"{display_path(file)}:{line}" if line else display_path(file)


def _errors(file: Path, error: PolicyError, style: Style) -> Iterator[str]:
    for problem in error.problems:
        yield f"{_place(file, problem.line)}: {escape_controls(str(problem))}"
    if error.more:
        yield f"{display_path(file)}: and {error.more:,} more"
    yield style.bad("INVALID") + f"  {format_count(len(error.problems) + error.more, 'problem')}"


def _report(file: Path, policy: Policy, findings: tuple[Finding, ...], needed: tuple[Requirement, ...], style: Style) -> Iterator[str]:
    for finding in findings:
        yield from wrap(f"{_place(file, finding.line)}: {escape_controls(str(finding))}", WIDTH, "    ")
    for need in needed:
        yield style.bold(f"Needed: {escape_controls(need.what)}")
        for label, texts in (
            ("for", [f"{rule}: {why}" for rule, why in need.rules]),
            ("settings", need.settings),
            ("may", need.permissions),
        ):
            yield from label_rows(label, limit_rows(texts, _MAX_ROWS), label_width=10)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    disabled = sum(not rule.enabled for rule in policy.rules)
    report = sum(rule.report and rule.enabled for rule in policy.rules)
    parts = [
        format_count(len(policy.rules), "rule"),
        *([f"{disabled} not enabled"] if disabled else []),
        *([f"{report} in report mode"] if report else []),
    ]
    yield f"{style.good('OK')}  {', '.join(parts)}; {format_count(warnings, 'warning')}, {format_count(len(findings) - warnings, 'note')}"
