// The phone: a chat with the real bot, on behalf of one of several people.

import { setUpComposer, startEditing, stopEditing } from "./composer.js";
import { $, h, keep, plural, stickToEnd } from "./dom.js";
import { arranged, content, dayLine, editButton, keyboard, ticks } from "./messages.js";
import { complain, toast } from "./toast.js";
import { act, on, state } from "./wire.js";

const TYPING_FOR = 6000; // milliseconds, as in the apps
const ANSWER_WITHIN = 8000;

let person = Number(sessionStorage.getItem("person")) || 0;
let people = [];
let typingUntil = 0;
const shownAnswers = new Map(); // person -> ids of callback answers that were shown
const lastRead = new Map(); // person -> id of the newest message that was looked at

export function setUpChat() {
  on("town", ({ people: found, bot, examples }) => {
    people = found;
    if (!people.some((one) => one.id === person)) person = people[0].id;
    $("bot-name").textContent = bot.name;
    drawExamples(examples);
    drawPeople();
    draw();
  });
  on("chat:*", (chat, topic) => {
    const id = Number(topic.split(":")[1]);
    noteAnswers(id, chat);
    if (id === person) draw();
    drawPeople();
  });
  $("person").addEventListener("change", () => {
    person = Number($("person").value);
    sessionStorage.setItem("person", person);
    stopEditing();
    $("messages").replaceChildren();
    $("messages").kept = new Map();
    draw();
    drawPeople();
    $("chat").scrollTop = $("chat").scrollHeight;
  });
  $("chat-start").addEventListener("click", () => say("/start"));
  setUpCommands();
  setUpComposer({ author: () => person, sent: toEnd });
}

// People

function drawPeople() {
  const news = new Map(people.map((one) => [one.id, one.id === person ? 0 : unseen(one.id)]));
  keep(
    $("person"),
    people.map((one) => ({ id: one.id, words: `${one.first_name}, ${one.role}`, count: news.get(one.id) })),
    (one) => one.id,
    (one) => h("option", { value: one.id }, one.count ? `${one.words} · ${one.count} ${plural(one.count, "новое", "новых", "новых")}` : one.words),
  );
  $("person").value = person;
  $("person-news").hidden = ![...news.values()].some(Boolean);
}

function unseen(id) {
  const messages = state(`chat:${id}`)?.messages ?? [];
  const newest = messages.at(-1)?.message_id ?? 0;
  if (!lastRead.has(id)) lastRead.set(id, newest);
  return messages.filter((message) => message.from?.is_bot && message.message_id > lastRead.get(id)).length;
}

// Messages

function draw() {
  const chat = state(`chat:${person}`);
  if (!chat || !people.length) return;
  lastRead.set(person, chat.messages.at(-1)?.message_id ?? 0);
  stickToEnd($("chat"), () => keep($("messages"), arranged(chat.messages), (item) => item.key, drawItem));
  $("chat-empty").hidden = chat.messages.length > 0;
  $("examples").classList.toggle("many", !chat.messages.length);
  drawCommands(chat.commands);
  drawStatus(chat.action);
}

function drawItem(item) {
  if (item.day) return dayLine(item);
  const [first] = item.messages;
  const own = !first.from?.is_bot;
  const bubble = h(
    `div.bubble.${own ? "own" : "their"}`,
    { "data-testid": own ? "own-message" : "bot-message", "data-message": first.message_id },
    h("span.unseen", {}, own ? "Вы: " : "Рупор: "),
    content(item.messages, { command, seen: own ? ticks() : "" }),
  );
  if (first.photo || first.video || first.animation) bubble.classList.add("pictured");
  const keys = keyboard(first.reply_markup, (button, data) => press(button, first.message_id, data));
  const amend = own && (first.text || first.caption) && !first.forward_origin ? editButton(() => startEditing(first)) : null;
  return h(`div.message.${own ? "own" : "their"}`, {}, h("div.bubble-line", {}, bubble, amend), keys);
}

function command(words) {
  const node = h("button.command", { type: "button", "data-testid": `command:${words}` });
  node.addEventListener("click", () => say(words));
  return node;
}

async function press(button, message, data) {
  if (button.getAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  setTimeout(() => button.removeAttribute("aria-busy"), ANSWER_WITHIN);
  await act("press", { person, message, data }).catch((error) => {
    button.removeAttribute("aria-busy");
    complain(error);
  });
}

/** The bot's answers to pressed buttons: shown once, and never those of before this page was opened. */
function noteAnswers(id, chat) {
  const known = shownAnswers.get(id);
  shownAnswers.set(id, new Set(chat.answers.map((answer) => answer.callback_query_id)));
  if (!known) return;
  for (const answer of chat.answers) {
    if (known.has(answer.callback_query_id)) continue;
    if (id !== person) continue;
    for (const busy of document.querySelectorAll(".key[aria-busy]")) busy.removeAttribute("aria-busy");
    if (answer.text) toast(answer.text, { alert: answer.show_alert, place: "chat-toasts" });
  }
}

function drawStatus(action) {
  typingUntil = action ? Date.now() + TYPING_FOR : 0;
  showStatus();
  if (action) setTimeout(showStatus, TYPING_FOR + 50);
}

function showStatus() {
  const busy = Date.now() < typingUntil;
  $("bot-status").textContent = busy ? "печатает…" : "бот";
  $("bot-status").classList.toggle("busy", busy);
}

// Writing, in one press

async function say(text) {
  await act("say", { person, text }).then(toEnd, complain);
}

function toEnd() {
  $("chat").scrollTop = $("chat").scrollHeight;
}

function drawExamples(examples) {
  keep($("examples"), examples, (one) => one.name, (one) => {
    const chip = h("button.chip", { type: "button", "data-testid": `example-${one.name}` }, one.label);
    chip.addEventListener("click", async () => {
      chip.disabled = true;
      await act("example", { person, name: one.name }).then(toEnd, complain);
      chip.disabled = false;
    });
    return chip;
  });
}

function drawCommands(commands) {
  $("commands-open").hidden = !commands.length;
  keep($("commands"), commands, (one) => one.command, (one) => {
    const item = h("button.command-item", { type: "button", "data-testid": `menu:/${one.command}` }, h("b", {}, `/${one.command}`), " ", h("span", {}, one.description));
    item.addEventListener("click", () => {
      openCommands(false);
      say(`/${one.command}`);
    });
    return item;
  });
}

function openCommands(open) {
  $("commands").hidden = !open;
  $("commands-open").setAttribute("aria-expanded", String(open));
}

function setUpCommands() {
  $("commands-open").addEventListener("click", () => openCommands($("commands").hidden));
  $("commands").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openCommands(false);
    $("commands-open").focus();
  });
  document.addEventListener("click", (event) => {
    if (!$("composer").contains(event.target)) openCommands(false);
  });
}
