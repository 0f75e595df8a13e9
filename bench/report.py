"""What was to be reached, what others need, and the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.stage import Figures


@dataclass(frozen=True, slots=True)
class Aim:
    """Upper limits for 1,000 applications (B: 100); None where there is none. Figures count as they are printed."""

    seconds: float | None = None
    cpu: float | None = None
    peak_mib: float | None = None
    requests: float | None = None
    per_application: float | None = None


AIMS = {
    "S1": Aim(20, 7, 150, per_application=7),
    "S2 idle": Aim(cpu=0.3, requests=5),
    "S3": Aim(0.4, 0.15),
    "S4": Aim(10, 6, 150, per_application=3),
    "S5": Aim(0.15),
    "S6 SIGTERM": Aim(6, 5),
    "S6 SIGKILL": Aim(6, 5),
    "B": Aim(12, 4),
}
PEERS = {
    "S1": ("293 s, 393 CPU s, 1.1 GiB", "157 s, 204 CPU s, 312 MiB"),
    "S2 idle": ("6.6 CPU s", "20.9 CPU s"),
    "S3": ("0.55 s, 1.1 CPU s", "8-79 s, 204 CPU s"),
    "S4": ("313 s, 474 CPU s, 1.9 GiB", "161 s, 214 CPU s, 342 MiB"),
    "S5": ("0.31 s", "-"),
    "S6 SIGTERM": ("7.8 s, 6.6 CPU s", "155 s, 208 CPU s"),
    "B": ("20.5 s, 23 CPU s", "23 s, 10 CPU s"),
}
"""Argo CD 3.5.1 and Flux kustomize-controller 1.9.4 with 1,000 applications (B: 100)."""
_PEERS_NOTE = "Argo CD 3.5.1 and Flux kustomize-controller 1.9.4 were measured earlier on the same kind of machine."
_HEADERS = (
    "scenario", "apps", "wall s", "aim", "CPU s", "aim", "plane CPU", "mover CPU", "own CPU", "other CPU",
    "peak MiB", "aim", "requests", "aim", "per app", "aim", "app writes", "watches", "git", "verified",
)  # fmt: skip


def table(rows: Iterable[Figures]) -> str:
    """The figures beside the aims; a figure over its aim is marked with "!"."""
    return aligned([_HEADERS, *(_row(figures) for figures in rows)])


def _row(figures: Figures) -> tuple[str, ...]:
    aim = AIMS.get(figures.scenario, Aim())
    per_application = figures.total / figures.applications
    return (
        figures.scenario,
        str(figures.applications),
        *_beside(figures.seconds, aim.seconds, 3),
        *_beside(figures.cpu, aim.cpu, 2),
        f"{figures.plane_cpu:.1f}",
        f"{figures.mover_cpu:.1f}",
        f"{figures.own_cpu:.1f}",
        f"{figures.other_cpu:.1f}",
        *_beside(figures.peak_mib, aim.peak_mib, 0),
        *_beside(figures.total, aim.requests, 0),
        *_beside(per_application, aim.per_application, 1),
        str(figures.application_writes),
        str(figures.watches),
        str(figures.git),
        str(figures.verified),
    )


def _beside(value: float, limit: float | None, digits: int) -> tuple[str, str]:
    mark = "!" if limit is not None and round(value, digits) > limit else ""
    return f"{mark}{value:.{digits}f}", "" if limit is None else f"{limit:g}"


def details(rows: Iterable[Figures]) -> str:
    """Requests by verb, single measurements and notes."""
    lines = []
    for figures in rows:
        verbs = ", ".join(f"{count} {verb}" for verb, count in sorted(figures.requests.items())) or "none"
        lines.append(f"{figures.scenario} of {figures.applications}: requests {verbs}; leases {figures.leases}")
        if figures.repeats:
            lines.append(f"  each: {', '.join(f'{one:.3f}' for one in figures.repeats)} s")
        lines += [f"  {note}" for note in figures.notes]
    return "\n".join(lines)


def beside_peers(rows: Iterable[Figures]) -> str:
    """The figures of the largest size beside what was published of others."""
    largest: dict[str, Figures] = {}
    for figures in rows:
        if figures.scenario in PEERS:
            largest[figures.scenario] = figures
    lines = [("scenario", "apps", "todoke", "Argo CD", "Flux")]
    for name, figures in largest.items():
        ours = f"{figures.seconds:.3f} s, {figures.cpu:.2f} CPU s, {figures.peak_mib:.0f} MiB"
        lines.append((name, str(figures.applications), ours, *PEERS[name]))
    return f"{aligned(lines)}\n{_PEERS_NOTE}" if largest else ""


def missed(rows: Iterable[Figures]) -> list[str]:
    """Aims that were not reached, in words."""
    found = []
    for figures in rows:
        aim = AIMS.get(figures.scenario, Aim())
        pairs = (
            ("wall s", round(figures.seconds, 3), aim.seconds),
            ("CPU s", round(figures.cpu, 2), aim.cpu),
            ("peak MiB", round(figures.peak_mib), aim.peak_mib),
            ("requests", figures.total, aim.requests),
            ("requests an application", round(figures.total / figures.applications, 1), aim.per_application),
        )
        found += [
            f"{figures.scenario} of {figures.applications}: {value:.2f} {what}, aim {limit:g}"
            for what, value, limit in pairs
            if limit is not None and value > limit
        ]
    return found


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column == 0 or not _is_number(rows[-1][column]) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_number(text: str) -> bool:
    return text == "" or text.lstrip("!").replace(".", "", 1).isdigit()
