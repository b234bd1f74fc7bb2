// The HTTP API, as this page uses it. Every answer that is not a success is thrown as an ApiError.

const BASE = "/api/v1";

export class ApiError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The daemon did not answer at all. */
export class ConnectionError extends Error {}

async function call(path, options) {
  let response;
  try {
    response = await fetch(BASE + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ConnectionError("photond does not answer");
  }
  const body = await response.json();
  if (!response.ok) throw new ApiError(body.error.code, body.error.message);
  return body;
}

export function recentImages(cursor, signal) {
  const query = new URLSearchParams({ limit: 60 });
  if (cursor) query.set("cursor", cursor);
  return call(`/images?${query}`, { signal });
}

export function searchImages(query, cursor, signal) {
  return call("/search/text", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, limit: 60, cursor }),
    signal,
  });
}

export const image = (id) => call(`/images/${encodeURIComponent(id)}`);
export const watchRoots = () => call("/watch");
export const stats = () => call("/stats");

/**
 * Live news. `handlers` maps event names to functions of the event's data; `connected` is told true or false.
 * The browser connects again by itself, except after an answer that is not a stream (a proxy's 502, say): then we do.
 */
export function follow(handlers, connected) {
  const source = new EventSource(`${BASE}/ingest/events`);
  source.addEventListener("open", () => connected(true));
  source.addEventListener("error", () => {
    connected(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(handlers, connected), 2000);
  });
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
}
