"""What `invoke bench` can measure, by its options."""

from __future__ import annotations

from pathlib import Path

from benchmarks import image_report, images, report, service_load, service_report, soak, suite
from weighbridge.commands.cli import parse_number
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.settings.project import Settings


def compare_reports(settings: Settings, project: Path, form: str, runs: str, *, quick: bool) -> None:
    """Compare our report with other programs, and print it."""
    rounds, render = parse_number("--runs", runs), formats.choose(report.FORMATS, form)
    with console.show_activity() as shown:
        results = suite.measure(settings, project, shown, rounds=rounds, quick=quick)
    render(results)


def compare_images(settings: Settings, project: Path, form: str, runs: str, *, quick: bool) -> None:
    """Compare our images with patterns, and print it."""
    rounds, render = parse_number("--runs", runs), formats.choose(image_report.FORMATS, form)
    with console.show_activity() as shown:
        compared = images.compare(settings, project, shown, rounds=1 if quick else rounds)
    render(compared)


def load_service(settings: Settings, project: Path, form: str, *, quick: bool) -> None:
    """Measure the running service, and print it."""
    render = formats.choose(service_report.FORMATS, form)
    with console.show_activity() as shown:
        results = service_load.measure(settings, project, shown, quick=quick)
    render(results)


def soak_service(settings: Settings, project: Path, form: str, minutes: str) -> bool:
    """Use the running service for a while, print what was lost, and return whether it holds what it promises."""
    render, length = formats.choose(service_report.SOAK_FORMATS, form), parse_number("--minutes", minutes)
    with console.show_activity() as shown:
        results = soak.run(settings, project, shown, minutes=length)
    render(results)
    return results.holds
