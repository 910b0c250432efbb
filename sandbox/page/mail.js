// Mailboxes of the member organisations, the letters in one of them, and one letter as its reader sees it.

import { $, h, icon, keep, plural, size, when } from "./dom.js";
import { openPane } from "./panes.js";
import { complain } from "./toast.js";
import { act, on, state } from "./wire.js";

const SEGMENTS = ["html", "text", "headers"];

let opened = ""; // address of the mailbox that is looked at
let shown = null; // the letter in the dialog
let view = "html";

export function setUpMail() {
  on("mail", draw);
  $("mail-back").addEventListener("click", () => {
    const before = opened;
    openMailbox("");
    document.querySelector(`[data-address="${CSS.escape(before)}"]`)?.focus();
  });
  $("mail").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened) $("mail-back").click();
  });
  for (const name of SEGMENTS) $(`seg-${name}`).addEventListener("click", () => show(name));
  $("letter").querySelector("[role=tablist]").addEventListener("keydown", moveAlong);
  // The row may have been drawn anew meanwhile, so the browser would not find its way back.
  $("letter").addEventListener("close", () => document.querySelector(`[data-letter="${shown.number}"]`)?.focus());
  $("as-phone").addEventListener("change", () => show(view));
}

export function openMailbox(address) {
  opened = address;
  $("mail").scrollTop = 0;
  draw(state("mail"));
}

/** Open a mailbox from elsewhere on the page. */
export function visitMailbox(address) {
  openPane("mail");
  openMailbox(address);
  ($("letters").querySelector("button") ?? $("mail-back")).focus();
}

function draw(mail) {
  if (!mail) return;
  const box = mail.mailboxes.find((one) => one.address === opened);
  for (const [id, hidden] of [["boxes", box], ["letters", !box], ["mail-back", !box], ["mail-face", box]]) $(id).hidden = Boolean(hidden);
  const unread = mail.mailboxes.reduce((sum, one) => sum + one.unread, 0);
  const total = mail.mailboxes.reduce((sum, one) => sum + one.total, 0);
  $("mail-hint").hidden = Boolean(box) || total > 0;
  keep($("boxes"), mail.mailboxes.map(({ letters, ...rest }) => ({ ...rest, latest: letters[0]?.subject ?? "" })), (one) => one.address, boxRow);
  if (!box) {
    $("mail-title").textContent = "Почта организаций";
    const count = mail.mailboxes.length;
    $("mail-about").textContent = `${count} ${plural(count, "ящик", "ящика", "ящиков")} · ${unread ? `${unread} ${plural(unread, "новое письмо", "новых письма", "новых писем")}` : "новых писем нет"}`;
    return;
  }
  $("mail-title").textContent = box.organisation || box.shown;
  $("mail-about").textContent = box.reader ? `${box.shown} · ${box.reader}` : box.shown;
  const items = box.letters.length ? box.letters : [{ number: 0 }];
  keep($("letters"), items, (one) => one.number, letterRow);
}

function boxRow(box) {
  const trouble = box.unknown ? "ящика не существует" : box.full ? "ящик переполнен" : "";
  const row = h(
    "button.box",
    { type: "button", "data-address": box.address, "data-testid": `mailbox:${box.address}` },
    h("span.box-words", {}, h("b", {}, box.organisation || box.shown), h("small", {}, trouble || box.latest || box.shown)),
    box.unread ? h("span.count", { "data-testid": "unread", "aria-label": `${box.unread} ${plural(box.unread, "новое", "новых", "новых")}` }, String(box.unread)) : null,
  );
  if (trouble) row.classList.add("bad");
  if (box.unread) row.classList.add("unread");
  row.addEventListener("click", () => {
    openMailbox(box.address);
    ($("letters").querySelector("button") ?? $("mail-back")).focus();
  });
  return h("li", {}, row);
}

function letterRow(letter) {
  if (!letter.number) return h("li", {}, h("p.hint", {}, "Сюда писем ещё не было."));
  const files = letter.attachments.length;
  const row = h(
    "button.box.letter-row",
    { type: "button", "data-testid": "letter-row", "data-letter": letter.number },
    h("span.box-words", {}, h("b", {}, letter.subject || "(без темы)"), h("small.two", {}, letter.start), h("small", {}, when(new Date(letter.date)), files ? ` · ${files} ${plural(files, "вложение", "вложения", "вложений")}` : "")),
    letter.unread ? h("span.count.mark", { "aria-label": "не прочитано" }) : null,
  );
  if (letter.unread) row.classList.add("unread");
  row.addEventListener("click", () => openLetter(letter.number));
  return h("li", {}, row);
}

// One letter

async function openLetter(number) {
  const answer = await fetch(`/letters/${number}`).catch(() => null);
  if (!answer?.ok) return complain(new Error("no_line"));
  shown = await answer.json();
  act("read", { letters: [number] }).catch(complain);
  $("letter-subject").textContent = shown.subject || "(без темы)";
  $("letter-from").textContent = `${shown.from} → ${shown.to} · ${when(new Date(shown.date))}`;
  $("letter-raw").href = `/letters/${number}/raw`;
  $("letter-files").replaceChildren(...shown.files.map(fileChip));
  show(shown.has_html ? "html" : "text");
  $("letter").showModal();
}

const fileChip = (file) => h("li", {}, h("a.chip", { href: `/letters/${shown.number}/files/${file.index}`, download: file.name }, icon("file"), `${file.name}, ${size(file.size)}`));

function show(name) {
  view = name;
  for (const one of SEGMENTS) {
    $(`seg-${one}`).setAttribute("aria-selected", String(one === name));
    $(`seg-${one}`).tabIndex = one === name ? 0 : -1;
  }
  $("seg-html").disabled = !shown.has_html;
  $("as-phone-label").hidden = name !== "html";
  $("letter-view").setAttribute("aria-labelledby", `seg-${name}`);
  $("letter-view").replaceChildren({ html: frame, text: plain, headers: headers }[name]());
  $("letter-view").scrollTop = 0;
}

/** The letter in a frame where no script runs; same origin only so that its height and links can be set from here. */
function frame() {
  const node = h("iframe", {
    src: `/letters/${shown.number}/html`,
    title: `Письмо: ${shown.subject}`,
    sandbox: "allow-same-origin allow-popups allow-popups-to-escape-sandbox",
    "data-testid": "letter-frame",
  });
  if ($("as-phone").checked) node.classList.add("narrow");
  node.addEventListener("load", () => {
    const letter = node.contentDocument;
    if (!letter?.body) return;
    for (const link of letter.querySelectorAll("a[href]")) link.target = "_blank";
    const fit = () => node.style.setProperty("height", `${Math.max(letter.documentElement.scrollHeight, letter.body.scrollHeight)}px`);
    fit();
    for (const image of letter.images) image.addEventListener("load", fit);
  });
  return node;
}

const plain = () => h("pre.plain", { "data-testid": "letter-plain" }, shown.text);

const headers = () =>
  h("dl.headers", { "data-testid": "letter-header-list" }, shown.headers.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function moveAlong(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const open = SEGMENTS.filter((name) => !$(`seg-${name}`).disabled);
  const next = open[(open.indexOf(view) + step + open.length) % open.length];
  show(next);
  $(`seg-${next}`).focus();
}
