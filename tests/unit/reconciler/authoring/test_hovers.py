"""What is said about what stands under the cursor."""

from __future__ import annotations

from reconciler.authoring import hovers
from tests.factories.typed import SITE, Typed, on, typed

CRATE = "configcrates/web/nginx.vgo"


def said(at: Typed) -> str:
    found = hovers.at(*at)
    assert found is not None
    return found.markdown


def test_a_var_in_an_expression_names_each_layer_and_what_it_comes_to() -> None:
    assert said(on(CRATE, "vars.nginx_port", at=8)).splitlines() == [
        "**vars.nginx_port**",
        "",
        "Written, the weakest first:",
        "- `configcrates/web/nginx.vgo:4` (the crate's own default): `80`",
        "- `roles.vgo:6` (role:web): `8080`",
        "- `production/web.vgo:8` (production/web.vgo#db1.example.com): `5432`",
        "",
        "Comes to:",
        "- production: `8080` in 1 match block (`web*.example.com`)",
        "- staging: `5432` in 1 match block (`db1.example.com`)",
    ]


def test_the_same_in_a_template_and_where_it_is_written() -> None:
    there = said(on("templates/nginx.conf.j2", "nginx_port"))
    assert there == said(on(CRATE, "vars.nginx_port", at=8))
    elsewhere = said(on("roles.vgo", "nginx_port"))
    assert "- production: `8080` in 1 match block" in elsewhere
    assert "- `configcrates/web/nginx.vgo:4` (the crate's own default): `80`" in elsewhere


def test_a_value_says_the_same_as_its_key() -> None:
    assert said(on("roles.vgo", "8080")) == said(on("roles.vgo", "nginx_port"))
    assert said(on("common.vgo", "ada")).splitlines()[0] == "**vars.admins[].name**"


def test_a_name_that_a_loop_binds_is_followed() -> None:
    text = said(on("templates/nginx.conf.j2", "admin.name", at=7))
    assert text.splitlines()[0] == "**vars.admins[].name**"
    assert '- `common.vgo:3` (common.vgo): `"ada"`' in text
    assert '- production: `["ada"]` in 1 match block (`web*.example.com`)' in text


def test_a_crate_says_what_it_holds_and_who_carries_it() -> None:
    text = said(on("roles.vgo", "nginx"))
    assert text.splitlines()[:3] == ["**nginx** (configcrate), configcrates/web/nginx.vgo", "", "Web server."]
    assert "3 resources: `conf`, `port`, `reload`" in text
    assert "- Depends on: `motd`" in text
    assert "- Files: `templates/nginx.conf.j2`" in text
    assert "In 2 match blocks, by\n- role:web\n- match-block" in text
    assert "Hosts: `web*.example.com`, `db1.example.com`" in text


def test_a_usercrate_says_as_much_and_knows_its_own_defaults() -> None:
    crate = (
        "name: shell\ndescription: A shell each.\nvars: {prompt: $}\nresources:\n"
        "  - {type: file, path: '{{ user.home }}/.profile', content: '{{ vars.prompt }}'}\n"
    )
    leaf = "envoys: [{match: u.example.com, usercrates: [shell], vars: {prompt: '#'}}]\n"
    files = {**SITE, "usercrates/shell.vgo": crate, "u.vgo": leaf}
    text = said(on("u.vgo", "shell", files=files))
    assert text.startswith("**shell** (usercrate), usercrates/shell.vgo\n\nA shell each.")
    assert "In 1 match block, by\n- match-block" in text
    var = said(on("usercrates/shell.vgo", "vars.prompt", at=7, files=files))
    assert '- `usercrates/shell.vgo:3` (the crate\'s own default): `"$"`' in var
    assert '- no environment: `"#"` in 1 match block (`u.example.com`)' in var


def test_a_role_and_an_environment_say_what_they_bring_and_to_whom() -> None:
    role = said(on("production/web.vgo", "[web]", at=2))
    assert "- Includes: `base`\n- Crates: `motd`, `nginx`\n- Vars: `nginx_port`" in role
    assert "In 1 match block: `web*.example.com`" in role
    environment = said(on("production/web.vgo", "environment: production", at=15))
    assert "environments.vgo:2: What customers use." in environment
    assert "In 1 match block: `web*.example.com`" in environment


def test_a_key_says_what_its_model_says() -> None:
    assert said(on(CRATE, "source: ")).startswith("**source**: text\n\nA path under `templates/` or `files/`.")
    assert said(on(CRATE, "name")) == "**name**: text, required"
    assert said(on(CRATE, "state")).startswith("**state**: ")


def test_a_type_says_what_it_is_for() -> None:
    text = said(on(CRATE, "type: file", at=8))
    assert text.startswith("**file** (resource type)\n\nOne file on the host.")
    assert "Identity: `path`." in text


def test_a_match_says_what_its_hosts_get() -> None:
    text = said(on("production/web.vgo", "web*"))
    assert "- Environment: production\n- Roles: `web`\n- 2 crates, 4 resources:\n  - motd (role:web)" in text


def test_a_trait_a_filter_a_function_and_a_test() -> None:
    source = "name: x\nwhen: has_trait('a') and traits.os.family | upper == 'X' and vars.a is defined\n"

    def there(word: str) -> str:
        at = source.index(word) + 1
        return said(typed("configcrates/x.vgo", f"{source[:at]}¦{source[at:]}"))

    assert there("has_trait").startswith("**has_trait(")
    assert there("family").startswith("**traits.os.family** (string, on every host)")
    assert there("upper").startswith("**upper(value)** (filter)")
    assert there("defined") == "**defined** (test)\n\nWhether there is such a value."


def test_a_task_a_source_a_step_and_a_resource() -> None:
    workflow = "workflows/deploy.vgo"
    assert "**restart** (task), tasks/restart.vgo\n\nRestart one service." in said(on(workflow, "restart"))
    assert said(on(workflow, "undo}")) == "**undo** (step), workflows/deploy.vgo:5"
    assert said(on(CRATE, "templates/")).startswith("**templates/nginx.conf.j2** (rendered on the host, ")
    assert said(on(CRATE, "[reload]", at=2)) == "**reload** (resource), configcrates/web/nginx.vgo:15"


def test_nothing_is_said_about_nothing() -> None:
    assert hovers.at(*on(CRATE, "Web server")) is not None  # its key's docs
    assert hovers.at(*typed(CRATE, "¦\n\n", saved=SITE[CRATE])) is None
    assert hovers.at(*typed("files/x", "nginx¦")) is None
    assert hovers.at(*typed("templates/nginx.conf.j2", "list¦en {{ vars.nginx_port }}")) is None


def test_what_stands_behind_a_mistake_is_still_known() -> None:
    source = "envoys:\n  - match: [\n  - match: a\n    roles: [we¦b]\n"
    found = hovers.at(*typed("production/web.vgo", source, saved=SITE["production/web.vgo"]))
    assert found is not None
    assert found.markdown.startswith("**web** (role)")


def test_long_lists_and_values_are_cut() -> None:
    blocks = "".join(f"  - {{match: h{n}.example.com, roles: [web], vars: {{nginx_port: {n}}}}}\n" for n in range(40))
    files = {**SITE, "many.vgo": "envoys:\n" + blocks}
    text = said(on(CRATE, "vars.nginx_port", at=8, files=files))
    assert f"- and {40 + 3 - hovers.MAX_LINES} weaker" in text
    assert f"- and {40 + 2 - hovers.MAX_LINES} more" in text
