"""Recognizes a build that failed because a tool does not trust a server's certificate, and says what to add.

Behind a proxy that inspects TLS, each server has a certificate of the proxy's own authority. This machine knows that
authority, and `buildkit` gives its bundle to every build as the secret `ca`. What a step has to do is to use it, and
each tool wants it in its own way. A certificate that has expired, or is another server's, is none of this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SECRET = "/run/secrets/ca"  # noqa: S105 - a path, and what lies there is public
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_UNTRUSTED = re.compile(
    r"self[- ]signed certificate|unable to get (?:local )?issuer certificate|unable to verify the first certificate"
    r"|signed by unknown authority|UnknownIssuer|issuer is unknown|have a known issuer|issuer is not recognized"
    r"|certificate not trusted|signer not trusted|certificate verification failed"
    r"|certificate verify failed(?!: (?:IP|Host|certificate))"
    r"|No system certificates available|SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)",
    re.IGNORECASE,
)
"""OpenSSL, GnuTLS, Go, rustls, Node, apt, apk and git, each in its words."""
_BEGIN = r"(?:^RUN\s+(?:--\S+\s+)*|[;&|({]\s*|\s(?:then|do|else|exec|env|-m)\s+|/bin/)(?:\w+=\S*\s+)*"
"""What stands before a program's name where a shell's line starts it."""
_USES_SECRET = re.compile(r"--mount=\S*\bid=ca\b")


@dataclass(frozen=True, slots=True)
class _Tool:
    """A program that fetches something in a build."""

    name: str
    printed: str
    """Regular expression of what only this tool prints where it does not trust a certificate."""
    called: str
    """Regular expression of how a step calls it."""
    variables: tuple[str, ...] = ()
    """Those that name its bundle; none: it reads the system's file, in whose place the secret is mounted."""


_TOOLS = (
    _Tool("npm", r"^npm (?:ERR!|error|verb)", r"npm|npx", ("NODE_EXTRA_CA_CERTS",)),
    _Tool("yarn", r"^(?:➤ )?YN\d+|^error .*registry\.yarnpkg", r"yarn", ("NODE_EXTRA_CA_CERTS",)),
    _Tool("pnpm", r"ERR_PNPM", r"pnpm", ("NODE_EXTRA_CA_CERTS",)),
    _Tool("curl", r"^curl: \(\d+\)", r"curl", ("CURL_CA_BUNDLE",)),
    _Tool("git", r"^fatal: unable to access", r"git", ("GIT_SSL_CAINFO",)),
    _Tool("go", r"^go: |x509: ", r"go", ("SSL_CERT_FILE",)),
    _Tool("cargo", r"(?:index\.|static\.)?crates\.io", r"cargo", ("CARGO_HTTP_CAINFO",)),
    _Tool("apt", r"^[EW]: |^(?:Err|Ign):\d+ ", r"apt(?:-get)?"),
    _Tool("apk", r"APKINDEX|/alpine/", r"apk"),
    _Tool("wget", r"^ERROR: (?:The|cannot verify)|^wget: |ssl_client", r"wget"),
    _Tool("uv", r"invalid peer certificate", r"uv", ("SSL_CERT_FILE",)),
    _Tool(
        "poetry",
        r"^\s*-? ?(?:Installing|Updating dependencies)|All attempts to connect",
        r"poetry",
        ("REQUESTS_CA_BUNDLE",),
    ),
    _Tool("pip", r"confirming the ssl certificate|/simple/", r"pip3?", ("PIP_CERT",)),
    _Tool("python", r"_ssl\.c:", r"python3?", ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")),
)
_ANY = _Tool("the tool", "", "", ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"))


def find_advice(instruction: str, output: Sequence[str]) -> str | None:
    """Return what to do about a step that failed; None if no certificate is the reason.

    Args:
        instruction: Of the step that failed, such as `RUN pip install …`.
        output: The last lines that it printed, and the builder's own reason.

    Returns:
        One sentence or more on one line. For a RUN it names the build secret and the lines to begin the step with.
    """
    line = next((each for each in reversed(output) if _UNTRUSTED.search(each)), None)
    if line is None:
        return None
    if not re.match(r"RUN\b", instruction, re.IGNORECASE):
        return (
            "The engine does not trust that server's certificate: add the authority that signed it to the certificates "
            "of the engine's machine, restart the engine, and run `invoke build` again."
        )
    tool = _find_tool(line, instruction)
    if _USES_SECRET.search(instruction):
        setting = f", and that the step gives it to {tool.name} ({', '.join(tool.variables)})" if tool.variables else ""
        return (
            f"{tool.name.capitalize()} does not trust that certificate, although the step has the build secret `ca`: "
            f"make sure that this machine's bundle holds the authority that signed it (SSL_CERT_FILE names another "
            f"bundle){setting}."
        )
    begin = " and ".join(f"`{each}`" for each in list_lines(tool.name))
    return (
        f"{tool.name.capitalize()} does not trust that certificate, as behind a proxy that inspects TLS. "
        f"The build secret `ca` holds the certificates that this machine trusts: begin the step with {begin}."
    )


def list_lines(name: str) -> tuple[str, ...]:
    """Return the lines that a step begins with, in place of its `RUN`, to let a tool use the secret; two as a rule."""
    if name == "apt":  # it reads no variable, and not as root
        config = f"export APT_CONFIG=/tmp/apt-ca; echo 'Acquire::https::CaInfo \"{SECRET}\";' > $APT_CONFIG"
        return "RUN --mount=type=secret,id=ca,mode=0444 \\", f"if [ -s {SECRET} ]; then {config}; fi; \\"
    tool = next((each for each in _TOOLS if each.name == name), _ANY)
    if not tool.variables:
        return (f"RUN --mount=type=secret,id=ca,target={_BUNDLE} \\",)
    values = " ".join(f"{variable}={SECRET}" for variable in tool.variables)
    return "RUN --mount=type=secret,id=ca \\", f"if [ -s {SECRET} ]; then export {values}; fi; \\"


def _find_tool(line: str, instruction: str) -> _Tool:
    """Return the tool that printed a line; in doubt, the last one that the step calls, because it failed at its end."""
    by_words = next((each for each in _TOOLS if re.search(each.printed, line)), None)
    if by_words and by_words.name != "python":  # pip, poetry and others print Python's words, too
        return by_words
    called = {each: _find_last_call(each, instruction) for each in _TOOLS}
    last = max(_TOOLS, key=lambda each: called[each])
    return last if called[last] >= 0 else by_words or _ANY


def _find_last_call(tool: _Tool, instruction: str) -> int:
    calls = re.finditer(rf"{_BEGIN}(?:{tool.called})(?![\w-])", instruction, re.IGNORECASE)
    return max((found.end() for found in calls), default=-1)
