"""Settings: what an operator may decide, each by one environment variable `VIGO_<NAME>`.

Every default is the safe value. Nothing else in the server reads the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings of one server process."""

    model_config = SettingsConfigDict(env_prefix="VIGO_", frozen=True, extra="ignore")

    data_dir: Path = Path("/var/lib/vigo")
    """What the server owns on disk: database, CA, keys, cache of the repository. Made with mode 0700."""
    repo: str = ""
    """The config repository: a local path, or an https or ssh URL."""
    track: str = "main"
    """The one branch whose head is desired state."""
    protected: bool = False
    """Whether changes that are asked of the server become proposals on branches of their own; `protected: true` in
    `vigo.vgo` says the same in the repository."""
    preview: list[str] = []
    """Refs that are looked at beside it, by pattern: branches (`pr/*`) or full refs (`refs/pull/*/head`). Each is
    compiled and listed, and none is ever desired state."""
    repo_user: str = ""
    """Who we are to a remote whose URL names nobody; `git` when empty."""
    repo_ssh_key: Path | None = None
    """Private key for an ssh remote, without a passphrase."""
    repo_known_hosts: Path | None = None
    """Host keys of an ssh remote, as OpenSSH writes them; a host that is not there is not trusted."""
    repo_token_file: Path | None = None
    """File that holds the password or token for an https remote."""
    repo_ca_file: Path | None = None
    """PEM of the only authorities to trust for an https remote; the system's when not given."""
    poll_interval_s: float = Field(default=30.0, gt=0)
    """How often a remote repository is asked for news, before jitter."""
    hook_secret_file: Path | None = None
    """File with the secret that forges sign webhooks with, 16 characters or more; one a line while one is replaced by
    another. Without it `/api/v1/hooks/*` is not there."""
    hook_repository: str = ""
    """Owner and name of the repository as a forge has them in its webhooks; what `repo` says when empty."""

    database_url: SecretStr = SecretStr("")
    """`postgresql://…`, of this server alone; a pooler between them gives out whole sessions (PgBouncer:
    `pool_mode=session`). Empty means SQLite in the data directory."""
    readers: int = Field(default=4, ge=1, le=64)
    """Connections that read at the same time."""
    write_queue: int = Field(default=1_000, ge=1)
    """Units of work that may wait for the writer; one more is refused with 429."""

    host: str = "0.0.0.0"  # noqa: S104 - a server is there to be reached; TLS is on by default
    port: int = Field(default=8443, ge=0, le=65_535)
    """REST, GraphQL and web. 0 lets the system choose."""
    gateway_host: str = "0.0.0.0"  # noqa: S104 - agents come from the network, with certificates
    gateway_port: int = Field(default=1530, ge=0, le=65_535)
    """The agents' listener."""
    heartbeat_s: float = Field(default=60.0, ge=1.0, le=3_600.0)
    """How often each connected agent checks in, and so how soon one that is gone is missed: after two and a half times
    this."""
    names: list[str] = ["localhost", "127.0.0.1", "::1"]
    """Names and addresses of this server: they stand in its certificate, and no other `Host` is answered."""

    request_timeout_s: float = Field(default=35.0, gt=0)
    """Longest time one request may take, its body included. Over the 30 s after which a commit is answered with 202."""
    body_timeout_s: float = Field(default=15.0, gt=0)
    """Longest time a client may take to send its body."""

    argon2_memory_kib: int = Field(default=12 * 1024, ge=8)
    """Memory of one password check. OWASP's choice of 12 MiB, 3 passes and 1 lane: as strong as 46 MiB and 1 pass, and
    an unauthenticated request stays under 16 MiB."""
    argon2_passes: int = Field(default=3, ge=1)

    history_days: int = Field(default=400, ge=1, le=3_650)
    """How many days are kept of how the fleet was: snapshots of each day, drifts that are over, and how the words of
    each host became others."""

    agent_update: Literal["auto", "off"] = "off"
    """Whether agents are offered newer builds of themselves: `auto` offers each the newest that `vigo agent build` made
    for its platform."""

    public_metrics: bool = False
    """Whether `/metrics` answers others than loopback without a token."""
    public_bootstrap: bool = True
    """Whether `/bootstrap*` and `/api/v1/agent/*` answer without a token; closed, they are not there."""
    public_pubkeys: bool = True
    """Whether `/api/v1/fleet/pubkeys` answers; closed, it is not there."""
    public_rate: float = Field(default=10.0, gt=0)
    """Requests per second that one peer address may make to public routes."""
    public_burst: int = Field(default=40, ge=1)

    @property
    def database(self) -> str | Path:
        """What `Database.open` takes."""
        return self.database_url.get_secret_value() or self.data_dir / "vigo.db"
