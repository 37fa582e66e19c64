"""The tables of docs/sizing.md: prices, the choice of a memory size, and the place of the tables in the page."""

from email import message_from_bytes

import pytest

from tools.sizing.measure import MEMORY_SIZES_MB, SIZES, Figures, Size, build_message
from tools.sizing.page import BEGIN, END, format_advice, format_figures, replace_figures
from tools.sizing.prices import find_cost

LARGEST = SIZES[-1].name


def make_figures(warm_ms: float | None = 100.0, cold_ms: float = 1000.0, peak_mb: float = 100.0) -> Figures:
    return Figures(cold_ms, {size.name: warm_ms for size in SIZES}, {size.name: peak_mb for size in SIZES})


def advise(**by_memory: Figures) -> str:
    """Return the advice for one function: `mb512=...`; the other sizes are as good as can be."""
    return format_advice({"rewrite": {memory: by_memory.get(f"mb{memory}", make_figures()) for memory in MEMORY_SIZES_MB}})


@pytest.mark.parametrize(
    "milliseconds, memory_mb, processor, cost",
    [
        (1000, 1024, "x86_64", 0.20 + 16.6667),
        (1000, 1024, "arm64", 0.20 + 13.3334),
        (100, 512, "x86_64", 0.20 + 0.833335),
    ],
)
def test_a_million_calls_cost_their_requests_and_their_duration(milliseconds: float, memory_mb: int, processor: str, cost: float) -> None:
    assert find_cost(milliseconds, memory_mb, processor) == pytest.approx(cost)


def test_the_smallest_size_that_is_enough_is_recommended() -> None:
    assert advise(mb256=make_figures(peak_mb=129.0)).startswith("**Recommended: 512 MB")


@pytest.mark.parametrize(
    "too_small",
    [
        make_figures(warm_ms=9500.0, cold_ms=600.0),
        make_figures(warm_ms=None),
        make_figures(peak_mb=129.0),
    ],
    ids=["too slow with a cold start", "not in time", "needs more than half of the memory"],
)
def test_a_size_that_is_too_small_is_not_recommended(too_small: Figures) -> None:
    assert "Recommended: 256 MB" in advise()
    assert "Recommended: 512 MB" in advise(mb256=too_small)


def test_without_a_size_that_is_enough_nothing_is_recommended() -> None:
    slow = make_figures(warm_ms=10_000.0)
    assert "No size" in advise(**{f"mb{memory}": slow for memory in MEMORY_SIZES_MB})


def test_a_row_has_the_time_and_the_cost_with_each_size_and_marks_what_does_not_end_in_time() -> None:
    figures = {memory: make_figures(warm_ms=None if memory == 256 else 250.0) for memory in MEMORY_SIZES_MB}
    others = {"observe": Figures(900.0, {"100 KB": 20.0}, {"100 KB": 45.0})}

    lines = list(format_figures({"rewrite": figures}, others, date="1 May 2026", machine="A processor", loop_s=0.5))

    [row] = [line for line in lines if line.startswith(f"| {LARGEST} |")]
    assert row == f"| {LARGEST} | **over 14 s** | 0.25 s, $2.28 | 0.25 s, $4.37 | 0.25 s, $7.40 | 0.25 s, $12.44 | 100 MB |"
    assert "| `observe` | 0.020 s, $0.53 | 0.90 s, $15.00 | 45 MB |" in lines
    assert lines[0] == "Measured on 1 May 2026. A processor; the reference loop needs 0.50 s there."


def test_only_the_text_between_the_marks_is_replaced() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n"

    assert replace_figures(page, iter(["new"])) == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nThe end.\n"
    with pytest.raises(ValueError, match="needs the lines"):
        replace_figures("# Title\n", iter(["new"]))


@pytest.mark.parametrize("size", SIZES[:3], ids=lambda size: size.name)
def test_a_message_has_the_size_of_its_name_and_an_attachment(size: Size) -> None:
    number, unit = size.name.split()
    raw = build_message(size)

    assert len(raw) == pytest.approx(int(number) * {"KB": 1000, "MB": 1_000_000}[unit], rel=0.1)
    parts = [part.get_content_type() for part in message_from_bytes(raw).walk() if not part.is_multipart()]
    assert parts == ["text/plain", "text/html", "application/pdf"]
    assert max(map(len, raw.split(b"\r\n"))) < 998
