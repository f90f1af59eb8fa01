"""A config repository of any size: a company with regions, sites, teams, roles and crates, the same for the same size.

Of the files about four fifths are leaves in a tree of directories three deep; the rest are crates, their templates, and
what directories inherit. Each leaf has match blocks for some hosts, of which nine in ten are found by a glob.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.repository import write


class Generated(NamedTuple):
    """What was made."""

    files: Mapping[str, bytes]
    hostnames: Sequence[str]


def files_of(*, files: int, hosts: int, seed: int = 1) -> Generated:
    """The files of a repository and the hosts it matches."""
    chance = random.Random(seed)
    crates = max(6, files // 10)
    templates = max(2, files // 25)
    directories = max(3, files // 40)
    made: dict[str, bytes] = {"vigo.vgo": b"language: 1\n"}
    for number in range(templates):
        made[f"templates/t{number}.conf.j2"] = _template(number)
    for number in range(crates):
        made[f"configcrates/area{number % 20}/crate{number}.vgo"] = _crate(number, templates)
    made["roles.vgo"] = _roles(crates, chance)
    made["environments.vgo"] = b"".join(
        [
            b"environments:\n",
            *(
                f"  {name}:\n    vars: {{tier: {name}, replicas: {count}}}\n    configcrates: [crate{count}]\n".encode()
                for count, name in enumerate(("production", "staging", "development"), start=2)
            ),
        ]
    )
    made["common.vgo"] = _common("", 0, crates, chance)
    paths = []
    for number in range(directories):
        path = f"region{number % 5}/site{number % (directories // 3 or 1)}/team{number}"
        paths.append(path)
        made[f"{path}/common.vgo"] = _common(path, number, crates, chance)
    for region in range(5):
        made[f"region{region}/common.vgo"] = _common(f"region{region}", region, crates, chance)
    leaves = max(1, files - len(made))
    hostnames: list[str] = []
    for number in range(leaves):
        share = hosts * (number + 1) // leaves - hosts * number // leaves
        path = paths[number % len(paths)]
        text, names = _leaf(number, share, path, crates, chance)
        made[f"{path}/leaf{number}.vgo"] = text
        hostnames += names
    return Generated(made, hostnames)


def generate(place: Path, *, files: int, hosts: int) -> Generated:
    """A git repository at `place` with one commit of these files."""
    made = files_of(files=files, hosts=hosts)
    opened = write.init(place)
    write.commit(opened, "HEAD", made.files, write.Author("bench", "bench@example.com"), "a company")
    return made


def _template(number: int) -> bytes:
    return (
        f"# {{{{ host.hostname }}}} in {{{{ vars.site }}}}\nport = {{{{ vars.port{number} | default(8000) }}}}\n"
        "resolver = {{ vars.dns_server }}\n{% for name in vars.admins %}admin = {{ name }}\n{% endfor %}"
    ).encode()


def _crate(number: int, templates: int) -> bytes:
    depends = f"depends_on: [crate{number - 1}]\n" if number % 50 == 1 else ""
    return f"""name: crate{number}
description: What service {number} needs on a host.
vars:
  port{number}: {8000 + number}
  options{number}: {{workers: 4, keepalive: 65, log: warn}}
{depends}defaults: {{owner: root, group: root}}
compliance: {{nist: [SC-7, AC-{number % 25 + 1}]}}
resources:
  - name: install
    type: package
    package: service{number}
  - name: config
    type: file
    path: /etc/service{number}/main.conf
    source: templates/t{number % templates}.conf.j2
    mode: "0644"
    notify: [reload]
  - name: limits
    type: file
    path: /etc/service{number}/limits.conf
    mode: "0640"
    content: |
      workers = {{{{ vars.options{number}.workers }}}}
      listen = {{{{ vars.port{number} }}}}
      dns = {{{{ vars.dns_server }}}}
    notify: [reload]
  - name: data
    type: directory
    path: /var/lib/service{number}
    mode: "0750"
  - name: cleanup
    type: cron
    job: service{number}-cleanup
    schedule: "{number % 60} 3 * * *"
    command: find /var/lib/service{number} -mtime +7 -delete
  - name: running
    type: service
    service: service{number}
    state: running
    enabled: true
    depends_on: [install, config]
  - name: reload
    type: service
    service: service{number}
    state: reloaded
    when: traits.os.family == 'debian'
""".encode()


def _roles(crates: int, chance: random.Random) -> bytes:
    lines = ["roles:"]
    for number in range(40):
        # One in fifty crates depends on another: roles leave those out, so that each host has what its crates need.
        chosen = sorted({each for each in chance.sample(range(crates), min(6, crates)) if each % 50 != 1})
        includes = f"    includes: [role{number - 1}]\n" if number % 4 == 1 else ""
        names = ", ".join(f"crate{each}" for each in chosen)
        lines.append(
            f"  role{number}:\n{includes}    configcrates: [{names}]\n    vars: {{role{number}_level: {number}}}"
        )
    return ("\n".join(lines) + "\n").encode()


def _common(path: str, number: int, crates: int, chance: random.Random) -> bytes:
    crate = chance.randrange(crates // 2) * 2
    crate -= 2 if crate % 50 == 1 else 0
    first = "admins: [alice, bob]" if not path else f"admins+: [team{number}]"
    return (
        f"configcrates: [crate{crate}]\nvars:\n  dns_server: 10.0.{number % 250}.1\n  site: s{number}\n  {first}\n"
        f"  log: {{level: warn, days: {number % 30}}}\n  net{number}: {{mtu: 1500, vlan: {number}}}\n"
    ).encode()


def _leaf(number: int, share: int, path: str, crates: int, chance: random.Random) -> tuple[bytes, list[str]]:
    domain = ".".join(reversed(path.split("/"))) + ".example.com"
    names: list[str] = []
    blocks = ["envoys:"]
    if share > 1 or number % 10:
        blocks.append(_block(f'"app{number}-*.{domain}"', chance))
        names += [f"app{number}-{index}.{domain}" for index in range(share)]
    elif share:
        names.append(f"db{number}.{domain}")
    blocks.append(_block(f"db{number}.{domain}", chance))
    return ("\n".join(blocks) + "\n").encode(), names


def _block(pattern: str, chance: random.Random) -> str:
    roles = ", ".join(sorted({f"role{chance.randrange(40)}" for _ in range(2)}))
    environment = chance.choice(("production", "staging", "development"))
    return (
        f"  - match: {pattern}\n    environment: {environment}\n    roles: [{roles}]\n"
        f"    vars: {{owner_team: team{chance.randrange(40)}, log: {{level: info}}}}"
    )
