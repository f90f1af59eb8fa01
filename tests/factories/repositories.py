"""Repositories of tiny packages: deb, rpm and pacman's, built on the spot."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

Packages = Sequence[tuple[str, str]]
"""Names and versions."""


def debs(where: Path, packages: Packages, extra: Mapping[str, str] | None = None) -> None:
    """A flat repository; each package has /etc/NAME.conf. `extra` files (`postinst` ...) go into DEBIAN/ of all."""
    where.mkdir(parents=True, exist_ok=True)
    index = []
    for name, version in packages:
        tree = where / f"{name}-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "etc").mkdir()
        (tree / f"etc/{name}.conf").write_text(f"version {version}\n")
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n"
        )
        (tree / "DEBIAN/control").write_text(control)
        (tree / "DEBIAN/conffiles").write_text(f"/etc/{name}.conf\n")
        for file, text in (extra or {}).items():
            (tree / "DEBIAN" / file).write_text(text)
            (tree / "DEBIAN" / file).chmod(0o755)
        deb = where / f"{name}_{version}.deb"
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb))
        data = deb.read_bytes()
        index.append(
            f"{control}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
    (where / "Packages").write_text("\n".join(index))


def rpms(where: Path, packages: Packages) -> None:
    """A repository as createrepo_c makes it."""
    spec = "Name: %{n}\nVersion: %{v}\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%files\n"
    where.mkdir(parents=True, exist_ok=True)
    (where / "x.spec").write_text(spec)
    for name, version in packages:
        places = [
            f"--define=_topdir {where}/build",
            f"--define=_rpmdir {where}",
            f"--define=n {name}",
            f"--define=v {version}",
        ]
        run("rpmbuild", "-bb", "--quiet", *places, str(where / "x.spec"))
    run("createrepo_c", "--quiet", str(where))


def pacmans(where: Path, packages: Packages) -> None:
    """A repository called `x`: `x.db` and a package file each."""
    where.mkdir(parents=True, exist_ok=True)
    with tarfile.open(where / "x.db", "w:gz") as index:
        for name, version in packages:
            file = where / f"{name}-{version}-any.pkg.tar.gz"
            with tarfile.open(file, "w:gz") as package:
                _add(
                    package,
                    ".PKGINFO",
                    f"pkgname = {name}\npkgbase = {name}\npkgver = {version}\npkgdesc = x\nsize = 0\narch = any\n",
                )
                _add(package, f"etc/{name}.conf", version)
            data = file.read_bytes()
            fields = {"FILENAME": file.name, "NAME": name, "VERSION": version, "CSIZE": len(data), "ARCH": "any"}
            fields["SHA256SUM"] = hashlib.sha256(data).hexdigest()
            _add(index, f"{name}-{version}/desc", "".join(f"%{key}%\n{value}\n\n" for key, value in fields.items()))


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text.encode()))


def signed(where: Path, home: Path) -> bytes:
    """Sign a flat repository of debs with a new key, whose public half is returned, armored."""
    gpg = ["gpg", "--homedir", str(home), "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""]
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    run(*gpg, "--quick-generate-key", "x@example.com", "ed25519", "sign", "never")
    index = (where / "Packages").read_bytes()
    digest = f"SHA256:\n {hashlib.sha256(index).hexdigest()} {len(index)} Packages\n"
    (where / "Release").write_text(f"Date: Thu, 01 Jan 2026 00:00:00 UTC\n{digest}")
    run(*gpg, "--output", str(where / "InRelease"), "--clearsign", str(where / "Release"))
    (where / "Release").unlink()
    key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    run("gpgconf", "--homedir", str(home), "--kill", "gpg-agent")
    return key
