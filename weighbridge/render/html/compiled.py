"""Keeps a compiled template in the user's cache: to compile it takes twice as long as to draw a page."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pickle import UnpicklingError

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from weighbridge.cache import Cache

_OPTIONS = "weighbridge.render.html"
"""The modules that set up the template's environment, which is compiled in."""
_DAMAGE = UnpicklingError, EOFError, ValueError, LookupError, AttributeError, ImportError


class Compiled(BytecodeCache):
    """Keeps templates under what they are compiled from: their text, our code, and the versions of Jinja and Python.

    Where there is no cache folder, a template is compiled each time.
    """

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code of a template from the cache, if it is there."""
        with suppress(*_DAMAGE):
            cache = Cache()
            if (data := cache.read_bytes(_make_key(cache, bucket))) is not None:
                bucket.load_bytecode(BytesIO(data))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Add the code of a template to the cache."""
        cache = Cache()
        cache.keep_bytes(_make_key(cache, bucket), bucket.bytecode_to_string())


def _make_key(cache: Cache, bucket: Bucket) -> str:
    code = cache.compute_code_digest(_OPTIONS)[:16]
    return f"template-{bucket.key}-{bucket.checksum}-{jinja2.__version__}-{code}"
