// One strip a running job: a bar, how far, how fast, how long still.

import { $, element } from "./dom.js";

const LINGER = 4000; // milliseconds that a finished job stays to be seen
const section = $("jobs");
const strips = new Map(); // job id -> its elements

/** Forget all: the stream begins anew and tells of every running job. */
export function clear() {
  strips.clear();
  section.replaceChildren();
}

export function update(job) {
  if (job.state !== "running" && !strips.has(job.job_id)) return;
  const strip = strips.get(job.job_id) ?? add(job);
  const through = job.done + job.skipped + job.failed;
  strip.name.textContent = nameOf(job);
  strip.count.textContent = countOf(job, through);
  strip.bar.max = Math.max(job.total, 1);
  strip.bar.value = job.state === "running" ? through : strip.bar.max;
  if (job.state !== "running") finish(job.job_id);
}

function add(job) {
  const strip = {
    name: element("span", "job-name"),
    count: element("span", "job-count"),
    bar: element("progress", "", { ariaLabel: nameOf(job) }),
  };
  strip.root = element("div", "job", {}, strip.name, strip.count, strip.bar);
  strips.set(job.job_id, strip);
  section.append(strip.root);
  return strip;
}

function finish(id) {
  const strip = strips.get(id);
  setTimeout(() => {
    strip.root.remove();
    if (strips.get(id) === strip) strips.delete(id);
  }, LINGER);
}

function nameOf(job) {
  if (job.state === "failed") return job.error?.message ?? "Failed";
  const what = { scan: "Looking through", ingest: "Indexing", retry: "Trying failed files again", events: "New photos" };
  return [what[job.kind] ?? job.kind, job.path].filter(Boolean).join(" ");
}

function countOf(job, through) {
  if (job.state === "running" && !job.total) return "looking for photos";
  const parts = [`${through.toLocaleString()} of ${job.total.toLocaleString()}`];
  if (job.failed) parts.push(`${job.failed.toLocaleString()} failed`);
  if (job.state === "done") parts.push("done");
  if (job.rate) parts.push(`${job.rate < 10 ? job.rate.toFixed(1) : Math.round(job.rate)} a second`);
  if (job.eta_seconds) parts.push(`${duration(job.eta_seconds)} left`);
  return parts.join(" · ");
}

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
