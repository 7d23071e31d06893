# SPDX-License-Identifier: Apache-2.0
"""The signs by which a process can tell that it is in a container, and how much each is worth.

What the kernel says about mounts is hard to forge. Files come from the runtime, or from an earlier container whose file
system became an image. Variables come from anybody: a batch system hands on those of the shell that submitted the job.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from ..errors import CollectorError, FormatError
from ..model.document import parse_json
from ..redact import scrub
from .bounded import read_bounded

__all__ = ("BAKED", "HANDED_OVER", "HIGH", "LOW", "MEDIUM", "MOUNTS", "Attribute", "Sign", "Signs")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HIGH, MEDIUM, LOW = "high", "medium", "low"
MOUNTS = "/proc/self/mountinfo"
BAKED = "/etc/envcap/image.json"
"""What an image says of itself: baked into those that this project builds, and inherited by what is built on them."""

HANDED_OVER = "ENVCAP_IMAGE"
"""The variable in which a launcher tells a container which image it is, since nothing inside knows."""

_MAX_KERNEL = 1 << 24
_MAX_FILE = 1 << 16
_GROUPS = "/proc/self/cgroup"
_CONTAINERENV = "/run/.containerenv"
_SHIFTER = "/var/shifterConfig.json"
_MANAGERS = ("/run/host/container-manager", "/run/systemd/container")
_SERVICE_ACCOUNT = ("/run/secrets/kubernetes.io/serviceaccount", "/var/run/secrets/kubernetes.io/serviceaccount")

# What runtimes mount over these files of a container, by the place that it comes from: Docker, the CRI plugin of
# containerd, and containers/storage (Podman, CRI-O). The kernel appends "//deleted" once a file was replaced outside.
# All patterns are texts: compiling them would cost more than all else on a host where most aren't needed.
_OWN_FILES = (_CONTAINERENV, "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_ORIGIN = (
    r"(?:^|/)(?:(?P<docker>containers)|io\.containerd\.grpc\.v1\.cri/(?P<containerd>sandboxes)"
    r"|(?P<storage>overlay|vfs|btrfs|zfs|aufs)-containers)"
    r"/(?P<id>[0-9a-f]{64})(?(storage)/userdata)/(?P<file>[^/]+)(?://deleted)?$"
)
_POD_HOSTS = r"(?:^|/)pods/([0-9a-f-]{32,36})/etc-hosts(?://deleted)?$"

_LENGTH_OF_ID = 64
_GROUP_OF_CONTAINER = r"(?:^|[/:])(docker|libpod|crio|cri-containerd)[-:/]([0-9a-f]{64})(?=$|[./:])"
_GROUP_OF_POD = r"(?:^|[/:-])pod([0-9a-f_-]{32,36})(?:\.slice)?[/:](?:([0-9a-f]{64})$)?"
_GROUP_OF_LXC = r"^/lxc(?:/|\.payload[./])([^/]+)"
_RUNTIMES = {"docker": "docker", "libpod": "podman", "crio": "cri-o", "cri-containerd": "containerd"}

Attribute = Callable[[str, str], bytes]
"""Reads an extended attribute of a file, as `os.getxattr` does."""

# A repository of CVMFS is mounted by its own client, which tells the root of the tree of hashes that is mounted.
_CVMFS_FOLDER = "/cvmfs/"
_CVMFS_CLIENT = "cvmfs2"
_CVMFS_CLAIMS = (
    ("image", "user.root_hash", r"[0-9a-f]{40}(?:-[a-z0-9]+)?"),
    ("revision", "user.revision", r"[0-9]{1,20}"),
)

_WORD = r"[a-z][a-z0-9-]{0,31}"
_HOST_NAME = r"[A-Za-z0-9.-]{1,253}"
_ID = r"[0-9a-f]{64}"
_ID_OR_ITS_START = r"[0-9a-f]{12}(?:[0-9a-f]{52})?"
_IN_CONTAINERENV = {"engine": "engine", "name": "name", "id": "id", "image": "image", "imageid": "image_id"}


class Sign:
    """What one source says. The members are those of a `ContainerHint`."""

    __slots__ = ("claim", "confidence", "source", "value")

    def __init__(self, source: str, claim: str, value: str, confidence: str) -> None:
        self.source = source
        self.claim = claim
        self.value = value
        self.confidence = confidence


class Signs:
    """Gathers the signs below a root directory.

    Attributes
    ----------
    found : `list` [ `Sign` ]
        Those of one confidence in the order in which they count; what mounted the root is first.
    failed : `dict` [ `str`, `str` ]
        The sources that could not be read, with the reason.
    images : `dict` [ `str`, `str` ]
        Where the image stands, by the variable that says so.
    """

    def __init__(self, root: str, environ: Mapping[str, str], attribute: Attribute = os.getxattr) -> None:
        self.found: list[Sign] = []
        self.failed: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self._root = root
        self._environ = environ
        self._attribute = attribute
        self._mounts: dict[str, tuple[str, str]] | None = None
        self._look_at_mounts()
        self._look_at_groups()
        self._look_at_marks()
        self._look_at_files()
        self._look_at_variables()
        self._look_at_baked()

    def _add(self, source: str, claim: str, value: str, confidence: str) -> None:
        said = (source, claim, value, confidence)
        if not any((s.source, s.claim, s.value, s.confidence) == said for s in self.found):
            self.found.append(Sign(*said))

    def _says(self, claim: str, value: str) -> bool:
        """Whether a sign that not everybody can set says something."""
        return any((s.claim, s.value) == (claim, value) and s.confidence != LOW for s in self.found)

    def _full(self, path: str) -> str:
        return os.path.join(self._root, path.lstrip("/"))

    def _read(self, path: str, limit: int = _MAX_FILE) -> str | None:
        """Return a text, `None` if there is none or it can't be read; the latter is noted."""
        full = self._full(path)
        try:
            return read_bounded(full, limit).decode("utf-8", "surrogateescape" if limit == _MAX_KERNEL else "strict")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeDecodeError:
            self.failed[path] = "no UTF-8 text"
        except CollectorError as err:
            self.failed[path] = str(err).removeprefix(f"{full}: ")
        return None

    def _read_json(self, path: str) -> Any:
        text = self._read(path)
        if text is None:
            return None
        try:
            return parse_json(text.encode())
        except FormatError as err:
            self.failed[path] = str(err)
            return None

    def _look_at_mounts(self) -> None:
        text = self._read(MOUNTS, _MAX_KERNEL)
        if text is None:
            self.failed.setdefault(MOUNTS, "there is none")
            return
        # proc_pid_mountinfo(5). Of mounts on one place, the last is the one that shows.
        self._mounts = {}
        for line in text.split("\n"):
            before, _, after = line.partition(" - ")
            fields = before.split(" ")
            if len(fields) > 4:
                self._mounts[fields[4]] = (fields[3], after)
        of_root = self._mounts.get("/", ("", ""))[1]
        for runtime in ("apptainer", "singularity"):
            if f"/{runtime}/mnt/session/" in of_root:
                self._add(MOUNTS, "runtime", runtime, HIGH)
        own = {point: self._mounts[point][0] for point in _OWN_FILES if point in self._mounts}
        pod = re.search(_POD_HOSTS, own["/etc/hosts"]) if "/etc/hosts" in own else None
        if pod:
            self._add(MOUNTS, "pod", pod[1], HIGH)
        if pod or any(point in self._mounts for point in _SERVICE_ACCOUNT):
            self._add(MOUNTS, "orchestrator", "kubernetes", HIGH)
        self._look_at_own_files(own)
        for point, (_, after) in self._mounts.items():
            if point.startswith(_CVMFS_FOLDER) and _CVMFS_CLIENT in after.split(" ")[:2]:
                self._look_at_cvmfs(point)

    def _look_at_cvmfs(self, point: str) -> None:
        """Ask the client which tree it has mounted: who runs what is in there runs an image by its root hash."""
        for claim, name, form in _CVMFS_CLAIMS:
            try:
                value = self._attribute(self._full(point), name).decode("ascii", "replace").strip("\0\n ")
            except OSError as err:
                self.failed[point] = f"{name}: {err.strerror or err}"
                continue
            if re.fullmatch(form, value):
                self._add(point, claim, value, HIGH)
            else:
                self.failed[point] = f"{name}: {value[:80]!r} is none"

    def _look_at_own_files(self, own: Mapping[str, str]) -> None:
        origins = [(point, re.search(_ORIGIN, place)) for point, place in own.items()]
        sure = [origin for point, origin in origins if origin and point.endswith("/" + origin["file"])]
        # The others belong to the network: a container that joined another's network has that one's.
        sure = [origin for origin in sure if origin["file"] == ".containerenv"] or sure
        ids = [origin["id"] for origin in sure]
        # A user may have mounted another container's file over one of them, but hardly over all.
        for origin in sorted(sure, key=lambda origin: -ids.count(origin["id"])):
            runtime = "docker" if origin["docker"] else "containerd" if origin["containerd"] else None
            self._add(MOUNTS, "runtime", runtime or self._storage_runtime(), HIGH)
            # In a pod of Kubernetes, they belong to the sandbox that all its containers share.
            shared = origin["containerd"] or self._says("orchestrator", "kubernetes")
            self._add(MOUNTS, "sandbox" if shared else "id", origin["id"], HIGH)

    def _storage_runtime(self) -> str:
        return "cri-o" if self._says("orchestrator", "kubernetes") else "podman"

    def _look_at_groups(self) -> None:
        """Read cgroups(7). A user can give one of his own any name, so what they say isn't ``high``."""
        for line in (self._read(_GROUPS, _MAX_KERNEL) or "").split("\n"):
            path = line.partition(":")[2].partition(":")[2]
            if path.startswith("/lxc") and (lxc := re.match(_GROUP_OF_LXC, path)):
                self._add(_GROUPS, "runtime", "lxc", MEDIUM)
                self._add(_GROUPS, "name", lxc[1], MEDIUM)
            if len(path) < _LENGTH_OF_ID:
                continue
            for runtime, container in re.findall(_GROUP_OF_CONTAINER, path)[-1:]:
                self._add(_GROUPS, "runtime", _RUNTIMES[runtime], MEDIUM)
                self._add(_GROUPS, "id", container, MEDIUM)
            for pod, container in re.findall(_GROUP_OF_POD, path)[-1:]:
                self._add(_GROUPS, "orchestrator", "kubernetes", MEDIUM)
                self._add(_GROUPS, "pod", pod.replace("_", "-"), MEDIUM)
                if container:
                    self._add(_GROUPS, "id", container, MEDIUM)

    def _look_at_marks(self) -> None:
        """Look for what is there or not. A mark that no mount goes with may be left over from another container."""
        if os.path.exists(self._full("/.dockerenv")):
            fresh = self._mounts is None or self._says("runtime", "docker")
            self._add("/.dockerenv", "runtime", "docker", MEDIUM if fresh else LOW)
        if os.path.isdir(self._full("/.singularity.d")):
            self._add("/.singularity.d", "runtime", self._apptainer(), MEDIUM)
        if os.path.exists(self._full(_CONTAINERENV)):
            fresh = self._mounts is None or _CONTAINERENV in self._mounts or f"/var{_CONTAINERENV}" in self._mounts
            confidence = MEDIUM if fresh else LOW
            self._add(_CONTAINERENV, "runtime", self._storage_runtime(), confidence)
            for line in (self._read(_CONTAINERENV) or "").split("\n"):
                name, _, value = line.partition("=")
                claim, value = _IN_CONTAINERENV.get(name), value.strip('"')
                if claim and value and (claim not in ("id", "image_id") or re.fullmatch(_ID, value)):
                    self._add(_CONTAINERENV, claim, scrub(value), confidence)

    def _apptainer(self) -> str:
        """Return which of the two it is: Apptainer sets the variables of its former self too."""
        for name in ("apptainer", "singularity"):
            if self._says("runtime", name):
                return name
        former = "SINGULARITY_CONTAINER" in self._environ and "APPTAINER_CONTAINER" not in self._environ
        return "singularity" if former else "apptainer"

    def _look_at_files(self) -> None:
        for path in _MANAGERS:
            if (text := self._read(path)) is not None:
                if re.fullmatch(_WORD, text.strip()):
                    self._add(path, "runtime", text.strip(), MEDIUM)
                else:
                    self.failed[path] = "no name of a runtime"
        shifter = self._read_json(_SHIFTER)
        if isinstance(shifter, dict):
            self._add(_SHIFTER, "runtime", "shifter", MEDIUM)
            if re.fullmatch(_ID, str(shifter.get("identifier"))):
                self._add(_SHIFTER, "image_id", str(shifter["identifier"]), MEDIUM)
        kernel = "/proc/sys/kernel/osrelease"
        if "microsoft" in (self._read(kernel) or "").lower():
            self._add(kernel, "runtime", "wsl", HIGH)
        if self._says("orchestrator", "kubernetes"):
            name = (self._read("/etc/hostname") or "").strip()
            if re.fullmatch(_HOST_NAME, name):
                self._add("/etc/hostname", "name", name, MEDIUM)

    def _look_at_variables(self) -> None:
        for prefix in ("APPTAINER", "SINGULARITY"):
            if image := self._environ.get(f"{prefix}_CONTAINER"):
                self._add(f"{prefix}_CONTAINER", "runtime", self._apptainer(), LOW)
                self._add(f"{prefix}_CONTAINER", "image", os.path.basename(scrub(image)), LOW)
                self.images[f"{prefix}_CONTAINER"] = scrub(image)
        for name, claim in (("SHIFTER_IMAGEREQUEST", "image"), ("SHIFTER_IMAGE", "image_id")):
            if image := self._environ.get(name):
                self._add(name, "runtime", "shifter", LOW)
                self._add(name, claim, scrub(image), LOW)
        if "WSL_DISTRO_NAME" in self._environ:
            self._add("WSL_DISTRO_NAME", "runtime", "wsl", LOW)
        if "KUBERNETES_SERVICE_HOST" in self._environ:
            self._add("KUBERNETES_SERVICE_HOST", "orchestrator", "kubernetes", LOW)
        runtime, host = (self._environ.get(name, "") for name in ("container", "HOSTNAME"))
        if runtime and re.fullmatch(_WORD, runtime):
            self._add("container", "runtime", runtime, LOW)
        # Docker and Podman name a container's host so; a host of such a name alone is no sign of a container.
        if self.found and host and re.fullmatch(_ID_OR_ITS_START, host):
            self._add("HOSTNAME", "id", host, LOW)
        self._look_at_handed_over()

    def _look_at_handed_over(self) -> None:
        """Read what the launcher says (`envcap.images.facts.hand_over`): it knows, and anybody could have set it."""
        text = self._environ.get(HANDED_OVER)
        if not text:
            return
        try:
            told = parse_json(text.encode("utf-8", "surrogateescape"))
        except FormatError as err:
            self.failed[HANDED_OVER] = str(err)
            return
        if not isinstance(told, dict) or not re.fullmatch(r"sha256:[0-9a-f]{64}", str(told.get("id"))):
            self.failed[HANDED_OVER] = "no image by digest"
            return
        self._add(HANDED_OVER, "image_id", str(told["id"]), MEDIUM)
        if isinstance(told.get("base"), str):
            self._add(HANDED_OVER, "base", scrub(str(told["base"])), MEDIUM)
        for claim, name in (("reference", "references"), ("dockerfile_commit", "dockerfile_commits")):
            values = told.get(name)
            for value in values if isinstance(values, list) else ():
                if isinstance(value, str):
                    self._add(HANDED_OVER, claim, scrub(value), MEDIUM)

    def _look_at_baked(self) -> None:
        baked = self._read_json(BAKED)
        if isinstance(baked, dict) and all(isinstance(value, str) for value in baked.values()):
            for name, value in baked.items():
                self._add(BAKED, f"image.{scrub(name)}", scrub(value), MEDIUM)
        elif baked is not None:
            self.failed[BAKED] = "no object of texts"
