"""On what kind of file system a path lies: some do not keep the promises that a store needs."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"}
    | {"nfs4", "ocfs2", "orangefs", "panfs", "smb3", "smbfs", "virtiofs"}
)


def kind_of(path: Path) -> str:
    """Return the kind of file system that a path lies on, or will; empty: nobody knows."""
    place = path.resolve()
    best, kind = -1, ""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), before.split()[4]))
        if len(point.parts) > best and (point == place or point in place.parents):
            best, kind = len(point.parts), after.split()[0]
    return kind


def is_network(kind: str) -> bool:
    """Return whether files of this kind of file system may lie on another machine."""
    return kind in _NETWORK or kind.startswith("fuse.")
