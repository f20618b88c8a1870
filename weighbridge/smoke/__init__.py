"""Proof that both roles run from an image: its containers, the rules they must stand, and their removal.

    prove     one variant: API, worker and Redis on a network of their own, checked and removed
    check     raises the first failure of what `prove` returned
    sweep     removes what dead runs left in the engine
    clean     the same, with what users asked to keep
    remains   commands to look into what was kept

Knows nothing of sizes: it never meets sources, ledger or render.
"""

from weighbridge.smoke.runs import clean, remains, sweep
from weighbridge.smoke.scenario import check, prove

__all__ = ["check", "clean", "prove", "remains", "sweep"]
