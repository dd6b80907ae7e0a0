"""A Dockerfile as its stages: instructions and what is behind them."""

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next: the base image, and (instruction, rest) in order, lines put together."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """What is behind each instruction of that name."""
        return [rest for name, rest in self.steps if name == instruction]

    def last(self, instruction: str) -> str:
        """What is behind the last one, which is the one that counts."""
        return self.all(instruction)[-1]


def stages(path: Path) -> list[Stage]:
    """The stages of a file."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            found.append(Stage(rest.split()[0]))
        elif name:
            found[-1].steps.append((name, " ".join(rest.split())))
    return found
