// One photo, large, with what is known of it. Arrow keys go on, Escape goes back.

import { image as details } from "./api.js";
import { $, element } from "./dom.js";
import { fileName, images, titleOf } from "./grid.js";

// What browsers draw by themselves; of others the thumbnail is shown.
const DRAWABLE = new Set(["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"]);

const dialog = $("viewer");
const photo = $("viewer-image");
let index = 0;

export const isOpen = () => dialog.open;

export function open(at) {
  index = at;
  draw();
  if (!dialog.open) dialog.showModal();
}

function step(by) {
  if (index + by >= 0 && index + by < images().length) open(index + by);
}

async function draw() {
  const image = images()[index];
  $("viewer-title").textContent = titleOf(image);
  $("viewer-previous").disabled = index === 0;
  $("viewer-next").disabled = index === images().length - 1;
  $("viewer-original").href = `${image.thumbnail_url.replace(/thumbnail$/, "original")}`;
  photo.alt = titleOf(image);
  photo.src = image.thumbnail_url; // at once, from the cache
  showFacts(image, {});
  if (DRAWABLE.has(image.format.toUpperCase()) && !image.offline) sharpen(image);
  const detail = await details(image.id).catch(() => null);
  if (detail && images()[index] === image) showFacts(image, detail);
}

/** The original takes the thumbnail's place once it is there, and only if it can be drawn. */
async function sharpen(image) {
  const full = new Image();
  full.src = $("viewer-original").href;
  await full.decode().catch(() => {});
  if (full.naturalWidth && images()[index] === image) photo.src = full.src;
}

function showFacts(image, detail) {
  const facts = [
    ["Taken", image.taken_at && taken(image.taken_at)],
    ["Camera", [detail.camera_make, detail.camera_model].filter(Boolean).join(" ")],
    ["Lens", detail.lens],
    ["Exposure", exposure(detail)],
    ["Size", [`${image.width} × ${image.height}`, image.format, detail.size && bytes(detail.size)].filter(Boolean).join(" · ")],
    ["Tags", image.tags.map((tag) => tag.name).join(", ")],
    ["Collections", detail.collections?.join(", ")],
    ["State", image.offline && "Offline: its folder cannot be seen at the moment"],
    [image.files.length > 1 ? `In ${image.files.length} files` : "File", image.files.join("\n") || fileName(image)],
  ];
  const rows = facts.filter(([, value]) => value);
  $("viewer-facts").replaceChildren(
    ...rows.map(([name, value]) => element("div", "", {}, element("dt", "", {}, name), element("dd", "", {}, value))),
  );
}

/** As the camera wrote it: a local time stays what the clock showed. */
function taken(text) {
  const when = new Date(text.slice(0, 19));
  return Number.isNaN(when.valueOf()) ? text : when.toLocaleString([], { dateStyle: "long", timeStyle: "short" });
}

function exposure({ exposure_seconds: seconds, f_number: aperture, iso, focal_length_mm: focal }) {
  const shutter = seconds && (seconds < 0.5 ? `1/${Math.round(1 / seconds)} s` : `${seconds} s`);
  return [shutter, aperture && `f/${aperture}`, iso && `ISO ${iso}`, focal && `${focal} mm`].filter(Boolean).join(" · ");
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

$("viewer-close").addEventListener("click", () => dialog.close());
$("viewer-previous").addEventListener("click", () => step(-1));
$("viewer-next").addEventListener("click", () => step(1));
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
