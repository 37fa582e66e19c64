"""`make bench`: measure cold starts, warm calls, large mail, policies, free/busy and throughput, with their bars.

Examples:
    make bench
    make bench ONLY=cold,warm
    make bench ONLY=container
    make bench ONLY=postfix
    make bench ONLY=local MESSAGES=2000
    make bench BASE=../another-checkout
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bench import availability, container, functions, instructions, large, local, memory, policy, postfix, profile, search, tls
from tools.bench.copies import ROOT, Copy, make_copy
from tools.bench.measure import print_bars

Section = Callable[[Sequence[Copy], Path], None]

SECTIONS: dict[str, Section] = {
    "cold": functions.measure_cold_starts,
    "warm": functions.measure_warm_calls,
    "tls": tls.main,
    "profile": profile.main,
    "instructions": instructions.main,
    "large": large.main,
    "memory": lambda copies, _folder: memory.main(copies),
    "policy": lambda _copies, _folder: policy.main(),
    "availability": lambda copies, _folder: availability.main(copies),
    "local": lambda copies, _folder: local.main(copies, int(os.environ.get("MESSAGES") or local.MESSAGES)),
    "search": lambda _copies, _folder: search.main(),
    "container": container.main,
    "postfix": lambda _copies, _folder: postfix.main(int(os.environ.get("MESSAGES") or postfix.MESSAGES)),
}
ON_REQUEST = frozenset({"container", "postfix"})  # they need minutes, for layers that are built and for packages that are installed


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure this project on this machine.")
    parser.add_argument(
        "--only",
        default="",
        metavar="SECTION,...",
        help=f"some of {', '.join(SECTIONS)}; default: all but {' and '.join(sorted(ON_REQUEST))}",
    )
    parser.add_argument("--base", default="", metavar="FOLDER,...", help="other checkouts, which are measured in turn with this one")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else [name for name in SECTIONS if name not in ON_REQUEST]
    if unknown := set(chosen) - SECTIONS.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; medians of one run, with processes in turn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = [make_copy(ROOT, folder / "ours")]
        for number, base in enumerate(Path(each).resolve() for each in options.base.split(",") if each):
            copies.append(make_copy(base, folder / f"base-{number}", base.name))
        for section in chosen:
            SECTIONS[section](copies, folder)
    print_bars()


if __name__ == "__main__":
    main()
