import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

import mailhooks
from mailhooks.patterns import compile_late


def test_a_pattern_is_compiled_at_its_first_use_and_has_all_methods() -> None:
    late, compiled = compile_late(r"(?P<word>[a-z]+)", re.IGNORECASE), re.compile(r"(?P<word>[a-z]+)", re.IGNORECASE)
    text = "One two, 3 four"
    for _ in range(2):
        assert late.findall(text) == compiled.findall(text)
        assert late.sub("-", text, count=1) == compiled.sub("-", text, count=1)
        assert late.split(text) == compiled.split(text)
        assert [found["word"] for found in late.finditer(text, 4)] == ["two", "four"]
        assert str(late.match(text)) == str(compiled.match(text))
        assert str(late.search(text, 3, 6)) == str(compiled.search(text, 3, 6))
        assert late.fullmatch(text) is None
        assert (late.pattern, late.flags, late.groups, late.groupindex) == (compiled.pattern, compiled.flags, 1, {"word": 1})
    assert compile_late(rb"\d").findall(b"a1b2") == [b"1", b"2"]


def test_an_invalid_pattern_is_an_error_at_its_first_use() -> None:
    late = compile_late("(")
    with pytest.raises(re.error):
        late.match("")


def test_every_late_pattern_of_the_library_is_valid() -> None:
    modules = [import_module(module.name) for module in walk_packages(mailhooks.__path__, "mailhooks.")]
    late = [value for module in modules for value in vars(module).values() if isinstance(value, type(compile_late("")))]
    assert late
    assert all(value.pattern for value in late)
