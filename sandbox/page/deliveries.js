// The delivery table: one row for each recipient, newest announcement first.

import { $, exact, h, icon, keep, plural } from "./dom.js";
import { visitMailbox } from "./mail.js";
import { placeOf, visitPost } from "./panes.js";
import { on, state } from "./wire.js";

const MOST_ROWS = 600;
const SOON = 2000; // milliseconds

const STATES = {
  queued: ["wait", "в очереди"],
  sending: ["going", "отправляется"],
  sent: ["ok", "отправлено"],
  failed: ["bad", "не дошло"],
  unconfirmed: ["doubt", "неизвестно"],
  cancelled: ["cancelled", "отменено"],
  returned: ["bad", "вернулось"],
};

const BAR = ["sent", "failed", "returned", "unconfirmed", "cancelled", "sending", "queued"];

const FILTERS = {
  all: ["Все", () => true],
  open: ["В работе", (row) => row.state === "queued" || row.state === "sending"],
  trouble: ["Не дошли", (row) => ["failed", "returned", "unconfirmed"].includes(row.state)],
};

const KINDS = { telegram: "telegram", vk: "vk", email: "mail" };

let filter = "all";

export function setUpDeliveries() {
  on("deliveries", draw);
  on("town", () => draw(state("deliveries")));
}

function draw(deliveries) {
  const rows = deliveries?.rows ?? [];
  const chosen = rows.filter(FILTERS[filter][1]).slice(0, MOST_ROWS);
  drawFilters(rows);
  drawProgress(rows);
  $("deliveries-empty").hidden = rows.length > 0;
  $("deliveries").querySelector("table").hidden = rows.length === 0;
  keep($("rows"), grouped(chosen, rows), (item) => item.key, (item) => (item.heading ? heading(item) : line(item)));
}

/** Rows with a heading above each broadcast. */
function grouped(chosen, rows) {
  const items = [];
  let last = null;
  for (const row of chosen) {
    if (row.broadcast !== last) {
      const its = rows.filter((one) => one.broadcast === row.broadcast);
      items.push({ key: `broadcast ${row.broadcast}`, heading: row.title, announcement: row.announcement, counts: counted(its), total: row.total });
      last = row.broadcast;
    }
    items.push({ ...row, key: row.id });
  }
  return items;
}

function counted(rows) {
  const counts = Object.fromEntries(Object.keys(STATES).map((name) => [name, 0]));
  for (const row of rows) counts[row.state] += 1;
  return counts;
}

const sum = (counts) => Object.values(counts).reduce((total, one) => total + one, 0);

function heading(item) {
  const shown = sum(item.counts);
  const words = item.total > shown ? `первые ${shown} из ${item.total}` : `${item.counts.sent} из ${shown}`;
  const parts = BAR.filter((name) => item.counts[name]);
  const bar = h("span.bar-of", { "aria-hidden": true }, parts.map((name) => h(`i.s-${name}`, { style: { "flex-grow": String(item.counts[name]) } })));
  return h(
    "tr.heading",
    { "data-testid": "broadcast" },
    h("th", { colspan: 8, scope: "rowgroup" }, h("span.heading-line", {}, h("b", {}, `№ ${item.announcement}`), h("span.heading-title", {}, item.heading), h("span", {}, words), bar)),
  );
}

function line(row) {
  const [picture, words] = STATES[row.state] ?? ["doubt", row.state];
  const moment = new Date(row.updated_at);
  const cells = [
    h("td.number", { "data-label": "№" }, String(row.id)),
    h("td.channel", { "data-label": "Канал" }, h("span.with-icon", {}, icon(KINDS[row.kind] ?? "chat"), row.channel)),
    h("td.recipient", { "data-label": "Получатель" }, recipient(row)),
    h("td.state", { "data-label": "Состояние" }, h(`span.state.s-${row.state}`, { "data-testid": "state", "data-state": row.state }, icon(picture), row.state === "queued" ? waiting(row) : words), nextTry(row)),
    h("td.attempts", { "data-label": "Попыток" }, String(row.attempts)),
    h("td.reason", { "data-label": "Причина", title: row.detail || null }, row.reason ? h("span", {}, row.reason) : null, row.detail && row.state !== "sent" ? h("small", {}, row.detail) : null),
    h("td.link", { "data-label": "Ссылка" }, whereTo(row)),
    h("td.time", { "data-label": "Время" }, h("time", { datetime: row.updated_at }, exact(moment))),
  ];
  return h("tr", { "data-testid": "delivery", "data-delivery": row.id, "data-channel": row.channel, "data-state": row.state, "data-recipient": row.recipient }, cells);
}

function waiting(row) {
  if (row.held) return "канал недоступен";
  return row.attempts || row.reason ? "ждёт повтора" : "в очереди";
}

/** When Rupor tries again by itself, if that is not at once. */
function nextTry(row) {
  if (row.state !== "queued" || !row.due_at || !(row.held || row.attempts || row.reason)) return null;
  const [due, now] = [new Date(row.due_at), new Date(row.updated_at)];
  return due - now < SOON ? null : h("small.next", {}, `попробует в ${exact(due)}`);
}

function recipient(row) {
  const shown = state("town")?.mailboxes.find((box) => box.address === row.recipient)?.shown ?? row.recipient;
  const part = row.parts > 1 ? `, часть ${row.part}` : "";
  return [h("span", {}, shown + part), row.organisation ? h("small", {}, row.organisation) : null];
}

/** A place on this page instead of the real address, which leads out into a world that knows nothing of it. */
function whereTo(row) {
  const place = placeOf(row.link);
  if (place) return linkTo(place.words, () => visitPost(place), row.link);
  if (row.kind === "email" && row.state === "sent") return linkTo("письмо", () => visitMailbox(row.recipient), row.recipient);
  return null;
}

function linkTo(words, go, title) {
  const button = h("button.linkish", { type: "button", title, "data-testid": "link" }, words);
  button.addEventListener("click", go);
  return button;
}

function drawFilters(rows) {
  const items = Object.entries(FILTERS).map(([name, [words, fits]]) => ({ name, words, count: rows.filter(fits).length, on: name === filter }));
  $("filters").hidden = !rows.length;
  keep($("filters"), items, (item) => item.name, (item) => {
    const button = h("button.chip", { type: "button", "aria-pressed": String(item.on), "data-testid": `filter-${item.name}` }, `${item.words} ${item.count}`);
    button.addEventListener("click", () => {
      filter = item.name;
      draw(state("deliveries"));
    });
    return button;
  });
}

/** One sentence about the latest broadcast, for the top bar and for screen readers. */
function drawProgress(rows) {
  const latest = rows.filter((row) => row.broadcast === rows[0]?.broadcast);
  const counts = counted(latest);
  const all = latest[0]?.total ?? 0;
  const words = latest.length ? [`Отправлено ${counts.sent} из ${latest.length}`] : [];
  if (all > latest.length) words.push(`показаны первые из ${all}`);
  const open = counts.queued + counts.sending;
  if (open) words.push(`в работе ${open}`);
  if (counts.failed) words.push(`${plural(counts.failed, "не дошло", "не дошли", "не дошли")} ${counts.failed}`);
  if (counts.returned) words.push(`${plural(counts.returned, "вернулось", "вернулись", "вернулись")} ${counts.returned}`);
  if (counts.unconfirmed) words.push(`неизвестно ${counts.unconfirmed}`);
  if (counts.cancelled) words.push(`отменено ${counts.cancelled}`);
  const text = words.join(" · ");
  if ($("progress").textContent !== text) $("progress").textContent = text;
}
