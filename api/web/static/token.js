// The visitor's token, for every page that asks the API. It lives in sessionStorage: gone with the tab, never in a URL,
// never in a cookie.

const KEY = "vigo.token";
let page = null;

export const element = (id) => document.getElementById(id);

export const say = (text, isProblem) => {
  const notice = element("notice");
  if (notice.textContent !== text) {
    notice.textContent = text; // only what is new: a screen reader tells it
  }
  notice.hidden = text === "";
  notice.classList.toggle("problem", Boolean(isProblem));
};

const send = async (token, parameters, signal) =>
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

// Ask with the token; one that is not accepted any more is forgotten.
export const ask = async (parameters, signal) => {
  const response = await send(sessionStorage.getItem(KEY) ?? "", parameters, signal);
  if (response.status === 401) {
    forget("The token is wrong, expired or revoked.");
  }
  return response;
};

// What an answer without JSON or with an error of the edge says.
export const told = async (response) => {
  const body = await response.json().catch(() => ({}));
  return body.message ?? body.errors?.[0]?.message ?? `The server answered ${response.status}.`;
};

// Begin: `open` when there is a token, `close` when it is forgotten.
export const visit = (open, close) => {
  page = { open, close };
  element("sign-in").addEventListener("submit", signIn);
  element("sign-in").querySelector("button").disabled = false; // before this, a click would only reload the page
  element("forget").addEventListener("click", () => forget("The token is forgotten."));
  if (sessionStorage.getItem(KEY)) {
    show();
  }
};

const show = () => {
  say("");
  element("sign-in").hidden = true;
  element("signed-in").hidden = false;
  page.open();
};

const forget = (why) => {
  sessionStorage.removeItem(KEY);
  page.close();
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
    const response = await send(token, { query: "{ __typename }" });
    if (!response.ok) {
      say(await told(response), true);
      return;
    }
  } catch {
    say("The server does not answer.", true);
    return;
  }
  sessionStorage.setItem(KEY, token);
  field.value = "";
  show();
};
