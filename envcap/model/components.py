# SPDX-License-Identifier: Apache-2.0
"""Components: immutable documents of one kind of state, shared by every job that found that state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .descriptor import Descriptor
from .document import Document, array, boolean, integer, mapping, nested, string

__all__ = (
    "COMPONENTS",
    "Allotment",
    "Artifact",
    "CodeRoot",
    "Command",
    "Conda",
    "CondaPackage",
    "Container",
    "ContainerHint",
    "Distribution",
    "EffectiveNumerics",
    "Eups",
    "EupsProduct",
    "Gpu",
    "Hardware",
    "ImportedModules",
    "InstalledFiles",
    "Interpreter",
    "LoadedLibraries",
    "LoadedLibrary",
    "NodeDetails",
    "NumericalLibrary",
    "Numerics",
    "NumericsOfProcess",
    "OperatingSystem",
    "OsPackage",
    "OsPackages",
    "ProcessEnv",
    "PythonArtifacts",
    "PythonBlock",
    "PythonDists",
    "RubinConfig",
    "RubinQuantum",
    "Site",
    "Source",
    "Ulimit",
)


class Interpreter(Document, media_type="application/vnd.envcap.interpreter.v1+json"):
    """The Python that ran the job."""

    implementation: str = string()
    version: str = string()
    soabi: str | None = string(default=None)


class Distribution(Document):
    """An installed Python distribution.

    `record` is the digest of its normalised RECORD, which is the same in every prefix and for every installer; it is
    missing when the distribution has no RECORD (old ``egg-info``), and such a distribution can't be proved. `manager`
    is ``conda`` if a package of conda's brought it; pip, uv and the like bring the others.
    """

    name: str = string()
    version: str = string()
    record: str | None = string(default=None)
    editable: bool | None = boolean(default=None)
    manager: str | None = string(default=None)


class PythonDists(Document, media_type="application/vnd.envcap.python-dists.v1+json"):
    """The distributions that the job's interpreter can import, whether it did or not.

    `startup` has the files, by name and digest, that Python executes at its start (``*.pth``, ``sitecustomize.py``,
    ``usercustomize.py``) though they belong to no distribution.
    """

    distributions: Sequence[Distribution] = array(nested(Distribution))
    startup: Mapping[str, str] | None = mapping(string(), default=None)


class CondaPackage(Document):
    """A package in a conda prefix: the very artifact, by URL and digests.

    `channel` is a URL too, without the subdirectory. Both are missing for a channel in a directory, which is a place.
    """

    name: str = string()
    version: str = string()
    build: str = string()
    subdir: str | None = string(default=None)
    channel: str | None = string(default=None)
    url: str | None = string(default=None)
    md5: str | None = string(default=None)
    sha256: str | None = string(default=None)


class Conda(Document, media_type="application/vnd.envcap.conda.v1+json"):
    """The packages of the conda prefix that the interpreter belongs to, by name."""

    packages: Sequence[CondaPackage] = array(nested(CondaPackage))


class EupsProduct(Document):
    """A product that EUPS has set up.

    One that was set up from a directory (`local`) has no version; if that is in git, it has `commit`, and whether it is
    `dirty`. `table` is the digest of its table file. Tags are no identity, since they move: they are in `Site`.
    """

    name: str = string()
    version: str | None = string(default=None)
    flavor: str = string()
    local: bool | None = boolean(default=None)
    table: str | None = string(default=None)
    commit: str | None = string(default=None)
    dirty: bool | None = boolean(default=None)


class Eups(Document, media_type="application/vnd.envcap.eups.v1+json"):
    """The products that EUPS has set up, in the order in which that was done, as the search paths tell it."""

    products: Sequence[EupsProduct] = array(nested(EupsProduct))


class OperatingSystem(Document, media_type="application/vnd.envcap.operating-system.v1+json"):
    """What a process sees of the operating system, the same on every node of one image.

    `timezone` is the one that holds where no variable names another: its name, or the digest of a file without one.
    """

    system: str = string()
    machine: str = string()
    distribution: Mapping[str, str] = mapping(string())
    libc: str = string()
    timezone: str | None = string(default=None)


class OsPackage(Document):
    """A package of the operating system, as its manager names it."""

    name: str = string()
    version: str = string()
    architecture: str | None = string(default=None)


class OsPackages(Document, media_type="application/vnd.envcap.os-packages.v1+json"):
    """The installed packages of the operating system, by name. `manager` is ``dpkg``, ``rpm`` or ``apk``."""

    manager: str = string()
    packages: Sequence[OsPackage] = array(nested(OsPackage))


class CodeRoot(Document):
    """One place that code is imported from and that no distribution's RECORD covers.

    In git: the commit, plus the patch against it and the small importable files that git doesn't track. Elsewhere:
    `files`, each kept by digest. Paths are relative to the root, and `subdir` is the root within the work tree.
    """

    name: str = string()
    commit: str | None = string(default=None)
    subdir: str | None = string(default=None)
    patch: Descriptor | None = nested(Descriptor, default=None)
    files: Mapping[str, Descriptor] = mapping(nested(Descriptor))
    left_out: Mapping[str, str] = mapping(string())


class Source(Document, media_type="application/vnd.envcap.source.v1+json"):
    """The code roots in the order in which Python searches them."""

    roots: Sequence[CodeRoot] = array(nested(CodeRoot))


class ProcessEnv(Document, media_type="application/vnd.envcap.process-env.v1+json"):
    """Environment variables from the allow-list, by value. None of them holds a place on this site."""

    variables: Mapping[str, str] = mapping(string())
    umask: str = string()


class Numerics(Document, media_type="application/vnd.envcap.numerics.v1+json"):
    """Environment variables that choose how numbers are computed: threads, kernels, instruction sets."""

    variables: Mapping[str, str] = mapping(string())


class LoadedLibrary(Document):
    """A shared library (or the program itself) that the job's process had mapped.

    `path` begins with ``{prefix}`` or ``{base_prefix}`` where it lies in the interpreter's. `build_id` is the linker's
    (the note ``NT_GNU_BUILD_ID``); a library without one has `sha256`, and one that is gone has neither. `owner` is the
    package that brought it, behind its manager's name (``dpkg libc6``, ``conda openblas``, ``python numpy``); one that
    no package owns was put there by hand.
    """

    path: str = string()
    build_id: str | None = string(default=None)
    sha256: str | None = string(default=None)
    owner: str | None = string(default=None)


class LoadedLibraries(Document, media_type="application/vnd.envcap.loaded-libraries.v1+json"):
    """The shared libraries that were really loaded when the job ended, of all its Python processes together."""

    libraries: Sequence[LoadedLibrary] = array(nested(LoadedLibrary))


class ImportedModules(Document, media_type="application/vnd.envcap.imported-modules.v1+json"):
    """What the job's Python processes had imported when they ended, apart from what Python itself brings.

    `owners` are the packages that brought modules, behind their managers' names (``python numpy``, ``conda numpy``);
    `code` names the modules that no package owns: the job's own code, and what was installed in no proper way. Of
    envcap, which is there to look, nothing is told.
    """

    owners: Sequence[str] = array(string())
    code: Sequence[str] = array(string())


class InstalledFiles(Document, media_type="application/vnd.envcap.installed-files.v1+json"):
    """Whether what is installed is what was installed: the files of distributions and of conda's packages.

    `method` is ``stat`` (a file is read only if its size, or a change after its installation, gives reason to) or
    ``content`` (all are read); `files` is how many were looked at. `modified` and `missing` name each file that is no
    longer what was installed, with its owner; `stray` those that belong to nobody. Paths are from the prefix.
    """

    method: str = string()
    files: int = integer()
    modified: Mapping[str, str] = mapping(string())
    missing: Mapping[str, str] = mapping(string())
    stray: Sequence[str] = array(string())


class Artifact(Document):
    """Where a distribution came from.

    `origin` is ``index`` (proved: the file has the same RECORD), ``archive``, ``directory``, ``editable`` or the name
    of a version control system (as ``direct_url.json`` says, PEP 610), ``conda``, or ``unproved``, for a `reason`.
    """

    name: str = string()
    version: str = string()
    record: str | None = string(default=None)
    origin: str = string()
    url: str | None = string(default=None)
    file_name: str | None = string(default=None)
    sha256: str | None = string(default=None)
    size: int | None = integer(default=None)
    commit: str | None = string(default=None)
    reason: str | None = string(default=None)


class PythonArtifacts(Document, media_type="application/vnd.envcap.python-artifacts.v1+json"):
    """The files that the distributions were installed from, by name."""

    artifacts: Sequence[Artifact] = array(nested(Artifact))


class NumericalLibrary(Document):
    """A library that computes or runs threads, as it says of itself: `kernel` is the code path that it chose."""

    library: str = string()
    kind: str = string()
    kernel: str | None = string(default=None)
    threads: int | None = integer(default=None)
    configuration: str | None = string(default=None)


class NumericsOfProcess(Document):
    """The numerics in effect in one process.

    `simd` has the instruction sets that NumPy's dispatch uses; `cpus` is how many processors the process may use.
    """

    simd: Sequence[str] = array(string())
    libraries: Sequence[NumericalLibrary] = array(nested(NumericalLibrary))
    cpus: int = integer()


class EffectiveNumerics(Document, media_type="application/vnd.envcap.effective-numerics.v1+json"):
    """The numerics in effect when the job ended: one member for each way in which its processes differ."""

    processes: Sequence[NumericsOfProcess] = array(nested(NumericsOfProcess))


class Gpu(Document):
    """A GPU. `capability` is CUDA's name for what it can do (``9.0``)."""

    name: str = string()
    uuid: str | None = string(default=None)
    driver: str | None = string(default=None)
    capability: str | None = string(default=None)
    memory_bytes: int | None = integer(default=None)


