"""Proof that both roles run from an image: its containers, the rules they must stand, and their removal.

    check_images   raises what is not there to be started
    prove          variants side by side, each with API, worker and Redis on a network of its own, checked and removed
    check          raises the first failure of what `prove` returned
    sweep          removes what dead runs left in the engine
    clean          the same, with what users asked to keep
    remains        commands to look into what was kept

Knows nothing of sizes: it never meets sources, ledger or render.
"""

from weighbridge.smoke.runs import clean, remains, sweep
from weighbridge.smoke.trial import Trial, Watcher, check, check_images, prove

__all__ = ["Trial", "Watcher", "check", "check_images", "clean", "prove", "remains", "sweep"]
