"""A commit becomes a converged host, and what happened can be asked for."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.site import BASE, Site, until


def test_a_large_file_comes_whole(site: Site) -> None:
    crate = BASE["configcrates/motd.vgo"] + "  - {name: big, type: file, path: /etc/site/big, source: files/big.txt}\n"
    big = "".join(f"{number:07}\n" for number in range(120_000))
    web = site.agent("web01.example.com").joined()
    commit = site.commit({"configcrates/motd.vgo": crate, "files/big.txt": big}, "a large file")
    site.converged(web, commit)
    assert web.read("/etc/site/big") == big


def test_a_commit_becomes_a_converged_host(site: Site) -> None:
    web = site.agent("web01.example.com").joined()
    run = site.converged(web)
    assert web.read("/etc/site/motd") == "hello from web01.example.com\n"
    assert (run["status"], run["total"], run["failed"]) == ("converged", 2, 0)

    detail = site.get(f"/api/v1/runs/{site.runs(web.hostname)[-1]['id']}")
    by_id = {item["id"]: item for item in detail["resources"]}
    assert by_id["motd/motd"]["outcome"] == "changed"
    assert by_id["motd/motd"]["file"] == "configcrates/motd.vgo"
    assert "+hello from web01.example.com" in by_id["motd/motd"]["diff"]

    changed = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: welcome")
    commit = site.commit({"configcrates/motd.vgo": changed}, "another greeting")
    until("the file is changed", lambda: web.read("/etc/site/motd") == "welcome from web01.example.com\n")
    site.converged(web, commit)

    envoy = site.envoy(web.hostname)
    assert (envoy["status"], envoy["convergence"], envoy["environment"]) == ("online", "converged", "production")
    assert site.get(f"/api/v1/envoys/{envoy['id']}/compliance")["status"] == "compliant"
    traits = until("traits arrive", lambda: site.ask("GET", f"/api/v1/envoys/{web.hostname}/traits").status_code == 200)
    assert traits
    family = site.get(f"/api/v1/envoys/{web.hostname}/traits")["traits"]["os"]["family"]
    found = site.get(f"/api/v1/inventory?where=os.family={family}&show=os.family,os.distro")
    assert [item["hostname"] for item in found["envoys"]] == [web.hostname]
    assert found["envoys"][0]["traits"]["os.family"] == family
    assert [entry["type"] for entry in site.audit("envoy.enrol")] == ["envoy_enrol"]
    assert site.get("/api/v1/audit/verify")["valid"] is True

    families = text_string_to_metric_families(site.ask("GET", "/metrics").text)
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert samples[("vigo_gateway_agents",)] == 1
    assert samples[("vigo_gateway_events_total", "opened")] >= 1

    assert site.server is not None
    assert site.server.end() == 0
    assert not (site.data / "ready.json").exists()