class Hardware(Document, media_type="application/vnd.envcap.hardware.v1+json"):
    """The node: processors, memory, GPUs, kernel, whatever of it a job is granted.

    `numa` has the processors (``0-3,8``) of each NUMA node. `virtual` is whether the processor says that a hypervisor
    runs it; `product` is what the machine's maker, or the hypervisor, calls it. `gpus` are NVIDIA's.
    """

    kernel: str = string()
    cpu_model: str | None = string(default=None)
    cpu_flags: Sequence[str] = array(string())
    microcode: str | None = string(default=None)
    logical_cpus: int = integer()
    cores: int | None = integer(default=None)
    sockets: int | None = integer(default=None)
    numa: Mapping[str, str] | None = mapping(string(), default=None)
    memory_bytes: int | None = integer(default=None)
    virtual: bool | None = boolean(default=None)
    product: str | None = string(default=None)
    gpus: Sequence[Gpu] | None = array(nested(Gpu), default=None)


class NodeDetails(Document, media_type="application/vnd.envcap.node-details.v1+json"):
    """What libraries that take their time know of the node.

    `cpu` is py-cpuinfo's, `distribution` distro's, `physical_cores` and `swap_bytes` psutil's, `gpus` and `cuda` (the
    newest version that the driver runs) NVML's. `failed` has the libraries that told nothing, with the reason.
    """

    cpu: Mapping[str, str] | None = mapping(string(), default=None)
    distribution: Mapping[str, str] | None = mapping(string(), default=None)
    physical_cores: int | None = integer(default=None)
    swap_bytes: int | None = integer(default=None)
    cuda: str | None = string(default=None)
    gpus: Sequence[Gpu] | None = array(nested(Gpu), default=None)
    failed: Mapping[str, str] = mapping(string())


