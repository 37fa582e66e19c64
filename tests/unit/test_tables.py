import pytest

from tests.support.tables import check_rows


def is_even(name: str, number: int) -> None:
    assert number % 2 == 0, f"{number} is odd"


def test_every_failing_row_is_named():
    with pytest.raises(AssertionError, match=r"^2 of 3 rows fail\nrow 1, 'a': .* 1 is odd[^$]*\nrow 3, 'c': .* 3 is odd"):
        check_rows([("a", 1), ("b", 2), ("c", 3)], is_even)


def test_a_row_that_raises_nothing_where_it_should_fails():
    def raises_value_error(text: str) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            int(text)

    with pytest.raises(AssertionError, match=r"^1 of 2 rows fail\nrow 2, '7': Failed"):
        check_rows([("x",), ("7",)], raises_value_error)


def test_a_table_without_failures_passes_and_one_without_rows_fails():
    check_rows([("a", 2)], is_even)
    with pytest.raises(AssertionError, match="no rows"):
        check_rows([], is_even)
