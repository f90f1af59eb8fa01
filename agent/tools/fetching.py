"""The program that fetches one file, run as a child that has the network; `agent.tools.fetch` sends its text.

Standard library alone, nothing of ours: it runs isolated. It reads a job, works until the file is whole or it may not,
and says in one line of JSON how that went. What came stays in the file, so that the next run can go on.
"""

# The child's only output is its standard output.
# ruff: noqa: T201

from __future__ import annotations

import http.client
import json
import os
import ssl
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

MAX_REDIRECTS: Final = 10
ATTEMPTS: Final = 4
STALL_S: Final = 30.0
_CHUNK: Final = 256 * 1024
_PAUSE_S: Final = 1.0
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Refused(Exception):
    """It cannot be had; another attempt would be no better."""


class Broken(Exception):
    """It broke off; another attempt may go on."""


def main(job: dict[str, Any]) -> None:
    """Fetch: `url`, `path`, `headers`, `ca_file`, `max_bytes`, `seconds`."""
    deadline = time.monotonic() + job["seconds"]
    said = ""
    for attempt in range(ATTEMPTS):
        try:
            fetch(job, deadline)
        except Refused as error:
            said = str(error)
            break
        except (Broken, OSError, http.client.HTTPException) as error:
            said = str(getattr(error, "reason", "") or error) or type(error).__name__
            if attempt + 1 == ATTEMPTS or time.monotonic() + _PAUSE_S > deadline:
                break
            time.sleep(_PAUSE_S * attempt)
        else:
            said = ""
            break
    print(json.dumps({"error": said[:500]}))


def fetch(job: dict[str, Any], deadline: float) -> None:
    """One attempt: ask for what is lacking, and add it."""
    fd = _opened(job["path"])
    try:
        offset = os.fstat(fd).st_size
        if offset >= job["max_bytes"]:
            offset = 0
        answer = _answer(job, offset, deadline)
        with answer:
            if answer.status == 416 and offset:
                os.ftruncate(fd, 0)
                raise Broken("the server has no such part of it")
            if answer.status == 206 and offset:
                if not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {offset}-"):
                    os.ftruncate(fd, 0)
                    raise Broken("the server sent another part than it was asked for")
            elif answer.status == 200:
                offset = 0
                os.ftruncate(fd, 0)
            elif answer.status >= 500 or answer.status == 429:
                raise Broken(f"the server answered {answer.status}")
            else:
                raise Refused(f"the server answered {answer.status}")
            _save(answer, fd, offset, job["max_bytes"], deadline)
    finally:
        os.close(fd)


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
        os.close(fd)
        raise Refused(f"{path} is not a file of ours")
    return fd


def _save(answer: Any, fd: int, offset: int, most: int, deadline: float) -> None:
    length = answer.headers.get("Content-Length", "")
    lacking = int(length) if length.isascii() and length.isdigit() else None
    if lacking is not None and offset + lacking > most:
        raise Refused(f"it is longer than {most // (1024 * 1024)} MiB (max_mib)")
    os.lseek(fd, offset, os.SEEK_SET)
    came = 0
    while piece := answer.read1(_CHUNK):
        came += len(piece)
        if offset + came > most:
            os.ftruncate(fd, 0)
            raise Refused(f"it is longer than {most // (1024 * 1024)} MiB (max_mib)")
        view = memoryview(piece)
        try:
            while view:
                view = view[os.write(fd, view) :]
        except OSError as error:
            raise Refused(f"cannot write: {error.strerror}") from error
        if time.monotonic() > deadline:
            raise Refused("it did not come in time (timeout_s); the next run goes on from here")
    if lacking is not None and came < lacking:
        raise Broken("it broke off")


def _answer(job: dict[str, Any], offset: int, deadline: float) -> Any:
    """The answer at the end of all redirects."""
    url, headers = job["url"], dict(job["headers"])
    opener = _opener(job.get("ca_file"))
    for _ in range(MAX_REDIRECTS + 1):
        asked = {**headers, "Accept-Encoding": "identity", "Connection": "close"}
        if "user-agent" not in {name.lower() for name in asked}:
            asked["User-Agent"] = "vigo-agent"
        if offset:
            asked["Range"] = f"bytes={offset}-"
        wait = max(0.1, min(STALL_S, deadline - time.monotonic()))
        try:
            answer = opener.open(urllib.request.Request(url, headers=asked), timeout=wait)  # noqa: S310 - judged below
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise Refused(f"its certificate is not trusted: {error.reason.verify_message}") from error
            raise
        assert answer is not None
        if answer.status not in (301, 302, 303, 307, 308):
            return answer
        answer.close()
        before = urllib.parse.urlsplit(url)
        url = urllib.parse.urljoin(url, answer.headers.get("Location", ""))
        after = urllib.parse.urlsplit(url)
        if after.scheme not in ("http", "https") or (before.scheme, after.scheme) == ("https", "http"):
            raise Refused(f"a redirect from {before.scheme} to {after.scheme or 'nothing'} is not followed")
        if not after.hostname or any(ord(letter) < 33 or ord(letter) > 126 for letter in url):
            raise Refused("a redirect leads to no address")
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            headers = {name: value for name, value in headers.items() if name.lower() in ("accept", "user-agent")}
    raise Refused(f"more than {MAX_REDIRECTS} redirects")


def _opener(ca_file: str | None) -> urllib.request.OpenerDirector:
    """One that knows http, https and the proxies of its environment, and nothing else: no files, no ftp."""
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None and not context.get_ca_certs():
        for bundle in _BUNDLES:
            if Path(bundle).is_file():
                context.load_verify_locations(cafile=bundle)
                break
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
    ):
        opener.add_handler(handler)
    return opener
