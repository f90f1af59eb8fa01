"""A real SSH server on loopback that runs `git upload-pack` and `git receive-pack`, and nothing else."""

from __future__ import annotations

import asyncio
import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh


class SshServer:
    """Serves the repositories below `root` to holders of one key. `commands` are what clients asked to run."""

    def __init__(self, root: Path, keys: Path) -> None:
        keys.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.port = 0
        self.commands: list[str] = []
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        client = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = keys / "id_ed25519"
        client.write_private_key(self.client_key)
        self.client_key.chmod(0o600)
        self._authorized = asyncssh.import_authorized_keys(client.export_public_key().decode())

    @property
    def url(self) -> str:
        return f"ssh://git@127.0.0.1:{self.port}"

    def known_hosts(self, place: Path, key: asyncssh.SSHKey | None = None) -> Path:
        """A file that knows this server by its own host key, or by another."""
        public = (key or self.host_key).export_public_key().decode().strip()
        place.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        return place

    @contextmanager
    def serving(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        started = threading.Event()
        stop = asyncio.Event()

        async def serve() -> None:
            server = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[self.host_key],
                authorized_client_keys=self._authorized,
                process_factory=self._run,
                encoding=None,
            )
            self.port = server.get_port()
            started.set()
            await stop.wait()
            server.close()
            await server.wait_closed()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        started.wait(10)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command = process.command or ""
        self.commands.append(command)
        program, _, argument = command.partition(" ")
        if program not in {"git-upload-pack", "git-receive-pack"}:
            process.exit(128)
            return
        path = self.root / shlex.split(argument)[0].lstrip("/")
        child = await asyncio.create_subprocess_exec(
            "git",
            program.removeprefix("git-"),
            str(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1"},
        )
        await process.redirect(stdin=child.stdin, stdout=child.stdout)
        process.exit(await child.wait())
        await process.wait_closed()
