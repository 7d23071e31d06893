# SPDX-License-Identifier: Apache-2.0
"""The layers that depend on neither the engine nor the kind of work: who vouches, variables, and what this host is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envcap.collectors.base import Absent
from envcap.collectors.hardware import HardwareCollector
from envcap.collectors.operating_system import OperatingSystemCollector
from envcap.collectors.os_packages import OsPackagesCollector
from envcap.errors import EnvcapError
from envcap.model.components import Gpu, Hardware, OperatingSystem, OsPackages
from envcap.model.descriptor import describe_bytes
from envcap.target import Target
from envcap.trust.verify import AUTHENTIC, FOREIGN

from .debs.used import os_packages_layer
from .fidelity import Fidelity, Layer
from .jobs.base import CapturedJob
from .rubin.sources.base import Reconstruction

__all__ = (
    "hardware_layer",
    "lacking_text",
    "manifest_layer",
    "numerics_layer",
    "operating_system_layer",
    "own_os_packages_layer",
    "process_env_layer",
    "quantum_layer",
)


def manifest_layer(job: CapturedJob, trust: bool) -> Layer:
    """Return who vouches for the manifest. Of one that nobody vouches for, nothing may be run, not even to look."""
    found = job.authenticity
    if found.status == AUTHENTIC:
        return Layer("manifest", Fidelity.EXACT, found.reason)
    if found.status == FOREIGN and trust:
        return Layer("manifest", Fidelity.EXACT, f"{found.reason}; taken on your word (--trust)")
    hint = "; if you know where it comes from: --trust" if found.status == FOREIGN else ""
    return Layer("manifest", Fidelity.IMPOSSIBLE, f"{found}{hint}")


def quantum_layer(origin: Reconstruction) -> Layer:
    """Return where a quantum that was not captured comes from; the user named the repository or the graph."""
    return Layer("quantum", origin.fidelity, f"not captured, but from {origin.detail}")


def process_env_layer(job: CapturedJob) -> Layer:
    """Return the environment variables of the allow-list."""
    if job.origin is not None:
        return Layer("process_env", Fidelity.SUBSTITUTED, "this process's own: Rubin records none, nor PYTHONHASHSEED")
    try:
        variables, umask = job.process_env.variables, job.umask
    except EnvcapError as err:
        return Layer("process_env", Fidelity.IMPOSSIBLE, str(err))
    if lacking := job.lacking(variables):
        return Layer("process_env", Fidelity.IMPOSSIBLE, lacking_text(lacking))
    shown = ", ".join([*(f"{n}={v}" for n, v in sorted(variables.items())), f"umask {umask or 'unknown'}"])
    places = job.place("process_env", "variables")
    of_eups = job.place("eups", "variables")  # its own layer tells what comes of them
    known = of_eups if isinstance(of_eups, Mapping) else {}
    named = places if isinstance(places, Mapping) else {}
    lost = [name for name in ("LD_PRELOAD", "LD_LIBRARY_PATH") if name in named and name not in known]
    if lost:
        return Layer("process_env", Fidelity.SUBSTITUTED, f"{shown}; without {', '.join(lost)}, which named places")
    return Layer("process_env", Fidelity.EXACT, shown)


def numerics_layer(job: CapturedJob) -> Layer:
    """Return the numerics that were asked for: thread counts and the choice of instructions, by variable."""
    try:
        variables = job.numerics.variables
    except EnvcapError as err:
        return Layer("numerics", Fidelity.SUBSTITUTED, f"unknown: {err}")
    if lacking := job.lacking(variables):
        return Layer("numerics", Fidelity.IMPOSSIBLE, lacking_text(lacking))
    return Layer("numerics", Fidelity.EXACT, ", ".join(f"{n}={v}" for n, v in sorted(variables.items())) or "defaults")


def lacking_text(names: Sequence[str]) -> str:
    """Return what to do about values that held credentials."""
    given = " ".join(f"--secret {name}=…" for name in names[:3])
    return f"{', '.join(names[:6])} held a credential, which is not kept; give it again: {given}"


def operating_system_layer(job: CapturedJob) -> Layer:
    """Return this host's operating system against the captured one."""
    try:
        captured = job.operating_system
    except EnvcapError as err:
        return Layer("operating_system", Fidelity.SUBSTITUTED, f"unknown: {err}")
    found = OperatingSystemCollector().collect(Target.none({}), describe_bytes).component
    assert isinstance(found, OperatingSystem)
    there, here = (f"{_release(one)}, {one.libc}, {one.machine}" for one in (captured, found))
    if captured.timezone != found.timezone:
        there, here = (f"{told}, time zone {one.timezone}" for told, one in ((there, captured), (here, found)))
    if captured == found:
        return Layer("operating_system", Fidelity.EXACT, here)
    return Layer("operating_system", Fidelity.SUBSTITUTED, f"{here} instead of {there}")


def own_os_packages_layer(job: CapturedJob) -> Layer:
    """Return this host's packages against the captured ones."""
    try:
        found = OsPackagesCollector().collect(Target.none({}), describe_bytes).component
    except Absent:
        return os_packages_layer(job, None, "this host has no package manager")
    except EnvcapError as err:
        return Layer("os_packages", Fidelity.SUBSTITUTED, f"this host's can't be told: {err}")
    assert isinstance(found, OsPackages)
    return os_packages_layer(job, found, "this host's")


def hardware_layer(job: CapturedJob) -> Layer:
    """Return this node against the captured one: what processors and GPUs can do decides bits, how many doesn't."""
    try:
        captured = job.hardware
    except EnvcapError as err:
        return Layer("hardware", Fidelity.SUBSTITUTED, f"unknown: {err}")
    found = HardwareCollector().collect(Target.none({}), describe_bytes).component
    assert isinstance(found, Hardware)
    there, here = captured.cpu_model or "unknown processor", found.cpu_model or "unknown processor"
    lost = sorted(set(captured.cpu_flags) - set(found.cpu_flags))
    gained = sorted(set(found.cpu_flags) - set(captured.cpu_flags))
    if captured.gpus is not None and found.gpus is not None:
        there, here = (f"{cpu}{_gpus(one.gpus or ())}" for cpu, one in ((there, captured), (here, found)))
    if (there, lost, gained) == (here, [], []):
        return Layer("hardware", Fidelity.EXACT, here)
    flags = [f"-{flag}" for flag in lost[:4]] + [f"+{flag}" for flag in gained[:4]]
    return Layer("hardware", Fidelity.SUBSTITUTED, f"{here} instead of {there} {' '.join(flags)}".rstrip())


def _gpus(gpus: Sequence[Gpu]) -> str:
    return "".join(f" with {name}" for name in sorted({gpu.name for gpu in gpus}))


def _release(found: OperatingSystem) -> str:
    return f"{found.distribution.get('id', found.system)} {found.distribution.get('version_id', '')}".strip()
