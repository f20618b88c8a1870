"""The exceptions by which a rule says that it does not hold."""

from __future__ import annotations

from weighbridge.model.container import ContainerState


class CheckFailed(Exception):
    """A rule does not hold. The text is one line: what the rule saw and, where that helps, what to do."""

    def __init__(self, text: str, *, cause: str = "", from_base: bool = False) -> None:
        """Take the text.

        Args:
            text: What the rule saw.
            cause: The part of it that another rule may tell, too; empty: none may.
            from_base: Whether all that the rule objects to lies in the layers of the base image.
        """
        super().__init__(text)
        self.cause = cause
        self.from_base = from_base


class RoleEnded(CheckFailed):
    """A role has ended that has to run. Whoever catches this says why."""

    def __init__(self, role: str, state: ContainerState) -> None:
        super().__init__(f"{role} has ended, with code {state.exit_code}")
        self.role = role
        self.state = state
