"""`make bench`: measure cold starts, warm calls, large mail, policies, free/busy and throughput, with their bars.

Examples:
    make bench
    make bench ONLY=cold,warm
    make bench BASE=../another-checkout
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bench import availability, functions, large, local, memory, policy
from tools.bench.copies import ROOT, Copy, make_copy
from tools.bench.measure import print_bars

Section = Callable[[Sequence[Copy], Path], None]

SECTIONS: dict[str, Section] = {
    "cold": functions.measure_cold_starts,
    "warm": functions.measure_warm_calls,
    "large": lambda _copies, _folder: large.main(),
    "memory": lambda copies, _folder: memory.main(copies),
    "policy": lambda _copies, _folder: policy.main(),
    "availability": availability.main,
    "local": lambda _copies, _folder: local.main(),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure this project on this machine.")
    parser.add_argument("--only", default="", metavar="SECTION,...", help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="another checkout, which is measured in turn with this one")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(SECTIONS)
    if unknown := set(chosen) - SECTIONS.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; medians of one run, with processes in turn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = [make_copy(ROOT, folder / "ours")]
        if options.base:
            copies.append(make_copy(options.base.resolve(), folder / "base", "BASE"))
        for section in chosen:
            SECTIONS[section](copies, folder)
    print_bars()


if __name__ == "__main__":
    main()
