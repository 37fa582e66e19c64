"""`make fidelity`: judge the disclaimer in each message of a collection, with every position and several disclaimers.

python -m tools.fidelity [--implementation MODULE:FUNCTION] [DIR_OR_FILE ...]
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tests.fidelity.cases import CASES
from tests.fidelity.judge import Adder, Case, Judge
from tests.fidelity.mutants import mutants
from tests.fidelity.verdict import Finding, Kind

CORPUS = Path(__file__).parents[1] / "tests/corpus/mail"
KEPT = Path(__file__).parents[1] / ".local/fidelity"
"""The folder for mutants with a bad verdict."""

_NO_MAIL = ("LICENSE", "README", "COPYING", ".")


class Row(NamedTuple):
    """The verdict on one message: the worst finding of all cases, and the number of cases of each kind."""

    name: str
    worst: Finding
    case: str
    kinds: Counter[Kind]
    seconds: float


def main() -> int:
    options = _options()
    add, explain = _implementation(options.implementation)
    rows = []
    started = time.perf_counter()
    for path in _messages(options.places):
        raw = path.read_bytes()
        rows.append(row := judge_message(path.name, raw, CASES, add, explain))
        print(_line(row), flush=True)
        for number, mutant in enumerate(mutants(raw, options.mutants)):
            name = f"{path.name}.{number}"
            rows.append(row := judge_message(name, mutant, CASES[number % len(CASES) :][:1], add, explain))
            if row.worst.kind.bad:
                _keep(name, mutant)
                print(_line(row), flush=True)
    _summary(rows, time.perf_counter() - started)
    return 1 if not rows or any(row.worst.kind.bad for row in rows) else 0


def judge_message(name: str, raw: bytes, cases: list[Case], add: Adder, explain: Callable[[bytes], str] | None) -> Row:
    judge = Judge(raw, add, explain)
    started = time.perf_counter()
    found = [(judge.verdict(case), case.name) for case in cases]
    worst, case = max(found, key=lambda pair: pair[0].kind)
    return Row(name, worst, case, Counter(finding.kind for finding, _ in found), time.perf_counter() - started)


def _keep(name: str, raw: bytes) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / name).write_bytes(raw)


def _line(row: Row) -> str:
    share = f"{row.kinds[row.worst.kind]:>2} of {sum(row.kinds.values())}"
    detail = f"{row.case}: {row.worst.detail}" if row.worst.kind.bad else row.worst.detail
    return f"{row.name[-58:]:58}  {row.worst.kind!s:18}  {share:8}  {detail}".rstrip()


def _summary(rows: list[Row], seconds: float) -> None:
    worst = Counter(row.worst.kind for row in rows)
    cases = sum((row.kinds for row in rows), Counter[Kind]())
    print(f"\n{'verdict':18} {'messages':>9} {'cases':>9}")
    for kind in Kind:
        print(f"{kind!s:18} {worst[kind]:9} {cases[kind]:9}{'   BAD' if kind.bad and cases[kind] else ''}")
    slowest = max(rows, key=lambda row: row.seconds, default=None)
    print(f"{'all':18} {len(rows):9} {sum(cases.values()):9}   in {seconds:.1f} s", end="")
    print(f", of which {slowest.seconds:.1f} s for {slowest.name}" if slowest else "; no message found")


def _messages(places: list[Path]) -> Iterator[Path]:
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and not path.name.startswith(_NO_MAIL))


def _implementation(name: str) -> tuple[Adder, Callable[[bytes], str] | None]:
    module_name, _, function = name.partition(":")
    module = import_module(module_name)
    return getattr(module, function), getattr(module, "explain", None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.fidelity", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "places", nargs="*", type=Path, default=[CORPUS], metavar="DIR_OR_FILE", help="folders of messages, or files of one message"
    )
    parser.add_argument(
        "--implementation", default="mailhooks.content.disclaimer:add_disclaimer", metavar="MODULE:FUNCTION", help="the function to judge"
    )
    parser.add_argument("--mutants", default=0, type=int, metavar="N", help="also judge N broken copies of each message")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
