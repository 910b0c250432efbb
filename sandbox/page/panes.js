// Which pane is shown where the window is too small for all, and the way to a post from elsewhere.

import { $ } from "./dom.js";
import { on } from "./wire.js";

const WATCHED = {
  channel: ["channel", (state) => state.posts.length],
  wall: ["wall", (state) => state.posts.length],
  mail: ["mail", (state) => state.mailboxes.reduce((sum, box) => sum + box.total, 0)],
  deliveries: ["deliveries", (state) => state.rows.length],
};
const counts = {};
const WIDE = matchMedia("(min-width: 1200px)");
const MIDDLE = matchMedia("(min-width: 760px)");

export function setUpPanes() {
  document.addEventListener("click", stayHere);
  for (const tab of tabs()) tab.addEventListener("click", () => openPane(tab.dataset.open));
  const fit = () => MIDDLE.matches && current() === "chat" && openPane("channel");
  MIDDLE.addEventListener("change", fit);
  fit();
  for (const [pane, [topic, count]] of Object.entries(WATCHED)) {
    on(topic, (state) => {
      const now = count(state);
      if (pane in counts && now > counts[pane] && pane !== current() && !WIDE.matches) mark(pane, true);
      counts[pane] = now;
    });
  }
}

const tabs = () => document.querySelectorAll(".tabs [data-open]");
const current = () => document.documentElement.dataset.pane;

function mark(pane, fresh) {
  document.querySelector(`.tabs [data-open="${pane}"] .dot`).hidden = !fresh;
}

export function openPane(pane) {
  document.documentElement.dataset.pane = pane;
  for (const tab of tabs()) {
    if (tab.dataset.open === pane) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
  mark(pane, false);
}

const PLACES = [
  [/^https:\/\/t\.me\/(?:c\/)?\w+\/(\d+)$/, "channel", "пост"],
  [/^https:\/\/vk\.(?:com|ru)\/wall-\d+_(\d+)$/, "wall", "запись"],
];

/** What on this page the real address of a post means: {pane, id, words}, or null. */
export function placeOf(link) {
  for (const [pattern, pane, what] of PLACES) {
    const found = pattern.exec(link ?? "");
    if (found) return { pane, id: found[1], words: `${what} ${found[1]}` };
  }
  return null;
}

/** Links to posts stay on the page: the world outside knows nothing of them. */
function stayHere(event) {
  const place = placeOf(event.target.closest?.("a[href]")?.href);
  if (!place || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  visitPost(place);
}

/** Show a post of the channel or the wall, and let it shine for a moment. */
export function visitPost({ pane, id }) {
  openPane(pane);
  const post = $(`${pane}-posts`).querySelector(`[data-post~="${CSS.escape(id)}"]`);
  if (!post) return;
  post.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  post.focus({ preventScroll: true });
  post.classList.remove("shine");
  requestAnimationFrame(() => post.classList.add("shine"));
}
