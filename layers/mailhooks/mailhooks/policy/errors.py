"""What is wrong with a policy, said such that whoever wrote it finds the place."""

from dataclasses import dataclass

from mailhooks.errors import MailhooksError, TransientError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        line: of the file, counted from 1; 0 where there is no file.
        rule: the rule's name; `""` where it is in none, or in one without a name.
        place: keys and positions from the top, such as `rules/3/when/subject`.
        text: what was expected, and what stands there.
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
    """A policy is refused.

    Attributes:
        file: its name.
        problems: at least one, in the order of the file.
        more: how many there are besides.
    """

    def __init__(self, file: str, problems: tuple[Problem, ...], more: int = 0) -> None:
        self.file = file
        self.problems = problems
        self.more = more
        others = len(problems) - 1 + more
        super().__init__(f"{self.lines()[0]}{f' (and {others} more)' if others else ''}")

    def lines(self) -> list[str]:
        """A line a problem, as compilers write them: file, line, what; and one with the number of those that are not told."""
        lines = [f"{self.file}:{problem.line}: {problem}" if problem.line else f"{self.file}: {problem}" for problem in self.problems]
        return [*lines, f"{self.file}: and {self.more} more"] if self.more else lines


class RuleFailed(TransientError):
    """What a rule needs could not be had, and the rule says `on_error: retry`."""
