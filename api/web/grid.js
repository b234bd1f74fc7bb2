// The wall of thumbnails, filled page by page as its end comes into sight.

import { $, element } from "./dom.js";

const grid = $("grid");
const shown = []; // images, in the grid's order
let loadMore = null;
let generation = 0; // of what is shown; a page that arrives for an older one is dropped

export const images = () => shown;

export const hasFocus = () => grid.contains(document.activeElement);

export function titleOf(image) {
  return image.caption || fileName(image) || "Photo";
}

export function fileName(image) {
  return image.path ? image.path.slice(image.path.lastIndexOf("/") + 1) : "";
}

/** Show a first page; `more` gives the page after a cursor. */
export function show(page, open, more) {
  generation += 1;
  shown.length = 0;
  grid.replaceChildren();
  append(page, open, more);
}

function append(page, open, more) {
  const first = shown.length;
  shown.push(...page.items);
  grid.append(...page.items.map((image, index) => tile(image, () => open(first + index))));
  const current = generation;
  loadMore = page.next_cursor && once(async () => {
    const next = await more(page.next_cursor);
    if (current === generation) append(next, open, more);
  });
  if (loadMore) rewatch();
}

function tile(image, open) {
  const photo = element("img", "", {
    src: image.thumbnail_url,
    alt: titleOf(image),
    loading: "lazy",
    decoding: "async",
  });
  const button = element("button", "tile", { type: "button" }, photo);
  // The photo's alternative text says it already.
  const caption = element("span", "tile-caption", { ariaHidden: "true" }, titleOf(image));
  button.append(caption);
  button.addEventListener("click", open);
  const item = element("li", "", {}, button);
  const shape = Math.min(Math.max(image.width / image.height || 1, 0.5), 2.6); // panoramas are cut
  item.style.setProperty("--shape", shape.toFixed(3));
  return item;
}

/** Arrow keys walk the grid; up and down go to the tile whose middle is nearest in the row beside. */
grid.addEventListener("keydown", (event) => {
  const tiles = [...grid.querySelectorAll(".tile")];
  const index = tiles.indexOf(document.activeElement);
  const target = {
    ArrowLeft: () => tiles[index - 1],
    ArrowRight: () => tiles[index + 1],
    ArrowUp: () => beside(tiles.slice(0, index).reverse(), tiles[index]),
    ArrowDown: () => beside(tiles.slice(index + 1), tiles[index]),
  }[event.key]?.();
  if (index < 0 || !target) return;
  event.preventDefault();
  target.focus();
});

function beside(candidates, from) {
  const top = (tile) => tile.getBoundingClientRect().top;
  const middle = (tile) => tile.getBoundingClientRect().left + tile.offsetWidth / 2;
  const row = candidates.find((tile) => top(tile) !== top(from));
  if (!row) return null;
  const inRow = candidates.filter((tile) => top(tile) === top(row));
  const distance = (tile) => Math.abs(middle(tile) - middle(from));
  return inRow.reduce((best, tile) => (distance(tile) < distance(best) ? tile : best), inRow[0]);
}

/** Load when the end is near, once a page. A failed load is tried again at the next sight. */
const watcher = new IntersectionObserver(
  ([entry]) => entry.isIntersecting && loadMore?.().catch(() => {}),
  { rootMargin: "1200px" },
);
watcher.observe($("more"));

function rewatch() {
  // Observing anew reports the present state: a page too short to push the end out of sight loads the next one.
  watcher.unobserve($("more"));
  watcher.observe($("more"));
}

function once(load) {
  let running = null;
  return () => (running ??= load().finally(() => (running = null)));
}
