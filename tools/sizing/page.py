"""Writes the figures into docs/sizing.md, between two marks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tools.sizing.measure import MEMORY_SIZES_MB, SIZES, TIMEOUT_S, USUAL_MB, Figures
from tools.sizing.prices import find_cost, find_duration_cost

BEGIN: Final = "<!-- make sizing writes from here -->"
END: Final = "<!-- to here -->"

_ENOUGH_S: Final = 10.0
"""Of the 15 s that WorkMail waits: the rest is for the network, which this machine does not have."""

_MEMORY_SHARE: Final = 0.5


def replace_figures(page: str, lines: Iterator[str]) -> str:
    """Return the page with these lines between its marks.

    Raises:
        ValueError: the page does not have both marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"docs/sizing.md needs the lines {BEGIN} and {END}")
    return "\n".join([f"{before}{begin}\n", *lines, f"\n{end}{after}"])


def write_figures(page: Path, lines: Iterator[str]) -> None:
    """Replace the figures of a page."""
    page.write_text(replace_figures(page.read_text("utf-8"), lines), "utf-8")


def format_figures(
    figures: Mapping[str, Mapping[int, Figures]], others: Mapping[str, Figures], *, date: str, machine: str, loop_s: float
) -> Iterator[str]:
    """Yield the tables.

    Args:
        figures: by function and memory size.
        others: with the usual memory size.
        date: of the run.
        machine: its processor.
        loop_s: seconds of the reference loop with one processor.
    """
    yield f"Measured on {date}. {machine}; the reference loop needs {loop_s:.2f} s there."
    for function, by_memory in figures.items():
        yield from ("", f"### `{function}`", "")
        yield f"| message | {' | '.join(f'{memory} MB' for memory in by_memory)} | memory used |"
        yield "|---" * (len(by_memory) + 2) + "|"
        for size in SIZES:
            cells = [_format_call(each.warm_ms[size.name], memory) for memory, each in by_memory.items()]
            used = max(each.peak_mb.get(size.name, 0) for each in by_memory.values())
            yield f"| {size.name} | {' | '.join(cells)} | {used:.0f} MB |"
        cells = [f"{_seconds(each.cold_ms)}, ${find_duration_cost(each.cold_ms, memory):.2f}" for memory, each in by_memory.items()]
        yield f"| *a cold start adds* | {' | '.join(cells)} | |"
    yield from ("", f"### The other functions, with {USUAL_MB} MB", "")
    yield from ("| function | time, cost | a cold start adds | memory used |", "|---|---|---|---|")
    for function, each in others.items():
        [(name, time)] = each.warm_ms.items()
        cold = f"{_seconds(each.cold_ms)}, ${find_duration_cost(each.cold_ms, USUAL_MB):.2f}"
        yield f"| `{function}` | {_format_call(time, USUAL_MB)} | {cold} | {each.peak_mb[name]:.0f} MB |"
    yield from ("", format_advice(figures))


def format_advice(figures: Mapping[str, Mapping[int, Figures]]) -> str:
    """Return the sentence with the smallest memory size that is enough in every function for the largest message after a cold start."""
    largest = SIZES[-1].name
    for memory in MEMORY_SIZES_MB:
        chosen = [by_memory[memory] for by_memory in figures.values()]
        times = [each.cold_ms + warm for each in chosen if (warm := each.warm_ms[largest]) is not None]
        used = max(each.peak_mb[largest] for each in chosen)
        if len(times) == len(chosen) and max(times) / 1000 <= _ENOUGH_S and used <= memory * _MEMORY_SHARE:
            return (
                f"**Recommended: {memory} MB or more**, the smallest of these sizes in which each function, with the largest message and a "
                f"cold start, ends within {_ENOUGH_S:g} s ({_seconds(max(times))} here) and needs at most half of the memory "
                f"({used:.0f} MB with this size). The rest of WorkMail's 15 s is for the network."
            )
    return f"**No size here ends within {_ENOUGH_S:g} s with the largest message after a cold start.**"


def _format_call(milliseconds: float | None, memory: int) -> str:
    if milliseconds is None:
        return f"**over {TIMEOUT_S} s**"
    return f"{_seconds(milliseconds)}, ${find_cost(milliseconds, memory):.2f}"


def _seconds(milliseconds: float) -> str:
    """Return a time with two digits that count."""
    seconds = milliseconds / 1000
    return f"{seconds:.3f} s" if seconds < 0.1 else f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
