"""The HTTP method of a request, which in the settings is the key that has the path."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import model_validator

from weighbridge.settings.values import Section, UrlPath, require_match

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
HeaderName = Annotated[str, require_match(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "name of a header")]
"""A `token` of RFC 9110, section 5.6.2."""


class HasMethod(Section):
    """A section with exactly one path, below the name of its method."""

    get: UrlPath | None = None
    post: UrlPath | None = None
    put: UrlPath | None = None
    patch: UrlPath | None = None
    delete: UrlPath | None = None

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        if len(self._map_paths()) != 1:
            raise ValueError("a request has either `get` or `post`, `put`, `patch` or `delete`, and only one of them")
        return self

    @property
    def method(self) -> Method:
        """The method."""
        return next(iter(self._map_paths()))

    @property
    def path(self) -> str:
        """The path, with its placeholders."""
        return next(iter(self._map_paths().values()))

    def _map_paths(self) -> Mapping[Method, str]:
        paths = {method: getattr(self, method.lower()) for method in _METHODS}
        return {method: path for method, path in paths.items() if path is not None}
