// Rollouts: all of them at /rollouts, and one at /rollouts/ID with its waves, its failures, what is held, and where its
// commit stands. What is shown is asked for again while the tab is looked at.
import { bar, commit, counts, moment, node, plural, state } from "./parts.js";
import { ask, element, say, told, visit } from "./token.js";

const PAGE = 20;
const SOON_MS = 2_000; // while something moves
const LATER_MS = 10_000;
const MOST_MS = 60_000; // between two tries of a server that does not answer
const OVER = new Set(["DONE", "CANCELLED", "REVERTED", "STOPPED", "BLOCKED"]);

const LIST = `query Rollouts($first: Int!, $before: Int) {
  rollouts(first: $first, before: $before) {
    id commit state why author beganAt progress { waves { hosts healthy } }
  }
}`;
const SUMMARIES = `query Summaries { revisions(first: 100) { commit summary } }`;
const ONE = `query Rollout($id: Int!) {
  rollout(id: $id) {
    id commit state why everyone author beganAt endedAt
    approvals { wave name at }
    progress {
      waves {
        index name state why beganAt endedAt pauseUntil
        hosts released healthy checking failed silent offline held
      }
      failures { hostname wave why at resources { id message } resourcesLeftOut check { command code output } }
      failuresLeftOut wentBackTo
    }
    plan { requireApproval approvals violations { invariant message } waves { index canary approvals pauseS } }
  }
  holds {
    holds { id kind match hostname until reason createdBy }
    breakGlass { id commit author match until reason openedBy }
  }
}`;
const STANDING = `query Standing($version: String!) {
  standing(version: $version) {
    total at
    counts { name count }
    parts { name wave waveName count cause hosts { id hostname cause resource until since } }
    eta { at why }
  }
}`;

// What each class says of a host, in the words of docs/areas/standings.md.
const CLASSES = {
  APPLIED: "has what the commit means for it",
  WAVE: "in a wave: waits for its turn, or is at it",
  APPROVAL: "waits until people have approved",
  BLOCKED: "its rollout does not go on",
  FAILED: "failed in its last run of it",
  OFFLINE: "not connected",
  FROZEN: "follows when the freeze ends",
  MAINTENANCE: "being worked at",
  QUARANTINED: "set apart",
  SUPERSEDED: "went, or will go, to a newer commit",
  UNMATCHED: "no match block applies to it",
};

class Problem extends Error {
  constructor(message, { retryAfterS = 0, missing = false } = {}) {
    super(message);
    this.retryAfterMs = retryAfterS * 1_000;
    this.missing = missing;
  }
}

