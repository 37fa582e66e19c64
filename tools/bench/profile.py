"""Show where the time of a cold start and of a warm call of `rewrite` goes, by part."""

import json
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tools.bench import mail
from tools.bench.copies import Copy
from tools.bench.functions import MESSAGES, PROGRAMS, WARM_PROCESSES, Function, serve_messages
from tools.bench.measure import run_process

RUNS = 9
_NAMES = {name: name for name in ("mailhooks", "botocore", "urllib3", "aws_lambda_powertools", "boto3")} | {
    "app": "app: the handler, its settings and its clients"
}
_STANDARD = {*sys.stdlib_module_names, "_frozen_importlib", "_frozen_importlib_external", "sitecustomize", "_distutils_hack"}


def main(copies: Sequence[Copy], folder: Path) -> None:
    ours = copies[0]
    with serve_messages(folder) as server:
        for name in ("rewrite", "mailflow"):
            _profile_cold_start(Function.of_copy(ours, name, server))
        _profile_warm_call(Function.of_copy(ours, "rewrite", server))


def _profile_cold_start(function: Function) -> None:
    steps = [function.run() for _ in range(RUNS)]
    process, load, first = (statistics.median(getattr(each, part) for each in steps) for part in ("process", "load", "first"))
    imports = _measure_imports(function)
    imported = sum(imports.values())
    print(f"\nCold start of {function.name}: {process:.0f} ms of CPU time")
    print(f"  {'the interpreter: start and end':44} {process - load - first:7.1f} ms")
    print(f"  {'load: the function and its clients':44} {load:7.1f} ms")
    print(f"  {'the first message':44} {first:7.1f} ms")
    print(f"  {'by module, wall time under -X importtime':44} {imported:7.1f} ms")
    for package, milliseconds in imports.most_common():
        print(f"    {package:42} {milliseconds:7.1f} ms")


def _measure_imports(function: Function) -> Counter[str]:
    """Return the milliseconds of imports by package: the shortest of several runs for each module, without the modules that it imports."""
    shortest: dict[str, float] = {}
    command = function.command()
    for _ in range(RUNS):
        run = run_process([command[0], "-X", "importtime", *command[1:]], function.environment)
        lines = (line.removeprefix("import time:").split("|") for line in run.output.splitlines() if line.startswith("import time:"))
        for own, _total, module in lines:
            if own.strip().isdigit():
                name, milliseconds = module.strip(), int(own) / 1000
                shortest[name] = min(shortest.get(name, milliseconds), milliseconds)
    packages: Counter[str] = Counter()
    for module, milliseconds in shortest.items():
        top = module.partition(".")[0]
        if top in _NAMES:
            packages[_NAMES[top]] += milliseconds
        else:
            packages["the standard library" if top in _STANDARD else "other packages"] += milliseconds
    return packages


def _profile_warm_call(function: Function) -> None:
    """Print the parts of a warm call: for each, the shortest of several processes."""
    command = [sys.executable, "-P", str(PROGRAMS / "warm_parts.py"), json.dumps(mail.event()), str(MESSAGES)]
    runs = [json.loads("{" + run_process(command, function.environment).output.rpartition("\n{")[2]) for _ in range(WARM_PROCESSES)]
    parts = Counter({part: min(run[part] for run in runs) for part in runs[0]})
    print(f"\nWarm call of {function.name}: {parts.total():.2f} ms of CPU time, with the clock's")
    for part, milliseconds in parts.most_common():
        print(f"  {part:44} {milliseconds:7.2f} ms")
