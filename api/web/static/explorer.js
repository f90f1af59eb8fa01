// The GraphQL explorer's page. The token lives in sessionStorage: gone with the tab, never in a URL, never in a cookie.
"use strict";

// GraphiQL writes HTML of its own making. Under Trusted Types that needs a policy; this one lets HTML through, whose
// scripts the Content-Security-Policy stops, and nothing that is itself a script or a script's address.
window.trustedTypes?.createPolicy("default", { createHTML: (html) => html });

(() => {
  const KEY = "vigo.token";
  const FIRST_QUERY = `# What a host gets, and where each value was written.
# Ctrl+Enter runs the query; Ctrl+Space completes.
query Trace {
  trace(hostname: "web01.prod.example.com") {
    matched
    matchPattern
    environment
    roles
    configcrates
    varSources {
      key
      value
      source
      place {
        file
        line
      }
    }
    resourceCount
  }
}
`;

  const element = (id) => document.getElementById(id);
  let root = null;

  const say = (text, isProblem) => {
    const notice = element("notice");
    notice.textContent = text;
    notice.hidden = text === "";
    notice.classList.toggle("problem", Boolean(isProblem));
  };

  const ask = async (token, parameters, signal) =>
    fetch("/graphql", {
      method: "POST",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        Authorization: `Bearer ${token}`,
      },
      body: JSON.stringify(parameters),
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal,
    });

  const fetcher = async (parameters) => {
    const response = await ask(sessionStorage.getItem(KEY) ?? "", parameters);
    if (response.status === 401) {
      forget("The token is wrong, expired or revoked.");
    }
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      return { errors: [{ message: `The server answered ${response.status} without JSON.` }] };
    }
  };

  const open = () => {
    say("");
    element("sign-in").hidden = true;
    element("signed-in").hidden = false;
    root = ReactDOM.createRoot(element("explorer"));
    root.render(
      React.createElement(GraphiQL, {
        fetcher,
        defaultQuery: FIRST_QUERY,
        isHeadersEditorEnabled: false,
        shouldPersistHeaders: false,
        defaultEditorToolsVisibility: false,
      }),
    );
  };

  const forget = (why) => {
    sessionStorage.removeItem(KEY);
    root?.unmount();
    root = null;
    element("sign-in").hidden = false;
    element("signed-in").hidden = true;
    say(why, true);
  };

  const signIn = async (event) => {
    event.preventDefault();
    const field = element("token");
    const token = field.value.trim();
    say("Checking …");
    try {
      const response = await ask(token, { query: "{ __typename }" });
      if (!response.ok) {
        const body = await response.json().catch(() => ({}));
        say(body.message ?? `The server answered ${response.status}.`, true);
        return;
      }
    } catch {
      say("The server does not answer.", true);
      return;
    }
    sessionStorage.setItem(KEY, token);
    field.value = "";
    open();
  };

  element("sign-in").addEventListener("submit", signIn);
  element("sign-in").querySelector("button").disabled = false; // before this, a click would only reload the page
  element("forget").addEventListener("click", () => forget("The token is forgotten."));
  if (sessionStorage.getItem(KEY)) {
    open();
  }
})();
