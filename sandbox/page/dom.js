// Small helpers for making and keeping elements. No text ever goes in as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: h("p.note", {title: "…", onclick}, "text", child). Null children are left out. */
export function h(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function icon(name, className = "i") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const $ = (id) => document.getElementById(id);

/**
 * Make `container` show `items` in this order. `draw(item)` is called only for what is new or differs from last time,
 * so pictures stay loaded, and the focus stays where it was.
 */
export function keep(container, items, keyOf, draw) {
  const before = (container.kept ??= new Map());
  const after = new Map();
  let place = container.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const signature = JSON.stringify(item);
    let entry = before.get(key);
    if (!entry || entry.signature !== signature) {
      const node = draw(item, entry?.node);
      if (entry && entry.node !== node) {
        if (place === entry.node) place = node;
        replace(entry.node, node);
      } else if (!entry) node.classList.add("fresh");
      entry = { node, signature };
    }
    after.set(key, entry);
    if (entry.node === place) place = place.nextElementSibling;
    else container.insertBefore(entry.node, place);
  }
  for (const [key, entry] of before) if (!after.has(key)) entry.node.remove();
  container.kept = after;
}

function replace(old, node) {
  const active = document.activeElement;
  const inside = old.contains(active);
  const mark = inside && active.dataset.testid;
  old.replaceWith(node);
  if (!inside) return;
  const heir = (mark && node.querySelector(`[data-testid="${CSS.escape(mark)}"]`)) || node.querySelector("button, a, [tabindex]");
  (heir ?? node.closest("[tabindex]"))?.focus({ preventScroll: true });
}

/** Run `change`, and stay at the end if that is where the reader was. */
export function stickToEnd(scroller, change) {
  const was = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 90;
  change();
  if (was) scroller.scrollTop = scroller.scrollHeight;
}

// Words for times and sizes

const CLOCK = new Intl.DateTimeFormat("ru-RU", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("ru-RU", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("ru-RU", { day: "numeric", month: "long" });

export const clock = (moment) => CLOCK.format(moment);
export const exact = (moment) => SECONDS.format(moment);

export function day(moment) {
  const days = Math.round((midnight(new Date()) - midnight(moment)) / 86_400_000);
  return days === 0 ? "Сегодня" : days === 1 ? "Вчера" : DAY.format(moment);
}

const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());

/** «сегодня в 14:05», «вчера в 9:00», «24 ноября в 12:30» */
export const when = (moment) => `${day(moment).toLowerCase()} в ${clock(moment)}`;

export function size(bytes) {
  if (bytes < 1024) return `${bytes} Б`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} КБ`;
  return `${(bytes / 1024 / 1024).toFixed(1).replace(".", ",")} МБ`;
}

/** plural(5, "письмо", "письма", "писем") → «писем» */
export function plural(count, one, few, many) {
  const [tens, ones] = [Math.floor(count / 10) % 10, count % 10];
  if (tens === 1 || ones === 0 || ones > 4) return many;
  return ones === 1 ? one : few;
}