class Ulimit(Document):
    """A resource limit (getrlimit(2)), a number or ``unlimited``; `soft` holds, and may be raised up to `hard`."""

    soft: str = string()
    hard: str = string()


class Allotment(Document, media_type="application/vnd.envcap.allotment.v1+json"):
    """What a job is granted of its node.

    `affinity` has the `cpus` processors that it may run on (``0-3,8``). `groups` has the tightest limit of the control
    groups that it is in, by controller: ``memory`` in bytes, ``cpu`` as time per period, both in microseconds
    (``150000/100000``), ``pids``, ``cpuset`` as ranges; or ``unlimited``. `failed` has those that can't be told.
    """

    cpus: int = integer()
    affinity: str = string()
    groups: Mapping[str, str] = mapping(string())
    ulimits: Mapping[str, Ulimit] = mapping(nested(Ulimit))
    nice: int = integer()
    failed: Mapping[str, str] = mapping(string())


class ContainerHint(Document):
    """What one source says about the container that a process is in.

    `source` is a path or the name of a variable. `claim` is what it tells: ``runtime``, ``orchestrator``, ``engine``,
    ``image`` (a name; of a repository of CVMFS, its root hash, and ``revision`` beside it), ``image_id``, ``reference``
    (a name with a digest), ``base`` (what the image was built on), ``dockerfile_commit``, ``image.MEMBER`` (of the file
    that was baked into the image), or ``id``, ``sandbox``, ``name``, ``pod``. These four have no `value`: it differs
    from one container to the next, and the manifest has it.
    `confidence` is ``high`` (the kernel or a file system says so), ``medium`` (a file that a runtime or a build wrote,
    the name of a control group, or what the launcher handed in) or ``low`` (anybody could have set it).
    """

    source: str = string()
    claim: str = string()
    value: str | None = string(default=None)
    confidence: str = string()


