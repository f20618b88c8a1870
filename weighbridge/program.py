"""The program `weighbridge`: the tasks of the collection, in any folder and without Invoke's own files."""

from __future__ import annotations

from pathlib import Path

from invoke.config import Config
from invoke.program import Program

from weighbridge import tasks
from weighbridge.commands.cli import show_user_errors
from weighbridge.commands.version import read_version


class ProgramConfig(Config):
    """Reads nothing but the file of `--config`: `commands.project` finds the project's settings."""

    prefix = "weighbridge"

    def load_system(self, merge: bool = True) -> None:  # noqa: FBT001, FBT002 - Invoke's own signature, as below
        """Read no file of the machine."""

    def load_user(self, merge: bool = True) -> None:  # noqa: FBT001, FBT002
        """Read no file of the user."""

    def load_shell_env(self) -> None:
        """Read no variable."""

    def load_runtime(self, merge: bool = True) -> None:  # noqa: FBT001, FBT002
        """Read the file of `--config`.

        Raises:
            SettingsError: It does not exist, is no YAML and no JSON, or cannot be read.
        """
        from weighbridge.commands.second_file import OPTION, SecondFile, read_second_file  # noqa: PLC0415

        if self._runtime_path:
            found = read_second_file(SecondFile(path=Path(self._runtime_path).expanduser(), named_by=OPTION))
            self._set(_runtime=dict(found))
        if merge:
            self.merge()


class WeighbridgeProgram(Program):
    """Invoke's program with our tasks."""

    def print_version(self) -> None:
        """Print the name and the version, which only now is looked up."""
        self.version = read_version()
        super().print_version()

    def update_config(self, merge: bool = True) -> None:  # noqa: FBT001, FBT002
        """Take what the command line sets, and say what is wrong with it in one line."""
        with show_user_errors():
            super().update_config(merge=merge)


program = WeighbridgeProgram(
    namespace=tasks.program_ns,
    name="Weighbridge",
    binary="weighbridge",
    binary_names=["weighbridge"],
    config_class=ProgramConfig,
)


def main() -> None:
    """Run the program with the words of the command line."""
    program.run()
