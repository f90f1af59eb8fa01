"""Archives in memory, well meant and hostile."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any


def tar(members: Mapping[str, Any], mode: str = "w", **options: Any) -> bytes:
    """A tar file: name → bytes of a file, None for a directory, or fields of `TarInfo` with `data`. A list of pairs
    in place of a map has names twice."""
    made = io.BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(fileobj=made, mode=mode, **options) as archive:  # type: ignore[call-overload]
        for name, value in pairs:
            fields = value if isinstance(value, dict) else {"data": value}
            data = fields.get("data") or b""
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o644
            if value is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            for field, content in fields.items():
                if field != "data":
                    setattr(info, field, content)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def symlink(target: str) -> dict[str, Any]:
    """Fields of a symbolic link."""
    return {"type": tarfile.SYMTYPE, "linkname": target}


def hard_link(target: str) -> dict[str, Any]:
    """Fields of a hard link."""
    return {"type": tarfile.LNKTYPE, "linkname": target}


def zipped(members: Mapping[str, bytes], *, modes: Mapping[str, int] | None = None, packed: bool = True) -> bytes:
    """A zip file: name → bytes; a name with a slash at its end is a directory."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            info.external_attr = (modes or {}).get(name, 0o644) << 16
            archive.writestr(info, data)
    return made.getvalue()
