"""Reads images from an engine for the rules that judge images: their configs, and the scan's hits in their layers."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import get_args

from weighbridge.cache import Cache
from weighbridge.engine.local_images import LocalImages
from weighbridge.engine.protocol import Engine
from weighbridge.image import filesystem
from weighbridge.image.base_image import find_base
from weighbridge.image.content import ImageContent
from weighbridge.image.filesystem import Directory, Filesystem
from weighbridge.image.history import MISSING, list_instructions
from weighbridge.image.layer import DIRECTORY, HARD_LINK, LayerContent
from weighbridge.model import platform
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.model.report import Base
from weighbridge.model.scan import Kind, ScanHit, ScannedImage
from weighbridge.sources import daemon
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.scan import elf, paths
from weighbridge.sources.scan.layer import HAS_ASSIGNMENTS, Exposure, Exposures, Spot


def screen(
    engine: Engine,
    references: Iterable[str],
    cache: Cache,
    on_progress: Callable[[int], None] | None = None,
    *,
    limits: Limits = DEFAULT,
    local_store: bool = False,
    processes: int = 1,
) -> dict[str, ScannedImage]:
    """Return reference -> the scanned image. Reads all images that the cache lacks in one stream, and caches them.

    Args:
        engine: A connected engine.
        references: Names or ids of images.
        cache: Has the layers and hits of earlier scans; this one adds its own.
        on_progress: Called with the number of bytes read so far.
        limits: The limits of each image.
        local_store: Whether to read in the engine's own folder what can be read there.
        processes: How many processes may read there at the same time.

    Raises:
        LimitExceeded: An image exceeds a limit.
        NoSuchImage: The engine lacks one of the images; raised before the engine saves anything.
        UnreadableImage: What the engine sends is damaged.
        EngineError: The engine fails or goes away in mid-stream.
    """
    exposures, images = Exposures(cache), dict[str, ImageContent]()
    with Pool(processes) as pool:
        for reference, content in daemon.read(
            engine, references, cache, on_progress, exposures, limits=limits, local_store=local_store, pool=pool
        ):
            cache.keep_layers(content.diff_ids, content.layers)
            images[reference] = content
    local = LocalImages(engine)
    return {
        reference: _build_image(
            engine.inspect_image(reference),
            content,
            [exposures.get_exposure(each) for each in content.diff_ids],
            find_base(content.outline, local),
        )
        for reference, content in images.items()
    }


def _build_image(
    image: LocalImage, content: ImageContent, found: Sequence[Exposure], base: Base | None
) -> ScannedImage:
    return ScannedImage(
        reference=image.reference,
        image_id=image.id,
        platform=image.platform,
        config_digest=content.config_digest,
        user=image.user,
        group=_find_group(image.user, found),
        labels=image.labels,
        environment=image.environment,
        entrypoint=image.entrypoint,
        command=image.command,
        health_check=image.health_check,
        ports=image.ports,
        history=tuple(step.created_by or step.comment for step in content.history),
        layer_count=len(found),
        base=base.reference if base and base.layers else "",
        base_layers=base.layers if base else 0,
        traces=tuple(_Traces(image, content, found)),
        cut=frozenset(_iterate_cut_kinds(image, found)),
    )


def _iterate_cut_kinds(image: LocalImage, found: Sequence[Exposure]) -> Iterator[Kind]:
    """Yield the kinds with more hits than the scan keeps, not counting code that the image's architecture runs."""
    cut = {each for exposure in found for each in exposure.cut}
    yield from (kind for kind in get_args(Kind) if kind in cut)
    if not all(elf.can_run(_find_architecture(image), each) for each in cut - {*get_args(Kind)}):
        yield "foreign-code"


def _find_architecture(image: LocalImage) -> str:
    return (platform.parse(image.platform) or platform.Platform()).architecture


def _find_group(user: str, found: Sequence[Exposure]) -> int | None:
    """Return the group of a user as an engine does: from the image's /etc/passwd, and 0 for a number that it lacks."""
    name, colon, group = user.partition(":")
    if colon:
        return int(group) if group.isdecimal() else None
    users: Mapping[str, int] = next((each.users for each in reversed(found) if each.users is not None), {})
    return users.get(name, 0 if name.isdecimal() else None)