class Container(Document, media_type="application/vnd.envcap.container.v1+json"):
    """The container as it shows from inside. What its image is can't be known for sure there: none of this is identity.

    `runtime` is what the strongest hint says, missing if only weak ones say anything; `conflict` tells which hints
    contradict each other; `failed` has the sources that could not be read, with the reason.
    """

    runtime: str | None = string(default=None)
    hints: Sequence[ContainerHint] = array(nested(ContainerHint))
    conflict: str | None = string(default=None)
    failed: Mapping[str, str] = mapping(string())


class RubinConfig(Document, media_type="application/vnd.envcap.rubin-config.v1+json"):
    """A task's configuration as executed.

    `text` is the exact dump that pex_config wrote; `fields` is what was read from it without executing it (field path
    to Python literal). A text that holds anything but field assignments has `refused` instead of `fields`.
    """

    config_class: str | None = string(default=None)
    text: Descriptor = nested(Descriptor)
    fields: Mapping[str, str] | None = mapping(string(), default=None)
    refused: str | None = string(default=None)


class RubinQuantum(Document, media_type="application/vnd.envcap.rubin-quantum.v1+json"):
    """One PipelineTask on one data ID. Inputs are by UUID, in the order in which the task is given them.

    An init quantum (`init` is true) constructs the task and writes its init-outputs; it has no data ID.
    """

    task_class: str = string()
    label: str = string()
    init: bool | None = boolean(default=None)
    data_id: Mapping[str, str] = mapping(string())
    inputs: Mapping[str, Sequence[str]] = mapping(array(string()))
    init_inputs: Mapping[str, Sequence[str]] = mapping(array(string()))
    config: Descriptor | None = nested(Descriptor, default=None)


class Command(Document, media_type="application/vnd.envcap.command.v1+json"):
    """A command line with what it was given. The program is named, not located: a place is a fact about a site."""

    argv: Sequence[str] = array(string())
    config: Mapping[str, Descriptor] = mapping(nested(Descriptor))
    inputs: Mapping[str, str] = mapping(string())


class PythonBlock(Document, media_type="application/vnd.envcap.python-block.v1+json"):
    """A block of Python, a call of a function or a notebook's cell, with what it was given.

    `parameters` are as Python writes them; `opaque` names those whose values are not simple enough, with their types.
    `code` is the source of a cell, which lies in no file; `code_left_out` says why it is not kept.
    """

    name: str = string()
    code: Descriptor | None = nested(Descriptor, default=None)
    code_left_out: str | None = string(default=None)
    parameters: Mapping[str, str] = mapping(string())
    opaque: Sequence[str] = array(string())
    config: Mapping[str, Descriptor] = mapping(nested(Descriptor))
    inputs: Mapping[str, str] = mapping(string())


class Site(Document, media_type="application/vnd.envcap.site.v1+json"):
    """Where the software stood: prefixes, executables, work trees. Never part of identity.

    One member a collector, by its kind.
    """

    places: Mapping[str, Mapping[str, object]] = mapping(mapping())


COMPONENTS: Mapping[str, type[Document]] = {
    cls.media_type: cls
    for cls in (
        Interpreter,
        PythonDists,
        Conda,
        Eups,
        OperatingSystem,
        OsPackages,
        Source,
        ProcessEnv,
        Numerics,
        LoadedLibraries,
        ImportedModules,
        InstalledFiles,
        PythonArtifacts,
        EffectiveNumerics,
        Hardware,
        NodeDetails,
        Allotment,
        Container,
        RubinConfig,
        RubinQuantum,
        Command,
        PythonBlock,
        Site,
    )
}
