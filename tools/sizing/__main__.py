"""`make sizing`: measure message size x memory size -> time and cost, and write the tables into docs/sizing.md.

Examples:
    make sizing
    make sizing ONLY=rewrite      # prints its table, and leaves the page as it is
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.support.containers.relay import IMAGE, PYTHON_IN_IMAGE
from tools.bench.container import MEMORY_OF_ONE_CPU_MB, build_layers, find_cpus, open_laboratory, run_docker
from tools.bench.copies import ROOT, Copy
from tools.sizing.measure import MEMORY_SIZES_MB, OTHERS, SETTINGS, SIZES, USUAL_MB, Bench, Figures, build_message
from tools.sizing.page import format_figures, write_figures
from workmail_local.errors import ServerError

PAGE = ROOT / "docs" / "sizing.md"
LIMIT_S = 15 * 60
LOOP = "import time; t = time.perf_counter(); sum(i * i for i in range(10_000_000)); print(time.perf_counter() - t)"
"""The reference loop of docs/sizing.md."""


def main() -> str | int:
    """Measure, print progress, and write the page. Return 0, or the reason why that is not possible."""
    parser = argparse.ArgumentParser(prog="make sizing", description="Measure the functions in Lambda's base image (docs/sizing.md).")
    parser.add_argument("--only", default="", metavar="FUNCTION,...", help=f"some of {', '.join(SETTINGS)}: only print the tables")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(SETTINGS)
    if unknown := set(chosen) - SETTINGS.keys():
        parser.error(f"no function {', '.join(sorted(unknown))} here: choose from {', '.join(SETTINGS)}")
    python = os.environ.get("PYTHON313")
    if not python:
        return "no CPython 3.13, which compiles the layers: set PYTHON313=/path/to/it"
    with tempfile.TemporaryDirectory() as name:
        try:
            figures, others, loop_s = _measure(chosen, Path(name), python, with_others=not options.only)
        except (ServerError, RuntimeError) as error:
            return str(error)
    today = datetime.now(UTC)
    lines = format_figures(figures, others, date=f"{today:%-d %B %Y}", machine=_describe_machine(), loop_s=loop_s)
    if options.only:
        print("\n", *lines, sep="\n")
    else:
        write_figures(PAGE, lines)
        print(f"\n{PAGE.relative_to(ROOT)} has the new figures")
    return 0


def _measure(
    functions: list[str], folder: Path, python: str, *, with_others: bool
) -> tuple[dict[str, dict[int, Figures]], dict[str, Figures], float]:
    started = time.monotonic()
    print("building the layers and the messages", flush=True)
    layers = build_layers(Copy("", ROOT, ROOT, ROOT), folder / "layers", python)
    figures: dict[str, dict[int, Figures]] = {}
    others: dict[str, Figures] = {}
    with open_laboratory(folder, [build_message(size) for size in SIZES]) as lab:
        bench = Bench(lab, (layers.mail, layers.availability))
        options = ["--rm", "--pull", "never", "--network", "none", "--cpus", f"{find_cpus(MEMORY_OF_ONE_CPU_MB):g}"]
        loop_s = float(run_docker("run", *options, "--entrypoint", PYTHON_IN_IMAGE, IMAGE, "-c", LOOP))
        for function in functions:
            figures[function] = {}
            for memory in MEMORY_SIZES_MB:
                if time.monotonic() - started > LIMIT_S:
                    raise RuntimeError(f"the run took longer than {LIMIT_S // 60} minutes: is another program running?")
                found = figures[function][memory] = bench.measure(function, memory, settings=SETTINGS[function])
                times = ", ".join(f"{name} {'-' if ms is None else f'{ms:.0f}'}" for name, ms in found.warm_ms.items())
                print(f"{time.monotonic() - started:4.0f} s  {function} {memory} MB: cold +{found.cold_ms:.0f} ms, {times}", flush=True)
        for function, settings in OTHERS.items() if with_others else ():
            others[function] = bench.measure(function, USUAL_MB, SIZES[1:2], settings)
            print(f"{time.monotonic() - started:4.0f} s  {function}", flush=True)
    return figures, others, loop_s


def _describe_machine() -> str:
    """Return the processor's name and the number of processors."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "An unnamed processor")
    return f"{model}, {os.cpu_count()} processors"


if __name__ == "__main__":
    sys.exit(main())
