"""What images weigh, as it is recorded and drawn: the frozen values of a report; standard library only.

Sizes are integers in bytes and their names end in `_bytes`. Sequences are tuples. `Report` and what it holds is the
record of `invoke report`: its field names are a contract with other people's scripts (see `records.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FORMAT_VERSION = 1
"""The version of the record's fields. 1: the first."""

Basis = Literal["exact", "estimated"]
"""How the bytes of a pull are known. `exact`: the sizes of the blobs themselves. `estimated`: some layers are known
uncompressed only, and count with what `gzip -6` would make of them."""
Level = Literal["error", "warning"]
WasteCause = Literal["deleted-file", "deleted-directory", "opaque-directory", "replaced", "metadata-only"]
KnownBy = Literal["dockerfile", "label", "layers"]
"""How an image's base is known. `dockerfile`: the build read the FROM and wrote down what it stood for. `label`: the
image's own labels name it. `layers`: it is the image of the engine whose layers are the longest beginning of these."""


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
    """The Dockerfile instruction as the history tells it, cleaned; `(missing)` where the history is too short."""
    in_base: bool | None
    """Whether the layer came with the image of the last FROM; None where that is unknown."""
    shipped_bytes: int
    """Sum of the sizes of all regular files in the layer's own archive; a hard link counts once."""
    file_count: int
    live_bytes: int | None = None
    """What of that a container still sees. None, as below, in records of versions that did not measure it."""
    wasted_bytes: int | None = None
    """The rest: `shipped_bytes - live_bytes`."""
    pull_bytes: int | None = None
    """The layer compressed, exact where `blob` is told, else estimated."""
    blob: str | None = None
    """Digest of the compressed layer; None where the source has it uncompressed only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """Bytes of an image that one owner has. The rows of an image add up to its `shipped_bytes`."""

    category: str
    """`base`, that of a package ecosystem, such as `debian`, `bytecode`, `application`, `unowned` or `wasted`."""
    name: str
    """A package, a folder that no package owns, or what `wasted` bytes were wasted by."""
    version: str | None
    bytes: int
    kind: str | None = None
    """Of a row of `base`, the category that its bytes had if no base was known, such as `debian`: it tells the manager
    of a package. None elsewhere, and in records of versions that did not tell it."""
    required_by: tuple[str, ...] | None = None
    """Of a package, the names of what needs it: other packages by their own metadata, or `the image's command`; sorted.
    Empty: nothing does. None where that is not known, as of a package of the base."""
    requested: bool | None = None
    """Whether somebody asked for the package by name, in a requirements file or of its package manager; None where
    that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """Bytes that were shipped and are not seen. The rows of an image add up to its `wasted_bytes`."""

    cause: WasteCause
    bytes: int
    shipped_by: int
    """Index of the layer that has them."""
    killed_by: int
    """Index of the layer that hid them."""
    path: str
    """What was hidden, from the root; where that is many things, the folder of all of them."""
    file_count: int
    remedy: str
    """What to change, a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about an image that its owner should know."""

    rule: str
    """Stable name."""
    level: Level
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The image of the last FROM, as far as it is a prefix of the measured image."""

    reference: str
    """The name under which the base was used; it tells an official image from a stand-in."""
    layers: int
    shipped_bytes: int
    known_by: KnownBy | None = None
    """None in records of versions that did not tell it; these knew a base by its label alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """What a change to the sources costs: a build with a warm cache, and what of its image is new."""

    change: str | None
    """Its name in invoke.yaml; None where nothing was changed."""
    seconds: float
    steps_run: int
    steps_cached: int
    layers: tuple[Layer, ...]
    """Those that the image has and the one before the change has not."""
    pull: Pull | None
    """What a node that has the image before the change fetches: these layers, and the config where the image is another
    one. None where that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One measured image. The oldest layer is first."""

    variant: str
    reference: str
    source: str
    """Where the bytes came from: `docker`, `archive`, `oci` or `registry`."""
    id: str
    """Digest of the image's config, `sha256:…`: the same on every engine, unlike what `docker images` prints."""
    platform: str
    """`os/architecture`, for example `linux/amd64`."""
    shipped_bytes: int
    file_count: int
    base: Base | None
    layers: tuple[Layer, ...]
    live_bytes: int | None = None
    """What `docker export` of a container holds, but for the few files that engines put over the image's own, such as
    `/etc/hosts`. None, as below, in records of versions that did not measure it."""
    wasted_bytes: int | None = None
    pull: Pull | None = None
    """All layers and the config."""
    ledger: tuple[LedgerRow, ...] = ()
    """By category in the order above, then the largest first."""
    waste: tuple[Waste, ...] = ()
    """The largest first."""
    findings: tuple[Finding, ...] = ()
    rebuilds: tuple[Rebuild, ...] = ()
    """What changes to the sources cost; empty where nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBytes:
    """What one image of several has alone."""

    variant: str
    shipped_bytes: int
    pull_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two layers that hold the same files and are two all the same, so that each is stored and pulled."""

    first: str
    second: str
    """`variant:index` of each."""
    shipped_bytes: int
    """Of one of them: what would be saved."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What several images have in common, as a node that keeps all of them sees it: each layer once."""

    shipped_bytes: int
    pull_bytes: int
    unique: tuple[OwnBytes, ...]
    twins: tuple[Twins, ...]


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
    sharing: Sharing | None = None
    """None where there are less than two images."""
