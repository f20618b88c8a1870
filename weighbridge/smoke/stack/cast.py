"""Says which image each container of a stack runs from: one for all of them, or one for each of some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weighbridge.errors import SettingsError
from weighbridge.model.scan import ScannedImage
from weighbridge.settings.containers import Container
from weighbridge.settings.project import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The images of one stack."""

    images: Mapping[str, ScannedImage]
    """Variant, or reference of a ready image -> the scanned image. The first is the main one: requests and our own
    programs are sent from it."""
    tested: str = ""
    """The variant that containers run from which name no image; empty: each of them names one."""

    @property
    def main(self) -> str:
        """The key of the main image."""
        return next(iter(self.images))

    @property
    def name(self) -> str:
        """The name of what is tested: the variant, or all images with `+` between them."""
        return self.tested or "+".join(self.images)

    def find_key(self, container: Container) -> str:
        """Return the key of the image that a container runs from."""
        return container.image_key or self.tested

    def get(self, key: str) -> ScannedImage:
        """Return an image."""
        return self.images[key]


def use_alone(variant: str, contents: ScannedImage) -> Cast:
    """Return a cast in which all containers run from one variant."""
    return Cast(images={variant: contents}, tested=variant)


def list_keys(settings: Settings, variants: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what to test, by its name -> keys of the images that it needs, the main one first.

    If each role names its image, there is one stack, whatever variants were asked for.

    Args:
        settings: The settings.
        variants: The variants that were asked for.

    Raises:
        SettingsError: There is no role, or none runs from one of these.
    """
    wanted = tuple(variants)
    if not settings.roles:
        raise SettingsError(
            "There is no role to test", advice="Name one under `roles`, or build one in the compose file."
        )
    containers = (*settings.roles.values(), *(each for each in settings.smoke.before.values() if each.image_key))
    fixed = tuple(dict.fromkeys(each.image_key for each in containers if each.image_key))
    if containers and all(each.image_key for each in containers):
        strangers = [name for name in wanted if name not in fixed]
        if strangers and len(strangers) == len(wanted):
            raise SettingsError(
                f"No role runs from variant {', '.join(strangers)}",
                advice="Name it as `variant` of a role, or choose from " + ", ".join(fixed) + ".",
            )
        return {"+".join(_order(settings, fixed, "")): _order(settings, fixed, "")}
    free = [name for name in settings.variants if name not in fixed] or [*settings.variants]
    chosen = [name for name in free if name in wanted] or free
    return {name: _order(settings, (*fixed, name), name) for name in chosen}


def _order(settings: Settings, keys: Iterable[str], tested: str) -> tuple[str, ...]:
    """Return keys once each, first that of the first API, or else of the first role."""
    first = next(iter((*settings.api_names, *settings.roles)), "")
    main = (settings.roles[first].image_key or tested) if first else tested
    return tuple(dict.fromkeys((main, *keys)))
