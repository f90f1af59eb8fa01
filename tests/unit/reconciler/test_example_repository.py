"""The example repository is as sound, and its values reach as far, as its README says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from reconciler import expectations, graph, repository
from reconciler.documents import kinds
from reconciler.documents.formatting import canonical
from reconciler.graph import Graph
from schema import merging, secrets
from schema.expressions import NoHost, Renderer
from schema.protocol.desired import CrateObject, UsercrateObject
from schema.resources import RESOURCES

ROOT = Path(__file__).resolve().parents[3] / "examples" / "repo"
STARTER = Path(__file__).resolve().parents[3] / "api" / "cli" / "starter"
README = (ROOT / "README.md").read_text()
HOSTS = re.findall(
    r"[a-z]+\d\d\.(?:prod|staging|lab)\.example\.com",
    README.split("## Hosts")[1].split("## Try")[0].split("Most are")[0],
)
TRAITS = {
    "os": {"family": "debian", "distro": "debian", "version": "12"},
    "hardware": {"memory_mb": 16_000, "cpu_count": 8, "container": False, "arch": "x86_64"},
    "packages": {},
}
Rendered = dict[tuple[str, str], tuple[dict[str, Any], str | None]]
"""(host, resource id) → its attributes, and the content of a file."""


@pytest.fixture(scope="module")
def example() -> Graph:
    compilation = graph.compile_tree(repository.directory(ROOT))
    assert [str(diagnostic) for diagnostic in compilation.diagnostics] == []
    assert compilation.graph is not None
    return compilation.graph


@pytest.fixture(scope="module")
def rendered(example: Graph) -> Rendered:
    """All that all hosts are to have."""
    return _rendered(example)


def _rendered(example: Graph) -> Rendered:
    found: Rendered = {}
    renderer = Renderer(NoHost())
    for host in HOSTS:
        profile = example.match(host)
        assert profile is not None
        for reference in profile.catalog.crates:
            data = example.object(reference.sha256)
            assert data is not None
            crate = CrateObject.model_validate_json(data)
            scope = {
                "vars": merging.effective(crate.vars, profile.catalog.vars),
                "traits": TRAITS,
                "host": {"hostname": host, "environment": profile.environment, "roles": list(profile.roles)},
            }
            if crate.when is not None and not renderer.holds(crate.when, scope):
                continue
            for resource in crate.resources:
                items = [None] if resource.foreach is None else renderer.evaluate(str(resource.foreach), scope)
                for index, item in enumerate(items):
                    within = scope if resource.foreach is None else {**scope, "item": item}
                    if resource.when is not None and not renderer.holds(resource.when, within):
                        continue
                    spec = renderer.render_value(resource.spec, within)
                    RESOURCES[resource.type].model_validate(spec)
                    content = spec.get("content")
                    if source := spec.get("source"):
                        raw = example.object(profile.catalog.content[source].sha256)
                        assert raw is not None
                        content = renderer.render(raw.decode(), within) if source.endswith(".j2") else raw.decode()
                    found[host, f"{resource.id}[{index}]"] = (spec, content)
    return found


def test_it_is_a_company_in_small(example: Graph) -> None:
    assert len(HOSTS) == len(set(HOSTS)) == 40
    profiles = example.assign(HOSTS)
    assert None not in profiles.values()
    used = [example.profiles[profile] for profile in profiles.values() if profile is not None]
    assert {profile.environment for profile in used} == {"production", "staging", "lab"}
    assert {role for profile in used for role in profile.roles} == {
        "base",
        "webserver",
        "appserver",
        "database",
        "bastion",
        "monitoring",
    }
    assert set(example.profiles) == set(profiles.values())


def test_every_resource_of_every_host_renders_to_what_its_type_takes(rendered: Rendered) -> None:
    assert len(rendered) > 1_500


def test_every_type_of_resource_is_used() -> None:
    crates = [path.read_text() for path in (ROOT / "configcrates").rglob("*.vgo")]
    assert {found for crate in crates for found in re.findall(r"type: (\w+)", crate)} >= {
        "cron", "directory", "exec", "file", "file_line", "group", "package", "service", "symlink", "user",
    }  # fmt: skip


def test_no_tag_is_left_in_what_is_rendered(rendered: Rendered) -> None:
    for (host, name), (_, content) in rendered.items():
        if content is not None and not name.startswith("prometheus/rules"):
            assert "{{" not in content, (host, name)
            assert "{%" not in content, (host, name)
            assert "None" not in content, (host, name)


def test_texts_end_with_one_newline_and_have_no_trailing_blanks(rendered: Rendered) -> None:
    for (host, name), (_, content) in rendered.items():
        if content is None or name.startswith("motd"):
            continue
        assert content.endswith("\n"), (host, name)
        assert not content.endswith("\n\n"), (host, name)
        assert not re.search(r"[ \t]+$", content, re.MULTILINE), (host, name)


def test_secrets_are_named_only_in_files_that_nobody_else_can_read(rendered: Rendered) -> None:
    named: set[str] = set()
    for spec, content in rendered.values():
        found = secrets.find(spec) | secrets.find(content)
        if found:
            assert (spec["mode"], spec["sensitive"]) == ("0600", True)
            named |= found
    assert named == {"backup/restic-password", "shop/database-password"}
    for name in named:
        assert f"vigo secrets set {name}" in README


CHANGES = {
    "motd": ("common.vgo", "motd: Configured by", "motd: Looked after by", "motd/motd", 40),
    "ntp_servers": ("common.vgo", "ntp1.example.com", "ntp9.example.com", "time/chrony.conf", 40),
    "dns_servers": ("staging/common.vgo", "10.20.0.53", "10.20.9.53", "resolver/resolv.conf", 8),
    "app.log_level": ("production/common.vgo", "log_level: warning", "log_level: error", "shop/settings", 10),
    "backup_keep": ("configcrates/data/backup.vgo", "daily: 14", "daily: 7", "backup/script", 20),
    "nginx_worker_connections": ("production/web.vgo", "4096", "8192", "nginx/nginx.conf", 6),
}


@pytest.mark.parametrize("value", CHANGES)
def test_a_value_reaches_the_hosts_that_the_readme_says(value: str, rendered: Rendered, tmp_path: Path) -> None:
    file, before, after, resource, count = CHANGES[value]
    assert re.search(rf"\| `{value}` \| `{file}` \| .*\b{count}\b", README)
    for path in ROOT.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    text = (tmp_path / file).read_text()
    assert text.count(before) == 1
    (tmp_path / file).write_text(text.replace(before, after))
    compilation = graph.compile_tree(repository.directory(tmp_path))
    assert compilation.graph is not None
    changed = {key for key, now in _rendered(compilation.graph).items() if now != rendered[key]}
    assert len({host for host, _ in changed}) == count
    assert any(name.startswith(resource) for _, name in changed)


def test_everybody_who_logs_in_has_the_companys_shell(example: Graph) -> None:
    renderer, ada = Renderer(NoHost()), {"name": "ada", "home": "/home/ada", "shell": "/bin/bash"}
    for host in HOSTS:
        profile = example.match(host)
        assert profile is not None
        [reference] = profile.catalog.usercrates
        body = example.object(reference.sha256)
        assert body is not None
        crate = UsercrateObject.model_validate_json(body)
        scope = {
            "vars": merging.effective(crate.vars, profile.catalog.vars),
            "host": {"hostname": host},
            "user": ada,
        }
        specs = {each.id: renderer.render_value(each.spec, scope) for each in crate.resources}
        assert specs["usercrate:shell/settings"]["path"] == "/home/ada/.config/northwind/shell.sh"
        assert specs["usercrate:shell/bashrc"]["line"] == ". ~/.config/northwind/shell.sh"
        template = example.object(profile.catalog.content["templates/shell.sh.j2"].sha256)
        assert template is not None
        text = renderer.render(template.decode(), scope).splitlines()
        assert text[:3] == [
            "# Managed by Vigo (usercrate shell) for ada. What you change here will be changed back.",
            "umask 0027",
            "TMOUT=900",
        ]


def test_its_own_tests_pass(example: Graph) -> None:
    found = expectations.run(example)

    assert [(each.name, [str(failure) for failure in each.failures]) for each in found.tests if not each.passed] == []
    assert len(found.tests) > 10
    assert all(each.subjects for each in found.tests)


BREAKS = {
    "every host has the company's baseline": ("common.vgo", "    port: 22\n", "    port: 2222\n"),
    "nobody has telnet": ("configcrates/web/nginx.vgo", "package: nginx-light", "package: telnet"),
    "a bastion lets people through, for two minutes of silence": ("roles.vgo", "idle_s: 120", "idle_s: 121"),
    "production is not rebooted by itself, and is labelled": (
        "environments.vgo",
        "reboot_automatically: false",
        "reboot_automatically: true",
    ),
    "what keeps data is backed up": (
        "roles.vgo",
        "configcrates: [postgres-client, postgres-server, backup]",
        "configcrates: [postgres-client, postgres-server]",
    ),
    "web servers answer on 443 and let it through the firewall": ("roles.vgo", "port: 443}", "port: 444}"),
    "one database is the primary": ("production/database.vgo", "primary: true", "primary: false"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_its_own_tests_notice_what_they_are_for(name: str, tmp_path: Path) -> None:
    file, before, after = BREAKS[name]
    shutil.copytree(ROOT, tmp_path / "repo")
    text = (tmp_path / "repo" / file).read_text()
    assert text.count(before) == 1
    (tmp_path / "repo" / file).write_text(text.replace(before, after))
    compilation = graph.compile_tree(repository.directory(tmp_path / "repo"))

    assert compilation.graph is not None, [str(each) for each in compilation.diagnostics]
    assert name in [each.name for each in expectations.run(compilation.graph).tests if not each.passed]


def test_types_that_a_confined_root_takes_are_each_on_every_host(rendered: Rendered, example: Graph) -> None:
    """The demo's agents are confined: what they can show must be there."""
    for host in ("web01.prod.example.com", "db01.prod.example.com", "web01.staging.example.com"):
        names = {name.split("[")[0] for owner, name in rendered if owner == host}
        assert names >= {
            "motd/motd",
            "ssh/sshd_config",
            "resolver/own-name",
            "time/localtime",
            "users/key-directory",
            "housekeeping/trim",
        }


@pytest.mark.parametrize("root", [ROOT, STARTER], ids=["example", "starter"])
def test_every_file_stands_in_the_canonical_layout(root: Path) -> None:
    files = sorted(path for path in root.rglob("*.vgo"))
    assert files
    for path in files:
        kind = kinds.place(path.relative_to(root).as_posix())
        assert isinstance(kind, kinds.Kind)
        assert canonical(path.read_bytes(), kind) == path.read_bytes(), path
