"""One fleet, written for each tool: the same hosts, groups, vars and files, in each one's own words.

Fifty files a host, in five modules of ten; each file's content comes from vars of all hosts, of a group, of an
environment and of the host itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.bench.figures import BUILD

MODULES = 5
FILES_A_MODULE = 10
RESOURCES = MODULES * FILES_A_MODULE
GROUPS = 10
ENVIRONMENTS = ("production", "staging")

SALT = BUILD / "peers" / "salt" / "bin" / "python"
"""A virtual environment of its own, made by `.ci/setup bench`."""


def host(number: int) -> str:
    return f"h{number:05}.example.com"


def group(number: int) -> str:
    return f"g{number % GROUPS}"


def environment(number: int) -> str:
    return ENVIRONMENTS[number // GROUPS % len(ENVIRONMENTS)]


def common_vars() -> dict[str, object]:
    return {f"c{n}": f"value-{n}" for n in range(10)} | {"servers": [f"ntp{n}.example.com" for n in range(4)]}


def group_vars(name: str) -> dict[str, object]:
    return {f"r{n}": f"{name}-{n}" for n in range(5)}


def environment_vars(name: str) -> dict[str, object]:
    return {f"e{n}": f"{name}-{n}" for n in range(3)}


def host_vars(number: int) -> dict[str, object]:
    return {"serial": number, "rack": f"rack{number % 97}"}


def _names(file: int) -> tuple[str, ...]:
    return f"c{file % 10}", f"r{file % 5}", f"e{file % 3}", "serial", "rack"


def _yaml(data: object) -> str:
    return json.dumps(data) + "\n"


def vigo(hosts: int) -> Mapping[str, bytes]:
    """A config repository: the groups are roles, the environments are environments, each host has a match block."""
    files = {"vigo.vgo": "language: 1\n", "common.vgo": _yaml({"vars": common_vars()})}
    crates = [f"m{module}" for module in range(MODULES)]
    roles = {f"g{n}": {"configcrates": crates, "vars": group_vars(f"g{n}")} for n in range(GROUPS)}
    files["roles.vgo"] = _yaml({"roles": roles})
    files["environments.vgo"] = _yaml(
        {"environments": {name: {"vars": environment_vars(name)} for name in ENVIRONMENTS}}
    )
    for module, name in enumerate(crates):
        resources = [
            {
                "type": "file",
                "path": f"/etc/fleet/{module}-{file}",
                "mode": "0644",
                "content": "".join(f"{var}={{{{ vars.{var} }}}}\n" for var in _names(file)),
            }
            for file in range(FILES_A_MODULE)
        ]
        files[f"configcrates/{name}.vgo"] = _yaml({"name": name, "resources": resources})
    for number in range(0, hosts, 500):
        blocks = "".join(
            f"  - match: {host(n)}\n    environment: {environment(n)}\n    roles: [{group(n)}]\n"
            f"    vars: {json.dumps(host_vars(n))}\n"
            for n in range(number, min(hosts, number + 500))
        )
        files[f"hosts/part{number}.vgo"] = f"envoys:\n{blocks}"
    return {path: text.encode() for path, text in files.items()}


def ansible(place: Path, hosts: int) -> Path:
    """An inventory of INI with group_vars."""
    folder = place / "ansible"
    (folder / "group_vars").mkdir(parents=True)
    lines = [f"{host(n)} serial={n} rack={host_vars(n)['rack']}" for n in range(hosts)]
    for name in [f"g{n}" for n in range(GROUPS)]:
        lines += [f"[{name}]", *(host(n) for n in range(hosts) if group(n) == name)]
        (folder / "group_vars" / f"{name}.yml").write_text(_yaml(group_vars(name)))
    for name in ENVIRONMENTS:
        lines += [f"[{name}]", *(host(n) for n in range(hosts) if environment(n) == name)]
        (folder / "group_vars" / f"{name}.yml").write_text(_yaml(environment_vars(name)))
    (folder / "group_vars" / "all.yml").write_text(_yaml(common_vars()))
    inventory = folder / "hosts"
    inventory.write_text("\n".join(lines) + "\n")
    return inventory


def puppet(place: Path, hosts: int) -> Path:
    """Modules with parameters that Hiera fills, and a script that compiles hosts in one process."""
    folder = place / "puppet"
    parameters = [
        *(f"c{n}" for n in range(10)),
        *(f"r{n}" for n in range(5)),
        *(f"e{n}" for n in range(3)),
        "serial",
        "rack",
    ]
    for module in range(MODULES):
        manifests = folder / "modules" / f"m{module}" / "manifests"
        manifests.mkdir(parents=True)
        resources = "".join(
            f"  file {{ '/etc/fleet/{module}-{file}':\n    ensure => file,\n    mode => '0644',\n"
            f'    content => "{"".join(f"{var}=${{{var}}}" + chr(92) + "n" for var in _names(file))}",\n  }}\n'
            for file in range(FILES_A_MODULE)
        )
        (manifests / "init.pp").write_text(
            f"class m{module}({', '.join('$' + each for each in parameters)}) {{\n{resources}}}\n"
        )
    (folder / "manifests").mkdir()
    includes = ", ".join(f"m{module}" for module in range(MODULES))
    (folder / "manifests" / "site.pp").write_text(f"node default {{ include {includes} }}\n")
    layers: dict[str, Mapping[str, object]] = {"common": common_vars()}
    layers |= {f"group-g{n}": group_vars(f"g{n}") for n in range(GROUPS)}
    layers |= {f"environment-{name}": environment_vars(name) for name in ENVIRONMENTS}
    layers |= {f"host-{host(n)}": host_vars(n) for n in range(hosts)}
    (folder / "data").mkdir()
    for name, vars_ in layers.items():
        scoped = {f"m{module}::{key}": value for module in range(MODULES) for key, value in vars_.items()}
        (folder / "data" / f"{name}.yaml").write_text(_yaml(scoped))
    levels = ["host-%{facts.fqdn}.yaml", "environment-%{facts.tier}.yaml", "group-%{facts.team}.yaml", "common.yaml"]
    hierarchy = [{"name": level, "path": level} for level in levels]
    hiera = {
        "version": 5,
        "defaults": {"datadir": str(folder / "data"), "data_hash": "yaml_data"},
        "hierarchy": hierarchy,
    }
    (folder / "hiera.yaml").write_text(_yaml(hiera))
    nodes = [[host(n), group(n), environment(n)] for n in range(hosts)]
    script = folder / "compile.rb"
    script.write_text(_COMPILE.replace("@FOLDER@", str(folder)).replace("@NODES@", json.dumps(nodes)))
    return script


_COMPILE = """require 'puppet'
require 'json'
folder = '@FOLDER@'
Puppet.initialize_settings(['--confdir', "#{folder}/conf", '--vardir', "#{folder}/var",
                            '--hiera_config', "#{folder}/hiera.yaml"])
