"""A config repository of any size: a company with regions, sites, teams, roles and crates, the same for the same numbers.

By default about four fifths of the files are leaves, each with match blocks of its own: the most profiles that so many
files can make, and the most work. With `profiles` there are as many leaves as that takes, and the rest are crates and
their templates, which is how companies that share much look. Of the hosts nine in ten are found by a glob.

`python -m tests.bench.generate DIR --files 5000 --hosts 10000 --profiles 300` writes one.
"""

from __future__ import annotations

import argparse
import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.repository import Repository, write


class Generated(NamedTuple):
    """What was made."""

    files: Mapping[str, bytes]
    hostnames: Sequence[str]


def files_of(*, files: int, hosts: int, seed: int = 1, depth: int = 3, profiles: int | None = None) -> Generated:
    """The files of a repository and the hosts it matches.

    Args:
        depth: directories above each leaf.
        profiles: match blocks in all; by default two for each leaf that there is room for.
    """
    chance = random.Random(seed)
    shared = 0 if profiles is None else max(0, files - files // 6 - profiles // 2)
    crates = max(6, files // 10) + shared * 2 // 3
    templates = max(2, files // 25) + shared - shared * 2 // 3
    directories = max(3, min(files // 40, files if profiles is None else profiles // 4))
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
        path = _directory(number, directories, depth)
        paths.append(path)
        made[f"{path}/common.vgo"] = _common(path, number, crates, chance)
    for region in range(5):
        made[f"region{region}/common.vgo"] = _common(f"region{region}", region, crates, chance)
    leaves = max(1, files - len(made) if profiles is None else min(files - len(made), profiles // 2))
    hostnames: list[str] = []
    for number in range(leaves):
        share = hosts * (number + 1) // leaves - hosts * number // leaves
        path = paths[number % len(paths)]
        text, names = _leaf(number, share, path, crates, chance)
        made[f"{path}/leaf{number}.vgo"] = text
        hostnames += names
    for number in range(files - len(made)):
        made[f"files/area{number % 20}/data{number}.conf"] = f"# {number}\n".encode()
    return Generated(made, hostnames)


def generate(
    place: Path,
    *,
    files: int = 5_000,
    hosts: int = 10_000,
    seed: int = 1,
    depth: int = 3,
    profiles: int | None = None,
) -> Generated:
    """A git repository at `place` with one commit of these files; see `files_of`."""
    made = files_of(files=files, hosts=hosts, seed=seed, depth=depth, profiles=profiles)
    opened = write.init(place)
    write.commit(opened, "HEAD", made.files, write.Author("bench", "bench@example.com"), "a company")
    return made


def packed(place: Path, files: Mapping[str, bytes]) -> Repository:
    """A bare repository at `place` with one commit of these files, in a pack as a clone has it; quick for 50,000."""
    opened = write.init(place, bare=True)
    stream: list[bytes] = []
    for number, data in enumerate(files.values(), start=1):
        stream.append(b"blob\nmark :%d\ndata %d\n%b\n" % (number, len(data), data))
    stream.append(b"commit refs/heads/main\ncommitter bench <bench@example.com> 1767225600 +0000\ndata 9\na company\n")
    stream += [b"M 100644 :%d %b\n" % (number, path.encode()) for number, path in enumerate(files, start=1)]
    subprocess.run(["git", "-C", str(place), "fast-import", "--quiet"], input=b"".join(stream), check=True, timeout=300)
    return opened


def _directory(number: int, directories: int, depth: int) -> str:
    """The path of one team: regions hold sites, sites hold teams, and teams perhaps more."""
    between = [f"site{number % (directories // 3 or 1)}", *(f"part{number % level}" for level in range(2, depth - 1))]
    return "/".join([f"region{number % 5}", *between[: max(0, depth - 2)], f"team{number}"][-max(2, depth) :])


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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generate", description="Write a config repository.")
    parser.add_argument("place", type=Path, help="a directory that does not exist yet")
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--depth", type=int, default=3, help="directories above each leaf")
    parser.add_argument("--profiles", type=int, help="match blocks in all (by default as many as there is room for)")
    options = vars(parser.parse_args())
    made = generate(options.pop("place"), **options)
    print(f"{len(made.files)} files, {len(made.hostnames)} hosts, such as {made.hostnames[0]}")


if __name__ == "__main__":
    main()
