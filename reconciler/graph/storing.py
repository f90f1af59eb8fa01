"""Storing: what a compile found, on disk, so that the next process begins where this one was.

Kept are conclusions, in plain JSON: which files there were, what crates name, of each match block its pattern, what it
uses and the digest of its catalog. Not kept are documents, crates, catalogs: they are made late (`reconciler.late`),
from the same blobs to the same values, when somebody asks for one. What is restored is a `Cache` as it was: whatever
tree comes next is compiled with it as after any commit.

A file is used only if it is its owner's alone, whole (SHA-256), and of exactly this language: its version is a digest
of the code that compiles. Anything else is as if there were none.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from reconciler.collecting import without_collecting
from reconciler.documents import DocumentCache, Documents, Kind
from reconciler.documents.loading import Document
from reconciler.graph import assertions, plan, references, using
from reconciler.graph import roles as roles_
from reconciler.graph.blocks import Blocks
from reconciler.graph.compiling import Cache, compile_tree
from reconciler.graph.graphs import Compilation
from reconciler.graph.late_making import Origin
from reconciler.graph.late_making import StoreUnfitError as StoreUnfitError
from reconciler.graph.leaves import LeafResult, profile_id
from reconciler.graph.library import Facts, Library, named_by
from reconciler.graph.linking import Linked
from reconciler.graph.matching import Matcher
from reconciler.graph.patterns import parse
from reconciler.graph.plan import Plan
from reconciler.graph.profiles import Profile
from reconciler.late import open_, opened
from reconciler.repository.trees import Entry, Tree
from schema.diagnostics import Diagnostic

MAX_BYTES: Final = 256 << 20
"""Of one file: some 300,000 match blocks."""
MAX_KEPT: Final = 32
"""Repositories of which a user's command line keeps something."""
MAX_KEPT_BYTES: Final = 512 << 20
_NAME: Final = 32
_STORED: Final = re.compile(rf"(?:\.[0-9a-f]{{{_NAME}}}\.\d+\.\d+|[0-9a-f]{{{_NAME}}})")
"""Names of what is stored: digits of a digest, and with a dot what was being written when its process ended."""
_WORTHWHILE_S: Final = 0.25
"""What took less is as quick without."""
_MAGIC: Final = b"vigo-compiled-1"
_KINDS: Final = list(Kind)
_ROOT: Final = Path(__file__).resolve().parents[2]
_CODE: Final = ("schema", "reconciler/documents", "reconciler/expressions", "reconciler/graph", "reconciler/repository")


def restore(place: Path, tree: Tree) -> Cache | None:
    """The cache that was stored at a place; None where there is none that can be used.

    Args:
        tree: what is compiled next, perhaps another than what was compiled last. Blobs are read through it.
    """
    body = _read(place)
    if body is None:
        return None
    try:
        with without_collecting(cold=True):
            return _Restored(orjson.loads(body), tree).cache
    except (LookupError, TypeError, ValueError):
        return None


def store(place: Path, cache: Cache) -> bool:
    """Keep what a cache holds, if its last compile gave a graph; whether that was possible."""
    with cache.lock:
        if not cache.sound:
            return False
        body = orjson.dumps(_said(cache))
    digest = version()
    if digest is None or len(body) > MAX_BYTES:
        return False
    head = b"%b %b %b\n" % (_MAGIC, digest.encode(), hashlib.sha256(body).hexdigest().encode())
    try:
        _write(place, head + body)
    except OSError:
        return False  # a disk that is full or read-only costs the next start its speed and nothing else
    return True


def compile_at(place: Path | None, tree: Tree) -> Compilation:
    """What a tree means, for a process that compiles once: from what is stored at a place, and stored there again."""
    if place is None:
        return compile_tree(tree)
    begun = time.perf_counter()
    cache = restore(place, tree) or Cache()
    compilation = compile_tree(tree, cache)
    if time.perf_counter() - begun > _WORTHWHILE_S and store(place, cache):
        _prune(place.parent)
    return compilation


