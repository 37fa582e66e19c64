"""Errors of a policy, with the place in the file."""

from typing import NamedTuple

from mailhooks.errors import MailhooksError, TransientError


class Problem(NamedTuple):
    """One mistake in a policy: the expected and the given value.

    Attributes:
        line: the line in the file, from 1; 0 if the problem has none.
        rule: the name of the rule; `""` outside of rules, and in a rule without a name.
        place: keys and positions from the top, such as `rules/3/when/subject`.
    """

    line: int
    rule: str
    place: str
    text: str

    def __str__(self) -> str:
        rule = f'rule "{self.rule}": ' if self.rule else ""
        place = f"{self.place}: " if self.place else ""
        return f"{rule}{place}{self.text}"


class PolicyError(MailhooksError):
    """A policy is rejected.

    Attributes:
        problems: at least one, in the order of the file.
        more: the number of further problems, which are not listed.
    """

    def __init__(self, file: str, problems: tuple[Problem, ...], more: int = 0) -> None:
        self.file = file
        self.problems = problems
        self.more = more
        others = len(problems) - 1 + more
        super().__init__(f"{self.lines()[0]}{f' (and {others} more)' if others else ''}")

    def lines(self) -> list[str]:
        """Return one line for each problem, as a compiler does: file, line, text. The last line counts further problems."""
        lines = [f"{self.file}:{problem.line}: {problem}" if problem.line else f"{self.file}: {problem}" for problem in self.problems]
        return [*lines, f"{self.file}: and {self.more} more"] if self.more else lines


class RuleFailed(TransientError):
    """A condition or an action of a rule failed, and the rule has `on_error: retry`."""
