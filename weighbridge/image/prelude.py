"""An instruction without what it only sets up before it acts: flags of RUN, `set -eux`, exported variables."""

from __future__ import annotations

import re

_LONGEST = 20_000
"""Of the instructions that are looked into; a longer one is shown as it is."""
_RUN = r"RUN\s+"
_FLAG = r"--[a-z]+(?:=\S*)?\s+|<<-?\s*(['\"]?)\w+\1(?:\s+|$)"
"""`--mount=…`, `--network=…`, `--security=…`, and a heredoc's beginning."""
_VARIABLE = r"\\.|\$\{[^{}]*\}|\$[\w?#*@!-]"
_VALUE = rf"""(?:[^\s;&|()<>`'"$\\]|{_VARIABLE}|'[^']*'|"(?:[^"\\$`]|{_VARIABLE}|\$(?!\())*+")*+"""
"""What a shell puts into a variable without running anything. The possessive `*+` keeps a quote that is not closed from
costing time without end, since a dollar sign is read in more than one way."""
_ASSIGNMENT = rf"[A-Za-z_]\w*={_VALUE}"
_ENDS = r"(?=\s*(?:;|&&|$))"
_SETTING = (
    r"(?>set(?:\s+[-+](?!-)[A-Za-z]+(?:(?<=o)\s+[a-z]+)?)+"
    r"|umask\s+[0-7ugoarwx=+,-]+"
    rf"|export(?:\s+{_ASSIGNMENT})+"
    rf"|(?:export|unset)(?:\s+[A-Za-z_]\w*)+{_ENDS}"
    rf"|(?:{_ASSIGNMENT}\s+)*{_ASSIGNMENT}{_ENDS}"
    rf"|(?::|true){_ENDS})"
)
"""A statement that only sets something up. An assignment in front of a command belongs to that command."""
_END = r"(?:\s*(?:;(?!;)|&&)\s*|\s+(?![|&;<>)])|$)"
"""Of a heredoc that was put on one line, a blank."""
_STATEMENT = rf"{_SETTING}{_END}"
_TEST = r"(?:\[{1,2}\s[^;&|]*?\s\]{1,2}|test\s[^;&|]*?)"
_SETTINGS = rf"(?:{_SETTING}{_END})+?"
_GUARD = (
    rf"if\s+{_TEST}\s*(?:;\s*|\s)then\s+{_SETTINGS}(?:else\s+{_SETTINGS})?fi\b{_END}"
    rf"|{_TEST}\s*(?:&&|\|\|)\s*(?:\{{\s*)?{_SETTING}\s*;(?:\s*\}}\s*;)?\s*"
)
"""A condition under which something is set up, and nothing else done. To compile this takes 2 ms."""
_GUARD_BEGINNINGS = ("if", "[", "test")


def strip_prelude(instruction: str) -> str:
    """Return what an instruction does, for people to read: `RUN apt-get install …`.

    It is `RUN` and the rest of the instruction from where that does something; the whole, where it only sets up.

    Args:
        instruction: On one line, as `history` tells it. What is no RUN is returned as it is.
    """
    begin = re.match(_RUN, instruction)
    if begin is None or len(instruction) > _LONGEST:
        return instruction
    at = _skip(instruction, begin.end(), _FLAG)
    at = _skip(instruction, at, _STATEMENT, _GUARD)
    rest = instruction[at:]
    return f"RUN {rest}" if at > begin.end() and rest.strip() else instruction


def _skip(text: str, at: int, *patterns: str) -> int:
    """Return where, from `at` on, none of the patterns matches any more."""
    while found := next((each for pattern in patterns if (each := _match(pattern, text, at))), None):
        at = found.end()
    return at


def _match(pattern: str, text: str, at: int) -> re.Match[str] | None:
    """Match a pattern, which is compiled when the first instruction may begin so; `re` keeps it."""
    if pattern is _GUARD and not text.startswith(_GUARD_BEGINNINGS, at):
        return None
    return re.compile(pattern).match(text, at)