env = Puppet::Node::Environment.create(:production, ["#{folder}/modules"], "#{folder}/manifests")
Puppet.override(environments: Puppet::Environments::Static.new(env), current_environment: env) do
  times = JSON.parse('@NODES@').map do |name, team, tier|
    facts = {'fqdn' => name, 'team' => team, 'tier' => tier}
    node = Puppet::Node.new(name, environment: env, facts: Puppet::Node::Facts.new(name, facts), parameters: facts)
    node.add_server_facts({})
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    catalog = Puppet::Parser::Compiler.compile(node)
    took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - started
    raise "#{catalog.resources.size} resources" if catalog.resources.count { |each| each.type == 'File' } != RESOURCES
    took
  end
  puts JSON.generate(times)
end
""".replace("RESOURCES", str(RESOURCES))


def salt(place: Path, calls: int) -> Path:
    """States and pillar of one minion, and a script that shows its highstate again and again in one process."""
    folder = place / "salt"
    states, pillar = folder / "states", folder / "pillar"
    states.mkdir(parents=True)
    pillar.mkdir()
    (states / "top.sls").write_text(_yaml({"base": {"*": [f"m{module}" for module in range(MODULES)]}}))
    for module in range(MODULES):
        text = ""
        for file in range(FILES_A_MODULE):
            lines = "".join(f"        {var}={{{{ pillar['{var}'] }}}}\n" for var in _names(file))
            text += f"/etc/fleet/{module}-{file}:\n  file.managed:\n    - mode: '0644'\n    - contents: |\n{lines}"
        (states / f"m{module}.sls").write_text(text)
    layers = {
        "common": common_vars(),
        "group": group_vars("g0"),
        "environment": environment_vars("production"),
        "host": host_vars(0),
    }
    for name, vars_ in layers.items():
        (pillar / f"{name}.sls").write_text(_yaml(vars_))
    (pillar / "top.sls").write_text(_yaml({"base": {"*": list(layers)}}))
    script = folder / "show.py"
    settings = {
        "id": host(0),
        "root_dir": str(folder),
        "file_client": "local",
        "file_roots": {"base": [str(states)]},
        "pillar_roots": {"base": [str(pillar)]},
        "log_level": "quiet",
        "log_file": "/dev/null",
    }
    (folder / "minion").write_text(_yaml(settings))
    script.write_text(_SHOW.replace("@FOLDER@", str(folder)).replace("@CALLS@", str(calls)))
    return script


_SHOW = f"""import json, time
import salt.client, salt.config
caller = salt.client.Caller(mopts=salt.config.minion_config("@FOLDER@/minion"))
times = []
for _ in range(@CALLS@):
    started = time.perf_counter()
    shown = caller.cmd("state.show_highstate")
    times.append(time.perf_counter() - started)
    assert isinstance(shown, dict) and len(shown) == {RESOURCES}, shown
print(json.dumps(times))
"""
