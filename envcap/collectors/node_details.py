# SPDX-License-Identifier: Apache-2.0
"""What libraries know of the node that the kernel's files don't tell, or not as well. They take more than a second.

py-cpuinfo starts programs, and NVML may hang on a GPU that is broken: so this is a program of its own
(``python -m envcap.collectors.node_details``), which writes the component to its standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from ..model.components import Gpu, NodeDetails
from .base import Absent

__all__ = ("KIND", "MODULES", "NOT_INSTALLED", "REMEDY", "node_details")

KIND = "node_details"
MODULES = {"py-cpuinfo": "cpuinfo", "distro": "distro", "psutil": "psutil", "nvidia-ml-py": "pynvml"}
"""The modules that are asked, by the names under which they are installed."""
NOT_INSTALLED = "not installed"
REMEDY = "pip install 'envcap[node]'"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Found = Mapping[str, object]

_CPU = {
    "brand_raw": "brand", "vendor_id_raw": "vendor", "arch": "arch", "family": "family", "model": "model",
    "stepping": "stepping", "l2_cache_size": "l2_cache", "l3_cache_size": "l3_cache",
}  # fmt: skip


def node_details() -> NodeDetails:
    """Ask every library that is installed.

    Raises
    ------
    Absent
        If none is.
    """
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    ask: dict[str, Callable[[], Found]] = {
        "py-cpuinfo": _cpuinfo, "distro": _distro, "psutil": _psutil, "nvidia-ml-py": _nvml,
    }  # fmt: skip
    for library, function in ask.items():
        try:
            found |= function()
        except ModuleNotFoundError as err:
            failed[library] = NOT_INSTALLED if err.name == MODULES[library] else str(err)
        except Exception as err:  # noqa: BLE001  (whatever a library does wrong is recorded as its own)
            failed[library] = f"{type(err).__name__}: {err}"
    if set(failed.values()) == {NOT_INSTALLED} and failed.keys() == ask.keys():
        raise Absent(f"its libraries are not installed: {REMEDY}")
    return NodeDetails(**found, failed=failed)


def _cpuinfo() -> Found:
    import cpuinfo

    told = cpuinfo.get_cpu_info()
    cpu = {name: str(told[key]) for key, name in _CPU.items() if told.get(key) not in (None, "")}
    # Where the name has no clock rate, what is given as advertised is the rate of that moment.
    if "hz" in cpu.get("brand", "").lower() and told.get("hz_advertised"):
        cpu["hz_advertised"] = str(told["hz_advertised"][0])
    return {"cpu": cpu}


def _distro() -> Found:
    import distro

    told = {"id": distro.id(), "version": distro.version(), "like": distro.like(), "name": distro.name()}
    return {"distribution": {name: value for name, value in told.items() if value}}


def _psutil() -> Found:
    import psutil

    return {"physical_cores": psutil.cpu_count(logical=False), "swap_bytes": psutil.swap_memory().total}


def _nvml() -> Found:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return {"gpus": []}
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        cuda = pynvml.nvmlSystemGetCudaDriverVersion()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        gpus = [_gpu(pynvml, handle, driver) for handle in handles]
    finally:
        pynvml.nvmlShutdown()
    return {"cuda": f"{cuda // 1000}.{cuda % 1000 // 10}", "gpus": gpus}


def _gpu(nvml: Any, handle: object, driver: str) -> Gpu:
    def told(function: Callable[[object], Any]) -> Any:
        try:
            return function(handle)
        except nvml.NVMLError_NotSupported:
            return None

    capability = told(nvml.nvmlDeviceGetCudaComputeCapability)
    memory = told(nvml.nvmlDeviceGetMemoryInfo)
    return Gpu(
        name=nvml.nvmlDeviceGetName(handle),
        uuid=told(nvml.nvmlDeviceGetUUID),
        driver=driver,
        capability=".".join(map(str, capability)) if capability else None,
        memory_bytes=memory.total if memory else None,
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(node_details().to_bytes())
