// The page: searches while one types, shows recent photos otherwise, and keeps itself up to date.

import * as api from "./api.js";
import { $, element } from "./dom.js";
import * as grid from "./grid.js";
import * as jobs from "./jobs.js";
import * as viewer from "./viewer.js";

const TYPING = 180; // milliseconds of rest after which a query is asked
const NEWS = 700; // milliseconds over which news of photos is gathered

const input = $("query");
let asked = null; // the load in progress, to be broken off by the next

/** Acts once nobody has called for a while. */
const debounced = (wait, action) => {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };
};

/** Acts a while after the first call, once for all calls till then: a steady stream is shown as it comes. */
const gathered = (wait, action) => {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      action();
    }, wait);
  };
};

async function load() {
  const query = input.value.trim();
  asked?.abort();
  const mine = (asked = new AbortController());
  const more = (cursor) => (query ? api.searchImages(query, cursor) : api.recentImages(cursor));
  try {
    const page = await (query
      ? api.searchImages(query, undefined, mine.signal)
      : api.recentImages(undefined, mine.signal));
    if (mine !== asked) return;
    $("heading").textContent = headingOf(query, page);
    grid.show(page, viewer.open, more);
    if (page.items.length) say();
    else await sayEmpty(query);
  } catch (error) {
    if (mine === asked && error.name !== "AbortError") sayError(error);
  }
}

function headingOf(query, page) {
  if (!page.items.length) return "";
  return query ? `Best matches for “${query}” · ${Math.round(page.took_ms)} ms` : "Recent photos";
}

// -- messages

function say(title, ...parts) {
  $("message").hidden = !title;
  $("message").replaceChildren(...(title ? [element("h1", "", {}, title), ...parts] : []));
}

const paragraph = (text) => element("p", "", {}, text);

async function sayEmpty(query) {
  const { images } = await api.stats();
  if (images && query) return say("Nothing found", paragraph("Other words may find it."));
  const roots = (await api.watchRoots()).items;
  if (!roots.length) {
    return say("No folder is watched yet", paragraph("Tell photond where your photos are, and start it again:"),
      element("code", "", {}, "photond init --watch ~/Pictures"));
  }
  const folders = roots.map((root) => {
    const gone = root.state === "offline" ? " (not there now)" : "";
    return element("li", "", {}, element("code", "", {}, root.path), gone);
  });
  return say("No photos yet", paragraph("Drop photos into a watched folder, and they are here seconds later:"),
    element("ul", "", {}, ...folders));
}

function sayError(error) {
  if (error instanceof api.ConnectionError) return connected(false);
  $("heading").textContent = "";
  return say(error.code === "ML_SERVICE_DOWN" ? "Searching is not ready yet" : "That did not work",
    paragraph(error.message));
}

// -- keeping up

let wasConnected = true;

function connected(now) {
  $("offline").hidden = now;
  if (!now) $("offline").textContent = "The connection to photond is lost. This page tries again by itself.";
  if (now && !wasConnected) refreshAll();
  wasConnected = now;
}

async function showTotals() {
  const { images, failed } = await api.stats();
  const totals = [element("span", "images", {}, `${images.toLocaleString()} ${images === 1 ? "photo" : "photos"}`)];
  if (failed) totals.push(element("span", "images", {}, " · "), element("span", "alarm", {}, `${failed.toLocaleString()} failed`));
  $("totals").replaceChildren(...totals);
}

const refreshTotals = gathered(NEWS, () => showTotals().catch(() => {}));

/** New photos come in at the top, unless that would pull away what someone looks at. */
const refreshRecent = gathered(NEWS, () => {
  const busy = viewer.isOpen() || grid.hasFocus() || window.scrollY > 200;
  if (!input.value.trim() && !busy) load();
});

function photosChanged() {
  refreshTotals();
  refreshRecent();
}

function refreshAll() {
  refreshTotals();
  load();
}

api.follow(
  {
    hello: jobs.clear,
    job: jobs.update,
    indexed: photosChanged,
    removed: photosChanged,
    failed: refreshTotals,
    lagged: refreshAll,
  },
  connected,
);

// -- typing

function remember() {
  const query = input.value.trim();
  history.replaceState(null, "", query ? `?q=${encodeURIComponent(query)}` : "/");
  document.title = query ? `${query} · photond` : "photond";
}

const search = () => {
  remember();
  scrollTo({ top: 0 });
  load();
};

input.addEventListener("input", debounced(TYPING, search));
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === input || viewer.isOpen()) return;
  event.preventDefault();
  input.select();
});

input.value = new URLSearchParams(location.search).get("q") ?? "";
remember();
refreshAll();
