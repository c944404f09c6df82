"""A command line as a table: one record per flag says how it is typed and which field of the configuration it sets.

Parser, help and configuration of every command come from its table. Defaults stand in the configuration only: a flag
that was not typed leaves its field alone, and `{default}` in a help text is read from the field.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from gansformer_tf.cli.common import Parser, run_script
from gansformer_tf.cli.values import boolean
from gansformer_tf.config.presets import Sections

ConfigT = TypeVar("ConfigT")

# The section of what the command itself acts on.
OWN = "command"


@dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes:
        names: Its spellings, separated by spaces.
        help: For `-h`; `{default}` is the default of its field.
        type: Of its value; `bool` makes a switch that also takes True or False.
        sections: Configurations that its value belongs to.
        field: Its field there; empty: as the first spelling.
        choices: Allowed values.
        metavar: Placeholder in `-h`.
        further: Other arguments of argparse, such as `{"action": "append"}`.
    """

    names: str
    help: str
    type: Callable[[str], Any] = str
    sections: tuple[str, ...] = (OWN,)
    field: str = ""
    choices: tuple[Any, ...] | None = None
    metavar: str | None = None
    further: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The first spelling."""
        return self.names.split()[0]

    @property
    def dest(self) -> str:
        """Attribute of the parsed arguments."""
        return self.further.get("dest", self.name.lstrip("-").replace("-", "_"))

    @property
    def target(self) -> str:
        """Field of the configurations that it sets."""
        return self.field or self.dest


@dataclass(frozen=True)
class Command(Generic[ConfigT]):
    """A command line.

    Attributes:
        prog, description, usage, epilog: For `-h`.
        groups: Title and flags of each part of `-h`.
        configs: The configuration class of each section, whose defaults `-h` shows.
        build: Makes the configuration from the values that were typed, by section and field.
    """

    prog: str
    description: str
    usage: str
    groups: tuple[tuple[str, tuple[Flag, ...]], ...]
    configs: Mapping[str, type]
    build: Callable[[Sections], ConfigT]
    epilog: str = ""

    @property
    def flags(self) -> tuple[Flag, ...]:
        """All flags, as `-h` lists them."""
        return tuple(flag for _, flags in self.groups for flag in flags)

    def parser(self, prog: str | None = None) -> Parser:
        """A parser of all flags; `prog` is what the command is called, if it is not called by its own name."""
        parser = Parser(
            prog=prog or self.prog, description=self.description, usage=self.usage, epilog=self.epilog or None
        )
        for title, flags in self.groups:
            group = parser.add_argument_group(title)
            for flag in flags:
                _add(group, flag, self.help_of(flag))
        return parser

    def typed(self, arguments: argparse.Namespace) -> Sections:
        """The values that were typed, by section and field."""
        given = vars(arguments)
        values: Sections = {section: {} for section in self.configs}
        for flag in self.flags:
            if flag.dest in given:
                for section in flag.sections:
                    values[section][flag.target] = given[flag.dest]
        return values

    def config(self, arguments: argparse.Namespace) -> ConfigT:
        """The configuration that parsed arguments ask for.

        Raises:
            ConfigError: A value breaks a rule.
            UsageError: Flags do not go together.
        """
        return self.build(self.typed(arguments))

    def read(self, words: Sequence[object]) -> ConfigT:
        """The configuration that the words of a command line ask for, without the script's name."""
        return self.config(self.parser().parse_args([str(word) for word in words]))

    def help_of(self, flag: Flag) -> str:
        """The help text of a flag with its default."""
        if "{default}" not in flag.help:
            return flag.help
        (found,) = (
            item.default for item in dataclasses.fields(self.configs[flag.sections[0]]) if item.name == flag.target
        )
        return flag.help.replace("{default}", format(found, "g") if isinstance(found, float) else str(found))


def run_command(command: Command[ConfigT], main: Callable[[ConfigT], int | None], prog: str | None = None) -> NoReturn:
    """Reads `sys.argv`, runs `main(configuration)` and exits with its status; see `run_script`."""
    run_script(command.parser(prog), lambda arguments: main(command.config(arguments)))


def _add(group: Any, flag: Flag, text: str) -> None:
    """Adds one flag to an argument group."""
    names = flag.names.split()
    if "action" in flag.further:
        shown = {"metavar": flag.metavar} if flag.metavar else {}
        group.add_argument(*names, help=text, **shown, **flag.further)
    elif flag.type is bool:
        group.add_argument(*names, nargs="?", const=True, type=boolean, metavar="BOOL", help=text)
    elif flag.choices is not None:
        group.add_argument(*names, type=flag.type, choices=flag.choices, help=text, metavar=_listed(flag.choices))
    else:
        metavar = flag.metavar or {int: "N", float: "X"}.get(flag.type, "VALUE")  # type: ignore[call-overload]
        group.add_argument(*names, type=flag.type, help=text, metavar=metavar, **flag.further)


def _listed(choices: tuple[Any, ...]) -> str:
    return "{" + ",".join("none" if choice is None else str(choice) for choice in choices) + "}"