const answer = async (query, variables, signal) => {
  let response;
  try {
    response = await ask({ query, variables }, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem("The server does not answer. It is tried again.");
  }
  if (!response.ok) {
    throw new Problem(await told(response), { retryAfterS: Number(response.headers.get("retry-after")) || 0 });
  }
  const { data, errors } = await response.json();
  if (errors?.length) {
    throw new Problem(errors[0].message, { missing: errors[0].extensions?.code === "NOT_FOUND" });
  }
  return data;
};

// the list

const summaries = new Map(); // commit → first line of its message; empty for those of long ago

const summarize = async (commits, signal) => {
  if (commits.every((each) => summaries.has(each))) return;
  const { revisions } = await answer(SUMMARIES, {}, signal);
  for (const each of commits) summaries.set(each, "");
  for (const each of revisions) summaries.set(each.commit, each.summary);
};

const listed = async (signal) => {
  const before = Number(new URLSearchParams(location.search).get("before")) || null;
  const { rollouts } = await answer(LIST, { first: PAGE, before }, signal);
  await summarize(rollouts.map((each) => each.commit), signal);
  const older = rollouts.length === PAGE ? rollouts.at(-1).id : null;
  return {
    title: "Rollouts",
    moving: rollouts.some((each) => !OVER.has(each.state)),
    tells: "",
    content: [
      node("h1", {}, "Rollouts"),
      rollouts.length
        ? node("ul", { class: "list" }, rollouts.map(inList))
        : node("p", {}, before ? "There are no older ones." : "Nothing was rolled out yet. The first commit that changes a host begins the first rollout."),
      node(
        "p",
        {},
        before ? node("a", { href: "/rollouts" }, "Newest") : "",
        before && older ? " · " : "",
        older ? node("a", { href: `/rollouts?before=${older}` }, "Older") : "",
      ),
    ],
  };
};

const inList = (each) => {
  const hosts = each.progress.waves.reduce((sum, wave) => sum + wave.hosts, 0);
  const healthy = each.progress.waves.reduce((sum, wave) => sum + wave.healthy, 0);
  return node(
    "li",
    { class: "row" },
    node("a", { href: `/rollouts/${each.id}`, "aria-label": `Rollout ${each.id}` }, `#${each.id}`),
    node("span", {}, state(each.state)),
    node(
      "span",
      { class: "wide" },
      commit(each.commit),
      summaries.get(each.commit) ? ` ${summaries.get(each.commit)}` : "",
      node("br"),
      node("span", { class: "quiet" }, hosts ? `${healthy} of ${plural(hosts, "host")} healthy` : "no host changes", each.why ? ` · ${each.why}` : ""),
    ),
    node("span", { class: "wide" }, each.author),
    node("span", { class: "wide quiet" }, moment(each.beganAt)),
  );
};

// one of them

const one = async (id, signal) => {
  const { rollout, holds } = await answer(ONE, { id }, signal);
  await summarize([rollout.commit], signal);
  // A commit that never came into force has no standing: that is told in its place, and not of the whole page.
  const standing = await answer(STANDING, { version: rollout.commit }, signal).then(
    (data) => data.standing,
    (problem) => {
      if (signal.aborted || !(problem instanceof Problem)) throw problem;
      return problem.message;
    },
  );
  return {
    title: `Rollout ${id}`,
    moving: !OVER.has(rollout.state) || standing.parts?.some((part) => ["WAVE", "APPROVAL"].includes(part.name)),
    tells: `Rollout ${id}: ${rollout.state.toLowerCase().replaceAll("_", " ")}`,
    content: [
      node("p", {}, node("a", { href: "/rollouts" }, "All rollouts")),
      node("div", { class: "head" }, node("h1", {}, `Rollout ${id}`), state(rollout.state)),
      rollout.why ? node("p", { class: "said" }, rollout.why) : "",
      node(
        "p",
        { class: "quiet" },
        commit(rollout.commit),
        summaries.get(rollout.commit) ? ` ${summaries.get(rollout.commit)}` : "",
        rollout.author ? ` by ${rollout.author}` : "",
        ", began ",
        moment(rollout.beganAt),
        rollout.endedAt ? [", ended ", moment(rollout.endedAt)] : "",
      ),
      rollout.progress.wentBackTo ? node("p", {}, "The change is taken back by ", commit(rollout.progress.wentBackTo), ".") : "",
      approved(rollout),
      violations(rollout.plan),
      node("h2", {}, "Waves"),
      rollout.progress.waves.length
        ? node("ol", { class: "list" }, rollout.progress.waves.map((wave) => ofWave(wave, rollout.plan)))
        : node("p", {}, "No host changes."),
      failures(rollout),
      held(holds),
      stands(standing),
    ],
  };
};

const approved = ({ approvals, plan }) => {
  const needed = plan?.requireApproval ? `The plan needs the approval of ${plural(plan.approvals, "person", "people")}.` : "";
  if (!needed && !approvals.length) return "";
  const each = ({ wave, name, at }) =>
    node("li", {}, `${name} approved ${wave < 0 ? "the plan" : `wave ${wave + 1}`}, `, moment(at));
  return node("div", {}, node("h2", {}, "Approvals"), needed ? node("p", {}, needed) : "", node("ul", {}, approvals.map(each)));
};

const violations = (plan) =>
  plan?.violations.length
    ? node(
        "div",
        {},
        node("h2", {}, "Invariants that would not hold"),
        node("ul", {}, plan.violations.map((each) => node("li", {}, `${each.invariant}: ${each.message}`))),
      )
    : "";

const ofWave = (wave, plan) => {
  const planned = plan?.waves.find((each) => each.index === wave.index);
  const facts = [
    planned?.canary ? "canaries" : "",
    planned?.approvals ? `needs ${plural(planned.approvals, "approval")}` : "",
    planned?.pauseS ? `${planned.pauseS} s of pause behind it` : "",
  ].filter(Boolean);
  const label = `${wave.healthy} of ${plural(wave.hosts, "host")} healthy`;
  return node(
    "li",
    { class: "wave" },
    node(
      "div",
      { class: "head" },
      node("h3", {}, `${wave.index + 1}. ${wave.name || "all"}`),
      state(wave.state),
      facts.length ? node("span", { class: "quiet" }, facts.join(", ")) : "",
    ),
    wave.why ? node("p", { class: "said" }, wave.why) : "",
    wave.pauseUntil && wave.state === "PAUSED" ? node("p", {}, "Goes on at ", moment(wave.pauseUntil)) : "",
    bar(wave.healthy, wave.hosts, label),
    node("p", {}, label),
    counts(
      ["released", "checking", "failed", "silent", "offline", "held"].map((name) => [name, wave[name]]),
    ),
    wave.beganAt
      ? node("p", { class: "quiet" }, "Began ", moment(wave.beganAt), wave.endedAt ? [", ended ", moment(wave.endedAt)] : "")
      : "",
  );
};

const failures = ({ progress }) => {
  if (!progress.failures.length) return "";
  const each = (failure) =>
    node(
      "li",
      {},
      node("h3", {}, failure.hostname),
      node("p", {}, `In wave ${failure.wave + 1}, `, moment(failure.at), `: ${failure.why}`),
      failure.resources.map(({ id, message }) => node("p", {}, node("code", {}, id), ` ${message}`)),
      failure.resourcesLeftOut ? node("p", { class: "quiet" }, `and ${plural(failure.resourcesLeftOut, "further resource")}`) : "",
      failure.check
        ? node(
            "details",
            { id: `check-${failure.hostname}` },
            node("summary", {}, "Health check ", node("code", {}, failure.check.command), failure.check.code === null ? " did not end" : ` ended with ${failure.check.code}`),
            failure.check.output ? node("pre", {}, failure.check.output) : node("p", {}, "It said nothing."),
          )
        : "",
    );
  return node(
    "div",
    {},
    node("h2", {}, "Hosts that failed"),
    node("ul", { class: "list" }, progress.failures.map(each)),
    progress.failuresLeftOut ? node("p", { class: "quiet" }, `and ${plural(progress.failuresLeftOut, "further host")}`) : "",
  );
};

const held = ({ holds, breakGlass }) => {
  const whom = (each) => each.hostname ?? each.match ?? "all hosts";
  const until = (each) => (each.until ? [" until ", moment(each.until)] : " until it is taken off");
  const why = (each) => (each.reason ? `: ${each.reason}` : "");
  return node(
    "div",
    {},
    node("h2", {}, "Holds in force"),
    holds.length || breakGlass.length
      ? node(
          "ul",
          { class: "list" },
          holds.map((each) => node("li", {}, state(each.kind), ` ${whom(each)}`, until(each), `, by ${each.createdBy}${why(each)}`)),
          breakGlass.map((each) =>
            node(
              "li",
              {},
              state("BREAK_GLASS"),
              each.commit ? [" lets ", commit(each.commit), " through"] : ` lets commits of ${each.author} through`,
              ` on ${whom(each)}`,
              until(each),
              `, by ${each.openedBy}${why(each)}`,
            ),
          ),
        )
      : node("p", {}, "Nothing holds any host."),
  );
};

const stands = (standing) => {
  const heading = node("h2", { id: "standing" }, "Where the commit stands");
  if (typeof standing === "string") return node("section", {}, heading, node("p", { class: "said" }, standing));
  const { total, eta } = standing;
  const row = ({ name, count }) =>
    node(
      "tr",
      {},
      node("th", { scope: "row" }, name.toLowerCase()),
      node("td", { class: "number" }, `${count}`),
      node("td", { class: "bar-cell" }, bar(count, total, `${count} of ${total}`)),
      node("td", {}, CLASSES[name] ?? ""),
    );
  return node(
    "section",
    { "aria-labelledby": "standing" },
    heading,
    node(
      "p",
      { class: "said" },
      eta.at ? ["The last of those on their way will have it at about ", moment(eta.at), eta.why ? `: ${eta.why}` : "", "."] : eta.why,
    ),
    node(
      "table",
      {},
      node("thead", {}, node("tr", {}, node("th", { scope: "col" }, "Class"), node("th", { scope: "col", class: "number" }, "Hosts"), node("td", { class: "bar-cell" }), node("th", { scope: "col" }, "The host"))),
      node("tbody", {}, standing.counts.filter((each) => each.count).map(row)),
      node("tfoot", {}, node("tr", {}, node("th", { scope: "row" }, "all"), node("td", { class: "number" }, `${total}`), node("td", { class: "bar-cell" }), node("td", {}))),
    ),
    standing.parts.filter((part) => part.name !== "APPLIED" && part.hosts.length).map(ofPart),
  );
};

const ofPart = (part) => {
  const wave = part.wave === null ? "" : `, wave ${part.wave}${part.waveName ? ` (${part.waveName})` : ""}`;
  const each = (host) =>
    node(
      "li",
      {},
      host.hostname,
      host.resource ? [" ", node("code", {}, host.resource)] : "",
      host.cause ? ` ${host.cause}` : "",
      host.until ? [" until ", moment(host.until)] : "",
      host.since ? [" since ", moment(host.since)] : "",
    );
  return node(
    "details",
    { id: `part-${part.name}-${part.wave ?? ""}` },
    node("summary", {}, `${part.name.toLowerCase()}${wave}: ${plural(part.count, "host")}`),
    part.cause ? node("p", { class: "said" }, part.cause) : "",
    node("ul", {}, part.hosts.map(each)),
    part.count > part.hosts.length ? node("p", { class: "quiet" }, `and ${part.count - part.hosts.length} more`) : "",
  );
};

// the page

const path = location.pathname.replace(/\/$/, "");
const number = /^\/rollouts\/([1-9]\d{0,8})$/.exec(path)?.[1];
const look = (signal) => {
  if (path === "/rollouts") return listed(signal);
  if (number) return one(Number(number), signal);
  throw new Problem("There is no such rollout.", { missing: true });
};

let going = null; // aborts what is under way when the token is forgotten
let timer = 0;
let wait = SOON_MS;
let busy = false;
let shown = "";
let said = "";

const round = async () => {
  clearTimeout(timer);
  const { signal } = going;
  busy = true;
  try {
    const found = await look(signal);
    if (signal.aborted) return;
    draw(found);
    wait = found.moving ? SOON_MS : LATER_MS;
  } catch (problem) {
    if (signal.aborted) return;
    if (!(problem instanceof Problem)) throw problem;
    say(problem.message, true);
    said = "";
    if (problem.missing) {
      element("page").replaceChildren(node("p", {}, node("a", { href: "/rollouts" }, "All rollouts")));
      return;
    }
    wait = Math.min(Math.max(wait * 2, problem.retryAfterMs), MOST_MS);
  } finally {
    busy = false;
  }
  if (!document.hidden) timer = setTimeout(round, wait);
};

// What is drawn anew keeps what was opened and where the keyboard is.
const draw = ({ title, content, tells }) => {
  document.title = `Vigo: ${title}`;
  const fresh = node("div", {}, content);
  element("as-of").replaceChildren("As of ", moment(new Date().toISOString()));
  element("as-of").hidden = false;
  if (tells !== said || !element("notice").hidden) say(said && tells !== said ? tells : "");
  said = tells;
  if (fresh.innerHTML === shown) return;
  shown = fresh.innerHTML;
  const page = element("page");
  const opened = [...page.querySelectorAll("details[open]")].map((each) => each.id);
  const focused = page.contains(document.activeElement) ? place(page, document.activeElement) : -1;
  page.replaceChildren(fresh);
  for (const each of page.querySelectorAll("details")) each.open = opened.includes(each.id);
  reachable(page)[focused]?.focus({ preventScroll: true });
};

const reachable = (page) => [...page.querySelectorAll("a, summary")];
const place = (page, active) => reachable(page).indexOf(active);

document.addEventListener("visibilitychange", () => {
  if (going && !busy && !document.hidden) round();
});

visit(
  () => {
    going = new AbortController();
    element("page").replaceChildren(node("p", { class: "quiet" }, "Asking …"));
    shown = "";
    round();
  },
  () => {
    going?.abort();
    going = null;
    clearTimeout(timer);
    element("page").replaceChildren();
    element("as-of").hidden = true;
  },
);
