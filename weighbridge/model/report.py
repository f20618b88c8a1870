"""The frozen values of a report, which is both recorded and rendered; standard library only.

Sizes are integers in bytes and their names end in `_bytes`. Sequences are tuples. `Report` and its parts are the record
of `invoke report`: other people's scripts rely on the names of the fields (see `records.py`).

`annotations` are not imported from `__future__`: pydantic, which reads records, would have to compile each one.
"""

from dataclasses import dataclass
from typing import Literal

FORMAT_VERSION = 1
"""The version of the record's fields; 1 is the first."""
BASE = "base"
BYTECODE = "bytecode"
APPLICATION = "application"
UNOWNED = "unowned"
WASTED = "wasted"
"""The categories of a ledger's rows, besides those of package ecosystems."""

Basis = Literal["exact", "estimated"]
"""How the bytes of a pull are known. `exact`: from the sizes of the blobs. `estimated`: some layers are available only
uncompressed, and count with an estimate of their size after `gzip -6`."""
Level = Literal["error", "warning"]
WasteCause = Literal["deleted-file", "deleted-directory", "opaque-directory", "replaced", "metadata-only"]
KnownBy = Literal["dockerfile", "label", "layers"]
"""How an image's base is known. `dockerfile`: the build resolved the FROM and recorded the result. `label`: the image's
own labels name it. `layers`: it is the deepest image in the engine with the same first layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Compressed bytes that a node has to fetch."""

    bytes: int
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of an image, paired with the instruction that made it."""

    index: int
    """Position in the image: 0 is the oldest."""
    diff_id: str
    """Digest of the uncompressed archive, `sha256:…`: the layer's identity on every engine."""
    instruction: str
    """The Dockerfile instruction from the history, cleaned; `(missing)` if the history is too short."""
    in_base: bool | None
    """Whether the layer came with the image of the last FROM; None if that is unknown."""
    shipped_bytes: int
    """Sum of the sizes of all regular files in the layer's own archive; a hard link counts once."""
    file_count: int
    live_bytes: int | None = None
    """How many of these a container still sees. None, as below, in records of versions that did not measure it."""
    wasted_bytes: int | None = None
    """The rest: `shipped_bytes - live_bytes`."""
    pull_bytes: int | None = None
    """Bytes of the compressed layer: exact if there is a `blob`, otherwise estimated."""
    blob: str | None = None
    """Digest of the compressed layer; None if the source has only the uncompressed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """The bytes of one owner in an image. The rows of an image add up to its `shipped_bytes`."""

    category: str
    """`base`, that of a package ecosystem, such as `debian`, `bytecode`, `application`, `unowned` or `wasted`."""
    name: str
    """A package, a folder that no package owns, or the cause of `wasted` bytes."""
    version: str | None
    bytes: int
    kind: str | None = None
    """For a row of `base`, the category that its bytes would have without a known base, such as `debian`. None for any
    other row, and in records of versions that did not have this field."""
    required_by: tuple[str, ...] | None = None
    """For a package, the sorted names of everything that needs it: other packages by their own metadata, or `the
    image's command`. Empty if nothing does. None if that is unknown, as for a package of the base."""
    requested: bool | None = None
    """Whether a user asked for the package by name, in a requirements file or with its package manager; None if that
    is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """Bytes that are shipped but that no container sees. The rows of an image add up to its `wasted_bytes`."""

    cause: WasteCause
    bytes: int
    shipped_by: int
    """Index of the layer that has them."""
    killed_by: int
    """Index of the layer that hid them."""
    path: str
    """The hidden path, from the root; if there are several, the folder that contains them all."""
    file_count: int
    remedy: str
    """A sentence that says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about an image that its owner should know."""

    rule: str
    """A stable name."""
    level: Level
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The image of the last FROM, if its layers are the first layers of the measured image."""

    reference: str
    """The name under which the base was used. A stand-in's name differs from the official image's."""
    layers: int
    shipped_bytes: int
    known_by: KnownBy | None = None
    """None in records of versions without this field; those knew a base only by its label."""
    stands_for: str | None = None
    """The image that the Dockerfile names, if it could not be pulled and the build put a stand-in in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The cost of a change to the sources: a build with a warm cache, and the new layers of its image."""

    change: str | None
    """The change's name in invoke.yaml; None if nothing was changed."""
    seconds: float
    steps_run: int
    steps_cached: int
    layers: tuple[Layer, ...]
    """The layers that the image did not have before the change."""
    pull: Pull | None
    """What a node that has the image from before the change fetches: these layers, and the config if the image changed.
    None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One measured image. The oldest layer is first."""

    variant: str
    reference: str
    source: str
    """Where the bytes came from: `docker`, `archive`, `oci` or `registry`."""
    id: str
    """Digest of the image's config, `sha256:…`. It is the same on every engine, unlike the ID in `docker images`."""
    platform: str
    """`os/architecture`, for example `linux/amd64`."""
    shipped_bytes: int
    file_count: int
    base: Base | None
    layers: tuple[Layer, ...]
    live_bytes: int | None = None
    """The bytes of a container's `docker export`, without the few files that engines add, such as `/etc/hosts`. None,
    as below, in records of versions that did not measure it."""
    wasted_bytes: int | None = None
    pull: Pull | None = None
    """All layers and the config."""
    ledger: tuple[LedgerRow, ...] = ()
    """By category in the order above, then the largest first."""
    waste: tuple[Waste, ...] = ()
    """The largest first."""
    findings: tuple[Finding, ...] = ()
    rebuilds: tuple[Rebuild, ...] = ()
    """The cost of changes to the sources; empty if it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBytes:
    """The bytes that only one of several images has."""

    variant: str
    shipped_bytes: int
    pull_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two layers with the same files but different diff IDs, so that both are stored and pulled."""

    first: str
    second: str
    """`variant:index` of each."""
    shipped_bytes: int
    """The size of one of them, which sharing would save."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What a node stores that keeps several images: each layer once."""

    shipped_bytes: int
    pull_bytes: int
    unique: tuple[OwnBytes, ...]
    twins: tuple[Twins, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineIdentity:
    """Which engine answered, with everything that figures may depend on."""

    version: str
    store: str
    """`containerd`, or the name of the graph driver, such as `overlay2`."""
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one `invoke report` measured."""

    format: int = FORMAT_VERSION
    recorded_at: str
    """UTC, ISO 8601, whole seconds, ending in `Z`."""
    commit: str | None
    """The commit that is checked out; None outside a repository."""
    dirty: bool
    """Whether the working tree differed from that commit."""
    engine: EngineIdentity | None
    """None if no engine was involved, as with an archive."""
    images: tuple[Image, ...]
    sharing: Sharing | None = None
    """None for fewer than two images."""