def place_of(repository: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where a user's command line keeps what it compiled of a repository; None where the user wants nothing kept.

    Nor is anything kept in somebody else's home: what root was given there by `sudo`, its owner could lead anywhere.
    """
    if environment.get("VIGO_CACHE", "").lower() in {"0", "off", "no", "false"}:
        return None
    home, caches = Path(environment.get("HOME", "") or "/nonexistent"), environment.get("XDG_CACHE_HOME", "")
    top = Path(caches) if caches.startswith("/") else home / ".cache"
    if not (_is_ours(home) and _is_ours(top)):
        return None
    return top / "vigo" / "compiled" / hashlib.sha256(os.fsencode(repository.resolve())).hexdigest()[:_NAME]


@lru_cache(maxsize=1)
def version() -> str | None:
    """A digest of all code that decides what a tree means; None where there is no source to read."""
    import pydantic
    import re2
    import yaml

    digest = hashlib.sha256()
    digest.update(repr((sys.version, os.uname().machine, pydantic.VERSION, yaml.__version__)).encode())
    digest.update(repr((orjson.__version__, getattr(re2, "__version__", ""))).encode())
    found = False
    try:
        for top in _CODE:
            for path in sorted((_ROOT / top).rglob("*.py")):
                data = path.read_bytes()
                digest.update(b"%d %b\n" % (len(data), path.name.encode()) + data)
                found = True
    except OSError:
        return None
    return digest.hexdigest() if found else None


def _read(place: Path) -> bytes | None:
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
                return None
            if about.st_size > MAX_BYTES + 4096:
                return None
            head = file.readline(4096).split()
            if len(head) != 3 or head[0] != _MAGIC or head[1].decode("ascii", "replace") != version():
                return None
            body = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    return body if hashlib.sha256(body).hexdigest().encode() == head[2] else None


def _is_ours(directory: Path) -> bool:
    """Whether it belongs to us, or is yet to be made."""
    try:
        return directory.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _prune(directory: Path) -> None:
    """Let go of what was stored longest ago, beyond a number and a size; of what was not stored here, nothing."""
    with suppress(OSError):
        stored = (each for each in directory.iterdir() if _STORED.fullmatch(each.name))
        found = sorted(((each.lstat(), each) for each in stored), key=lambda pair: -pair[0].st_mtime)
        held = 0
        for at, (about, each) in enumerate(found):
            held += about.st_size
            if at >= MAX_KEPT or held > MAX_KEPT_BYTES:
                each.unlink()


def _write(place: Path, data: bytes) -> None:
    """Put a file in a place whole or not at all, for its owner alone."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(place.parent):
        raise PermissionError(f"{place.parent} is somebody else's")
    fresh = place.with_name(f".{place.name}.{os.getpid()}.{time.monotonic_ns()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        fresh.replace(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


# what is said


def _said(cache: Cache) -> dict[str, Any]:
    documents, library, blocks, names = cache.last, cache.library, cache.blocks, cache.names
    assert documents is not None
    assert library is not None
    assert blocks is not None
    assert names is not None
    kinds = {kind: at for at, kind in enumerate(_KINDS)}
    by_path = documents.by_path
    paths = list(documents.entries)
    return {
        "tree": documents.tree.id,
        "paths": paths,
        "oids": [entry.oid for entry in documents.entries.values()],
        "sizes": [entry.size for entry in documents.entries.values()],
        "kinds": [kinds[found.kind] if (found := by_path.get(path)) is not None else None for path in paths],
        "blamed": _plain(documents.blamed),
        "roles": sorted(names.roles),
        "about": {
            "shared": _plain(cache.about_shared),
            "work": _listed(cache.about_work),
            "waivers": _listed(cache.about_waivers),
            "tests": _listed(cache.about_tests.diagnostics if cache.about_tests is not None else ()),
            "crates": _plain(library.blamed),
            "all_crates": _listed(library.about_all),
        },
        "crates": [[path, *facts] for path, facts in library.facts.items()],
        "leaves": [
            [path, "\n".join(leaf.uses), [_block(profile) for profile in leaf.profiles], _listed(leaf.diagnostics)]
            for path, leaf in blocks.leaves.items()
        ],
        "shadows": list(blocks.matcher.shadows()),
        "root": blocks.plan.root.hex(),
    }


def _block(profile: Profile) -> tuple[int, str, str, tuple[str, ...]]:
    return profile.index, profile.pattern.text, profile.catalog_sha256, profile.secrets


def _plain(found: Mapping[str, Sequence[Diagnostic]]) -> dict[str, list[dict[str, Any]]]:
    return {path: _listed(each) for path, each in found.items() if each}


def _listed(found: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in found]


# what is made of it


class _Past:
    """A tree that was: what it held, with blobs that are read through the one that is."""

    def __init__(self, tree_id: str, entries: Mapping[str, Entry], read: Callable[[str], bytes]) -> None:
        self.id: Final = tree_id
        self.commit: Final = None
        self.read: Final = read
        self._entries: Final = entries

    def entries(self) -> Mapping[str, Entry]:
        """Path → entry, in path order."""
        return self._entries

    def subtrees(self) -> Mapping[str, str]:
        """The root alone: nobody asks for others."""
        return {"": self.id}

    def refused(self) -> Mapping[str, str]:
        """Nothing: it has been said."""
        return {}


class _Restored:
    """A cache, as it was when it was stored."""

    def __init__(self, said: Mapping[str, Any], tree: Tree) -> None:
        self._origin: Final = Origin()
        self.cache: Final = Cache()
        documents = self._documents(said, tree)
        about = said["about"]
        cache = self.cache
        cache.documents = DocumentCache(last=documents, marks=documents.remembered)
        cache.last = documents
        self._origin.begin(cache, documents)
        cache.names = references.Known(
            {each.stem for each in documents.of(Kind.CONFIGCRATE)},
            set(said["roles"]),
            {each.stem for each in documents.of(Kind.USERCRATE)},
        )
        role_documents = documents.of(Kind.ROLES)
        entries = tree.entries()
        if all(entries.get(each.path) == documents.entries[each.path] for each in role_documents):
            cache.roles, _ = roles_.read(documents, None)
        cache.library = library = self._library(said, documents)
        cache.about_shared = _told(about["shared"])
        cache.about_work, cache.about_waivers = _of(about["work"]), _of(about["waivers"])
        cache.blocks = blocks = self._blocks(said, documents)
        tests, environments = documents.of(Kind.TESTS), documents.of(Kind.ENVIRONMENTS)
        cache.about_tests = assertions.Told(
            tests, environments, cache.names, library.by_name, blocks.matcher, _of(about["tests"])
        )
        self._origin.know(cache, documents, cache.roles or roles_.RoleSet(), library)

    def _documents(self, said: Mapping[str, Any], tree: Tree) -> Documents:
        if tree.id == said["tree"]:
            entries, past = tree.entries(), tree
        else:
            listed = zip(said["paths"], said["oids"], said["sizes"], strict=True)
            entries = {path: Entry(oid, size) for path, oid, size in listed}
            past = _Past(said["tree"], entries, tree.read)
        blamed = _told(said["blamed"])
        fill, put, new, kind = self._origin.document, object.__setattr__, object.__new__, opened(Document)
        by_path: dict[str, Document] = {}
        by_kind: dict[Kind, list[Document]] = {}
        for path, oid, at in zip(said["paths"], said["oids"], said["kinds"], strict=True):
            if at is None:
                continue
            # `open_`, written out: this is done for every file.
            document = by_path[path] = new(kind)
            put(document, "path", path)
            put(document, "oid", oid)
            put(document, "kind", _KINDS[at])
            put(document, "diagnostics", tuple(blamed.get(path, ())))
            put(document, "_fill", fill)
            by_kind.setdefault(_KINDS[at], []).append(document)
        return Documents(past, entries, by_path, dict(by_kind), blamed, None, frozenset(), self.cache.documents.marks)

    def _library(self, said: Mapping[str, Any], documents: Documents) -> Library:
        facts = {path: Facts(tuple(sources), tuple(after), lacks) for path, sources, after, lacks in said["crates"]}
        linked = {path: open_(Linked, self._origin.linked(path)) for path in facts}
        by_name: dict[Kind, dict[str, Linked]] = {Kind.CONFIGCRATE: {}, Kind.USERCRATE: {}}
        for kind, found in by_name.items():
            for document in documents.of(kind):
                found.setdefault(document.stem, linked[document.path])
        about = said["about"]
        return Library(
            linked,
            facts,
            named_by(facts),
            by_name[Kind.CONFIGCRATE],
            _told(about["crates"]),
            by_name[Kind.USERCRATE],
            _of(about["all_crates"]),
        )

    def _blocks(self, said: Mapping[str, Any], documents: Documents) -> Blocks:
        leaves: dict[str, LeafResult] = {}
        order: list[Profile] = []
        fill_leaf, fill_profile, kind = self._origin.leaf, self._origin.profile, opened(Profile)
        by_path = documents.by_path
        for path, uses, blocks, found in said["leaves"]:
            document, counted = by_path[path], dict[str, int]()
            made: list[Profile] = []
            for index, text, sha256, secrets in blocks:
                pattern = parse(text)
                profile = object.__new__(kind)  # `open_`, written out: this is done for every block
                profile.__dict__ = {
                    "id": profile_id(path, pattern, counted),
                    "pattern": pattern,
                    "document": document,
                    "index": index,
                    "catalog_sha256": sha256,
                    "secrets": tuple(secrets),
                    "findings": (),
                }
                profile._fill = fill_profile
                made.append(profile)
            order += made
            known = {"document": document, "profiles": made, "diagnostics": _of(found), "lacking": False}
            leaves[path] = open_(LeafResult, fill_leaf, uses=frozenset(uses.split("\n")), **known)

        def fill_plan(made: Plan) -> None:
            object.__setattr__(made, "top", plan.build([profile.leaf_hash for profile in order]).top)

        return Blocks(
            leaves,
            order,
            {profile.id: profile for profile in order},
            open_(Plan, fill_plan, root=bytes.fromhex(said["root"])),
            Matcher([profile.pattern for profile in order], [(hidden, by) for hidden, by in said["shadows"]]),
            using.put_up(leaves),
            {path: leaf for path, leaf in leaves.items() if leaf.diagnostics},
            frozenset(),
        )


def _told(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Diagnostic]]:
    return {path: _of(each) for path, each in found.items()}


def _of(found: Sequence[Mapping[str, Any]]) -> list[Diagnostic]:
    return [Diagnostic.model_validate(each) for each in found]
