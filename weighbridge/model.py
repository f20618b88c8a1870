"""The frozen values that the rest of the project exchanges; standard library only.

Sizes are integers in bytes and their names end in `_bytes`. Sequences are tuples. `Report` and what it holds is the
record of `invoke report`: its field names are a contract with other people's scripts (see `records.py`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

FORMAT_VERSION = 1
"""The version of the record's fields. 1: the first."""

_TITLE_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerContent:
    """What one layer's archive holds.

    A hard link adds nothing to `shipped_bytes` and a whiteout counts as no file, by the rules of the OCI image layer
    specification.
    """

    shipped_bytes: int
    """Sum of the sizes of all regular files in the layer's own archive."""
    file_count: int
    """Regular files in the layer, whiteouts and hard links left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of an image, paired with the instruction that made it."""

    index: int
    """Position in the image: 0 is the oldest."""
    diff_id: str
    """Digest of the uncompressed archive, `sha256:…`: the layer's identity on every engine."""
    instruction: str
    """The Dockerfile instruction as the history tells it, cleaned; `(missing)` where the history is too short."""
    in_base: bool | None
    """Whether the layer came with the image of the last FROM; None where that is unknown."""
    shipped_bytes: int
    file_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The image of the last FROM, as far as it is a prefix of the measured image."""

    reference: str
    """The name under which the base was used; it tells an official image from a stand-in."""
    layers: int
    shipped_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One measured image. The oldest layer is first."""

    variant: str
    reference: str
    source: str
    """Where the bytes came from: `docker` or `archive`."""
    id: str
    """Digest of the image's config, `sha256:…`: the same on every engine, unlike what `docker images` prints."""
    platform: str
    """`os/architecture`, for example `linux/amd64`."""
    shipped_bytes: int
    file_count: int
    base: Base | None
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineIdentity:
    """Which engine answered, as far as figures may depend on it."""

    version: str
    store: str
    """`containerd`, or the name of the graph driver such as `overlay2`."""
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one `invoke report` measured."""

    format: int = FORMAT_VERSION
    recorded_at: str
    """UTC, ISO 8601, whole seconds, ending in `Z`."""
    commit: str | None
    """The commit that the working tree stands on; None outside a repository."""
    dirty: bool
    """Whether the working tree differed from that commit."""
    engine: EngineIdentity | None
    """None where no engine took part, as with an archive."""
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDifference:
    """A layer that only one of two images has, or that both have."""

    instruction: str
    diff_id: str
    change: str
    """`added`, `removed` or `same`."""
    shipped_bytes: int
    """Size of the layer itself; its sign is told by `change`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDifference:
    """One variant in two reports. A variant that a report lacks counts as 0 bytes there."""

    variant: str
    before_bytes: int
    after_bytes: int
    delta_bytes: int
    """`after_bytes - before_bytes`: also the added layers' bytes less the removed ones'."""
    layers: tuple[LayerDifference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalImage:
    """What the engine says of an image that it has. Its sizes are left out: they depend on the store."""

    reference: str
    id: str
    """The engine's own id: a config digest on a graph driver, a manifest or index digest on the containerd store."""
    platform: str
    diff_ids: tuple[str, ...]
    """Oldest layer first."""
    labels: Mapping[str, str]
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What a container is created from. The defaults are the hardening that every role must stand."""

    name: str
    image: str
    network: str
    command: tuple[str, ...] = ()
    """Empty: the image's own."""
    user: str = ""
    """Empty: the image's own."""
    aliases: tuple[str, ...] = ()
    """Names under which the other containers of the network find this one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Volume name -> path in the container."""
    tmpfs: Mapping[str, str] = field(default_factory=lambda: {"/tmp": "mode=1777,size=64m"})  # noqa: S108 - in there
    """Path in the container -> mount options."""
    health_command: tuple[str, ...] = ()
    """`CMD` and its words; empty: the image's own health check."""
    health_interval_seconds: float = 0
    """Also while it starts. 0: the image's own."""
    read_only: bool = True
    drop_capabilities: tuple[str, ...] = ("ALL",)
    security_options: tuple[str, ...] = ("no-new-privileges:true",)
    memory_bytes: int = 512 * 2**20
    pids_limit: int = 128
    init: bool = True
    """Whether the engine's own small init is process 1; it forwards signals and reaps orphans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A container that was created."""

    id: str
    warnings: tuple[str, ...]
    """What of the spec the engine does not do, in its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What the engine says of a container at one moment."""

    status: str
    """`created`, `running`, `exited`, …"""
    health: str
    """`starting`, `healthy` or `unhealthy`; `none` without a health check."""
    health_output: str
    """What the last run of the health check printed."""
    exit_code: int
    """Of no meaning while it runs. 137 after a SIGKILL, 143 after a SIGTERM that nothing handled."""
    out_of_memory: bool

    @property
    def running(self) -> bool:
        """Whether its first process runs."""
        return self.status == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of the Dockerfile, as far as the build has come."""

    name: str
    """`[builder 3/6] RUN …`."""
    state: str = "running"
    """`running`, `done`, `cached`, `failed` or `cancelled`."""
    seconds: float = 0
    output: tuple[str, ...] = ()
    """The last lines that it printed."""

    @property
    def title(self) -> str:
        """The name on one line, without the blanks of its continuation lines; the end of a long one is left out."""
        return textwrap.shorten(self.name, _TITLE_WIDTH, placeholder=" …")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A variant that was built."""

    variant: str
    image_id: str
    """What the engine calls it; on the containerd store a manifest's digest."""
    seconds: float
    steps: tuple[Step, ...]

    def count(self, state: str) -> int:
        """Return how many steps ended in that state."""
        return sum(step.state == state for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of the smoke test, tried on one role of one variant."""

    role: str
    """`image`, `api`, `worker` or `stack`."""
    rule: str
    """Stable name, such as `runs-as-non-root`."""
    ok: bool
    detail: str
    """What was seen; where it failed, why, in words that lead to the fix."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the smoke test found of one variant: all its checks up to and with the first that failed."""

    variant: str
    seconds: float
    checks: tuple[Check, ...]
    log: str = ""
    """The last lines of the failing container's output; empty where all held."""

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(check.ok for check in self.checks)
