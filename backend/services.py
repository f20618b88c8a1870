"""What the routes of one application share: its objects, and how errors are described."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from backend.access import Access
from backend.answers import Answers
from backend.bodies import Bodies
from backend.broker import Broker
from backend.observer import Observer
from backend.schemas import Problem
from backend.settings import Settings
from backend.store import Store
from backend.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The objects that the routes need, made once per application."""

    settings: Settings
    store: Store
    broker: Broker
    threads: Executor
    """Threads for readiness checks and metrics, separate from those of requests."""
    bodies: Bodies
    answers: Answers
    access: Access
    observer: Observer
    traffic: Traffic
    faults: dict[str, str] = field(default_factory=dict)
    """Service -> the fault that the last readiness check found."""


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


Needs = Annotated[Services, Depends(_services)]


def describe_problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of answers with these codes."""
    return {code: {"model": Problem} for code in codes}
