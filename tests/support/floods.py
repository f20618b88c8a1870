"""Very many clients at the same instant, without a thread for each."""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress

import pytest


def flood(port: int, count: int, request: bytes, *, connect_first: bool, seconds: float = 20) -> Counter[str]:
    """Send a request on each of so many connections, and return how often which status came back.

    Args:
        port: Where a server listens on this machine.
        count: How many connections.
        request: What each of them sends.
        connect_first: Whether all connect before the first one sends.
        seconds: How long to wait for the answers.

    Returns:
        The status of a whole answer -> clients that got it; `cut` if it was not whole, `none` if nothing came.
    """
    _allow_descriptors(count + 100)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        links = []
        for _ in range(count):
            links.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)))
            if not connect_first:
                links[-1].sendall(request)
        by_descriptor = {link.fileno(): link for link in links}
        received = dict.fromkeys(links, b"")
        for link in links:
            if connect_first:
                with suppress(OSError):  # as a client that has been answered meanwhile, and reads that
                    link.sendall(request)
            selector.register(link, selectors.EVENT_READ)
        deadline = time.monotonic() + seconds
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(0.2):
                link = by_descriptor[key.fd]
                try:
                    part = link.recv(2**16)
                except OSError:
                    part = b""
                received[link] += part
                if not part or _judge(received[link]).isdecimal():
                    selector.unregister(link)
        return Counter(map(_judge, received.values()))


def _judge(text: bytes) -> str:
    """Return the status of an answer, or what is wrong with it."""
    if not text:
        return "none"
    head, blank, body = text.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head[9:12].decode() if blank and lengths and int(lengths[0]) == len(body) else "cut"


def _allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            pytest.skip(f"this machine allows {hard} open files, and the test needs {count}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
