// Parts of pages. All text becomes text nodes: nothing that a host or a commit says is ever read as HTML.

export const node = (tag, attributes, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
};

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// A moment in the visitor's own zone; in UTC to machines.
export const moment = (text) => node("time", { datetime: text, title: text }, MOMENT.format(new Date(text)));

const words = (name) => name.toLowerCase().replaceAll("_", " ");
const TONES = {
  DONE: "good", RUNNING: "wait", CHECKING: "wait", PLANNED: "wait", AWAITING_APPROVAL: "wait", AWAITING_WINDOW: "wait",
  PAUSED: "wait", REVERTING: "bad", REVERTED: "bad", STOPPED: "bad", BLOCKED: "bad", FAILED: "bad",
};

// A state in words; the colour repeats what they say.
export const state = (name) => node("span", { class: `state ${TONES[name] ?? ""}` }, words(name));

export const commit = (id) => node("code", { title: id }, id.slice(0, 12));

// Numbers by name; those that are nought are left out, unless all are.
export const counts = (pairs) =>
  node(
    "dl",
    { class: "counts" },
    pairs.filter(([, count]) => count).map(([name, count]) => node("div", {}, node("dt", {}, name), node("dd", {}, `${count}`))),
  );

export const bar = (value, max, label) =>
  node("progress", { value, max: Math.max(max, 1), "aria-label": label }, label);

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
