// Elements from data. Text goes in as text, never as markup: names and captions are other people's words.

export const $ = (id) => document.getElementById(id);

/** An element with a class, properties, and children (elements or text). */
export function element(tag, className, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
