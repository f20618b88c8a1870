"""Decides which hosts may get the login for a registry, which itself names the host that gives out tokens for it.

Without a check, a registry that was broken into, or a name that a user mistyped, could send the user's password
anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from weighbridge.errors import UnreadableImage
from weighbridge.quoting import quote
from weighbridge.sources.registry.references import DOCKER_HUB
from weighbridge.sources.registry.refusals import AGAIN

Allowed = Mapping[str, Collection[str]]
"""A registry's host, as references name it -> hosts that may get the login for it, too."""
NOTHING_ALLOWED: Allowed = {}
# Without a user's name, a backslash or white space: there, libraries disagree on what the host is.
_REALM = re.compile(r"https?://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!-~]*)?")
_PAIRS: Allowed = {
    # Docker documentation, "Registry authentication": the realm of registry-1.docker.io.
    DOCKER_HUB: ("auth.docker.io",),
    # GitLab documentation, "GitLab container registry": GitLab itself gives out the tokens.
    "registry.gitlab.com": ("gitlab.com",),
}


def check(realm: str, registry: str, server: str, allowed: Allowed) -> None:
    """Return if the host of a token realm may get the login for a registry.

    It may if it is the registry's own host, on any port, if the table of well-known pairs has it, or if the user allows
    it.

    Args:
        realm: The URL that the registry names in its challenge.
        registry: The registry's host, as references name it.
        server: The host that answers for it, with its port.
        allowed: What the user allows: `registries.token_hosts` of the settings.

    Raises:
        UnreadableImage: It may not; the advice names the setting.
    """
    match = _REALM.fullmatch(realm)
    host = match["host"].lower() if match else ""
    own, known = re.sub(r":[0-9]+$", "", server.lower()), registry.lower()
    if host in {own, *_PAIRS.get(known, ()), *allowed.get(known, ())}:
        return
    if not host:
        raise UnreadableImage(
            f"{quote(server)} names no usable address to log in at: {quote(realm) or 'none at all'}", advice=AGAIN
        )
    raise UnreadableImage(
        f"{server} wants the login for it to be sent to another host, {host}",
        advice=f"If {host} may have it, allow that in the settings: registries.token_hosts: {{{known!r}: [{host}]}}.",
    )
