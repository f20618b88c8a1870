"""The bodies of requests and responses, apart from the record itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from weighbridge.report.difference import VariantDifference

Identifier = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="64 hexadecimal digits.")]


class Problem(BaseModel):
    """The body of every error response."""

    detail: str = Field(description="What was wrong.")


class ReportReference(BaseModel):
    """A reference to a stored report."""

    id: Identifier = Field(description="SHA-256 of the record's canonical JSON: the same content has the same id.")


class VariantSize(BaseModel):
    """One variant of a report."""

    variant: str
    shipped_bytes: int


class ReportSummary(BaseModel):
    """A report in a list."""

    id: Identifier
    recorded_at: str = Field(description="UTC, ISO 8601.")
    commit: str | None
    dirty: bool
    variants: list[VariantSize]


class ReportPage(BaseModel):
    """One page of reports, newest first."""

    items: list[ReportSummary]
    next: str | None = Field(description="The `cursor` of the next page; null on the last one.")


class ComparisonRequest(BaseModel):
    """The two reports to compare."""

    before: Identifier
    after: Identifier


class VariantRefusal(BaseModel):
    """A variant of two reports that cannot be compared, such as images of two platforms."""

    variant: str
    refusal: str = Field(description="Why it is not compared, and what to do about it.")


class Comparison(BaseModel):
    """A comparison and its status."""

    id: Identifier = Field(description="Follows from the two reports: the same pair has the same id.")
    before: Identifier
    after: Identifier
    status: Literal["pending", "done", "failed"]
    difference: list[VariantDifference | VariantRefusal] | None = Field(
        None, description="By variant and layer, when it is done; for a variant that cannot be compared, the reason."
    )
    why: str | None = Field(None, description="The reason, if it failed.")


class Readiness(BaseModel):
    """Which services answer."""

    ready: bool
    checks: dict[str, str] = Field(description="By service: `ok`, or what is wrong.")


class Version(BaseModel):
    """The version of the service, as in the image's labels `org.opencontainers.image.…`; null if it is unknown."""

    version: str | None
    revision: str | None = Field(description="Commit; followed by `-dirty` if the built sources differ from it.")
    created: str | None = Field(description="Time of the commit: UTC, ISO 8601.")