class _Traces:
    """The hits in an image's layers that count, given the whole image."""

    def __init__(self, image: LocalImage, content: ImageContent, found: Sequence[Exposure]) -> None:
        self._content, self._found = content, found
        self._architecture = _find_architecture(image)
        folder = posixpath.join("/", content.working_dir)
        words = (*image.entrypoint, *image.command)
        self._words = frozenset(posixpath.normpath(posixpath.join(folder, word)) for word in words)
        self._holding = dict[int, bool]()

    def __iter__(self) -> Iterator[ScanHit]:
        made_by = list_instructions(self._content.history, len(self._found))
        for layer, (exposure, instruction) in enumerate(zip(self._found, made_by, strict=True)):
            for spot in exposure.spots:
                live = self._is_live(layer, spot)
                if self._is_relevant(spot, live=live):
                    yield _make_hit(spot, layer, "" if instruction == MISSING else instruction, live=live)

    def _is_relevant(self, spot: Spot, *, live: bool) -> bool:
        """Tell whether a hit counts, given the whole image."""
        if spot.kind == "foreign-code":
            return not elf.can_run(self._architecture, spot.detail)
        if spot.kind != "writable":
            return True
        if spot.form == DIRECTORY:
            return live and self._has_code(self._view.find(spot.path))
        return paths.is_code(spot.path) or paths.is_in_bin(spot.path) or f"/{spot.path}" in self._words

    @cached_property
    def _view(self) -> Filesystem:
        return filesystem.stack(self._content.layers)

    @cached_property
    def _last_told(self) -> Mapping[bytes, int]:
        """Path of each writable folder -> the last layer with an entry for it, whose mode is the one that counts."""
        wanted = {_encode(spot.path) for each in self._found for spot in each.spots if spot.form == DIRECTORY}
        last = dict[bytes, int]()
        for index, layer in enumerate(self._content.layers):
            last |= dict.fromkeys(wanted & _list_paths(layer), index)
        return last

    def _is_live(self, layer: int, spot: Spot) -> bool:
        if spot.form == DIRECTORY:
            return self._last_told.get(_encode(spot.path)) == layer and isinstance(
                self._view.find(spot.path), Directory
            )
        if spot.form == HARD_LINK:  # another name for a file that this layer or a lower one has
            there = self._view.find(spot.path)
            return isinstance(there, int) and self._view.locate(there)[0] <= layer
        return (
            spot.at < self._content.layers[layer].entry_count
            and self._view.links[self._view.offsets[layer] + spot.at] > 0
        )

    def _has_code(self, node: Directory | int | None) -> bool:
        """Tell whether a folder holds code at any depth, which whoever may write to the folder can replace."""
        if not isinstance(node, Directory):
            return False
        waiting = [("", node)]
        while waiting:
            name, folder = waiting.pop()
            known = self._holding.get(id(folder))
            if known or (known is None and any(map(_make_code_test(name), _iterate_files(folder)))):
                self._holding[id(node)] = True
                return True
            if known is None:
                waiting += [(below, each) for below, each in folder.children.items() if isinstance(each, Directory)]
        self._holding[id(node)] = False
        return False


def _make_hit(spot: Spot, layer: int, instruction: str, *, live: bool) -> ScanHit:
    kind, detail = spot.kind, spot.detail
    if kind == "env-file" and detail == HAS_ASSIGNMENTS and not live:
        kind = "secret"
    elif kind == "foreign-code":
        detail = f"built for {detail}"
    return ScanHit(
        kind=kind,
        path=f"/{spot.path}",
        layer=layer,
        instruction=instruction,
        live=live,
        detail=detail,
        uid=spot.uid,
        gid=spot.gid,
        mode=spot.mode,
    )


def _make_code_test(folder: str) -> Callable[[str], bool]:
    return lambda name: paths.is_code(name) or paths.is_in_bin(f"{folder}/{name}")


def _iterate_files(folder: Directory) -> Iterator[str]:
    return (name for name, node in folder.children.items() if isinstance(node, int))


def _list_paths(layer: LayerContent) -> frozenset[bytes]:
    return frozenset(layer.paths.split(b"\0")[:-1])


def _encode(path: str) -> bytes:
    return path.encode(errors="surrogateescape")
