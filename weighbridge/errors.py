"""The errors that a user can do something about, each with its exit code and its advice.

The tree:

    WeighbridgeError
      SettingsError      2  the settings, an option or a variable does not make sense
        NotComparable       two images are of unlike platform or base
      SourceError        3
        NoSuchImage         the source has no image of that name
        UnreadableImage     the bytes are not an image, or a part is missing
          LimitExceeded     it has more than the limits of the settings allow
        UnreadableRecord    a file under reports/ is not a record
          NewerRecord         a newer version of Weighbridge wrote it
      EngineError        4
        NoEngine            nothing answers where Docker's tools would look
        NoBuilder           no client on PATH can drive BuildKit, or not for the wanted platforms
        NoBaseImage         a base image is not present, and cannot be pulled or built
        EngineFault         the engine answered with an error
        PushRefused         a registry refused an image, or has another one than was pushed
      BuildFailed        5
      OverBudget         6
      SmokeFailed        7

Exit code 0 means fine, and 1 is Invoke's own. `EXIT_CODES` is the table that the README prints.
"""

from __future__ import annotations

BUILD_FIRST = "Run `invoke build` first."
"""The advice where an image is missing that `invoke build` makes."""


class WeighbridgeError(Exception):
    """Superclass of all our errors, never raised itself.

    Attributes:
        exit_code: The exit code of the process.
        advice: What the user can do next, a sentence; whoever raises the error may pass a better one.
        detail: Lines to show below the message, such as the end of a log; often empty.
    """

    exit_code: int = 1
    advice: str = ""

    def __init__(self, message: str, *, advice: str | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = self.advice if advice is None else advice
        self.detail = detail

    def __str__(self) -> str:
        """Return one line: what happened and why, then what to do."""
        return f"{self.message}. {self.advice}" if self.advice else self.message


class SettingsError(WeighbridgeError):
    """A setting, an option or an environment variable does not make sense."""

    exit_code = 2
    advice = "Correct it in the settings."


class NotComparable(SettingsError):
    """Two images are asked to be compared whose figures cannot be subtracted from each other."""

    advice = "Compare images of one platform, on one base."


class SourceError(WeighbridgeError):
    """An image or a record does not exist, or is not what it should be."""

    exit_code = 3


class NoSuchImage(SourceError):
    """The source has no image of that name."""

    advice = "Correct its name, or fetch it with `docker pull`."


class UnreadableImage(SourceError):
    """The bytes are not an image, or a part of it is missing."""

    advice = "Save the image again and compare the files' checksums."


class LimitExceeded(UnreadableImage):
    """An image has more of something than `limits` in invoke.yaml allows. No source goes on after it."""

    advice = "Raise the limit in the settings, under limits, if that is right."


class UnreadableRecord(SourceError):
    """A file is not a record of `invoke report`."""

    advice = "Delete the file, or write a new record with `invoke report`."


class NewerRecord(UnreadableRecord):
    """A record has a format that a newer version of Weighbridge writes."""

    advice = "Use that version."


class EngineError(WeighbridgeError):
    """The container engine is missing, or cannot do what we need."""

    exit_code = 4


class NoEngine(EngineError):
    """No container engine answers where Docker's own tools would look for one."""

    advice = "Run `invoke engine`."


class NoBuilder(EngineError):
    """No Docker client on PATH can drive BuildKit, or not for the wanted platforms."""

    advice = "Install your distribution's docker-buildx package, then run `invoke engine`."


class NoBaseImage(EngineError):
    """A base image is not present, cannot be pulled, and cannot be built here."""

    advice = "Run `invoke engine`."


class EngineFault(EngineError):
    """The engine answered a request with an error."""

    advice = "Look into the engine's log, then try again."


class PushRefused(EngineError):
    """A registry refused an image, or has another image than was pushed."""

    advice = "Try again; if the error stays, look into the engine's log and ask whoever runs the registry."


class BuildFailed(WeighbridgeError):
    """A step of the Dockerfile failed, or the Dockerfile could not be read."""

    exit_code = 5
    advice = "Correct the step and run `invoke build` again; the steps before it stay cached."


class OverBudget(WeighbridgeError):
    """An image weighs more than the settings allow."""

    exit_code = 6
    advice = "Remove what the finding names, or raise the limit under budgets in the settings and note why."


class SmokeFailed(WeighbridgeError):
    """A rule of `invoke smoke` does not hold."""

    exit_code = 7
    advice = "Run `invoke smoke --keep` to look into the containers."


EXIT_CODES: dict[int, str] = {
    0: "fine",
    1: "Invoke's own error, such as a wrong option, or a bug of ours",
    SettingsError.exit_code: "wrong settings",
    SourceError.exit_code: "no such image, or it is unreadable",
    EngineError.exit_code: "no engine, no builder, no base image, or the registry refused a push",
    BuildFailed.exit_code: "build failed",
    OverBudget.exit_code: "over budget",
    SmokeFailed.exit_code: "smoke failed",
}
