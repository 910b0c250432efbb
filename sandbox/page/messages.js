// Draws messages of a Telegram chat or channel: bubbles, keyboards, replies, days.

import { drawn } from "./blocks.js";
import { clock, day, h, icon } from "./dom.js";
import { telegramMedia } from "./media.js";
import { rich } from "./richtext.js";

/** Messages as the list to draw: albums together, a line for every new day. */
export function arranged(messages) {
  const items = [];
  let lastDay = "";
  for (const message of messages) {
    const today = day(new Date(message.date * 1000));
    if (today !== lastDay) items.push({ key: `day ${today}`, day: today });
    lastDay = today;
    const last = items.at(-1);
    if (message.media_group_id && last.messages?.[0].media_group_id === message.media_group_id) last.messages.push(message);
    else items.push({ key: message.message_id, messages: [message] });
  }
  return items;
}

export const dayLine = (item) => h("p.day", {}, h("span", {}, item.day));

/** What stands inside a bubble. `command(text)` makes bot commands. */
export function content(messages, { command = null, seen = "" } = {}) {
  const [first] = messages;
  if (first.pinned_message) return [h("p.service", {}, "Закреплено сообщение")];
  if (first.rich_message) return [forwarded(first), quoted(first), ...drawn(first.rich_message.blocks), meta(messages, seen)];
  const worded = messages.find((message) => message.caption) ?? first;
  const text = first.text ?? worded.caption ?? "";
  const entities = first.entities ?? worded.caption_entities ?? [];
  const media = telegramMedia(messages);
  const words = text ? h("div.text", { "data-testid": "text" }, rich(text, entities, command)) : null;
  const parts = worded.show_caption_above_media ? [words, ...media] : [...media, words];
  return [forwarded(first), quoted(first), ...parts, meta(messages, seen)];
}

function meta(messages, seen) {
  const moment = new Date(messages[0].date * 1000);
  const edited = messages.some((message) => message.edit_date);
  return h("span.meta", {}, edited ? "изменено " : null, h("time", { datetime: moment.toISOString() }, clock(moment)), seen);
}

function forwarded(message) {
  const origin = message.forward_origin;
  if (!origin) return null;
  const who = origin.chat?.title ?? origin.sender_user?.first_name ?? origin.sender_user_name ?? "чат";
  return h("p.forwarded", {}, "Переслано из ", h("b", {}, who));
}

function quoted(message) {
  const reply = message.reply_to_message;
  if (!reply) return null;
  const words = reply.text ?? reply.caption ?? (reply.photo ? "Фотография" : reply.video ? "Видео" : "Вложение");
  return h("p.quoted", {}, words.split("\n")[0].slice(0, 120));
}

/** An inline keyboard; `press(button, data)` is called for those that talk to the bot. */
export function keyboard(markup, press) {
  const rows = markup?.inline_keyboard ?? [];
  if (!rows.length) return null;
  return h("div.keyboard", { "data-testid": "keyboard" }, rows.map((row) => h("div.keys", {}, row.map((one) => key(one, press)))));
}

function key(button, press) {
  const props = { "data-testid": `button:${button.text}` };
  if (button.url) return h("a.key", { ...props, href: button.url, target: "_blank", rel: "noopener noreferrer" }, button.text, h("i", { "aria-hidden": true }, "↗"));
  const node = h("button.key", { ...props, type: "button" }, h("span", {}, button.text));
  node.addEventListener("click", () => press(node, button.callback_data ?? ""));
  return node;
}

export const ticks = () => h("span.ticks", { "aria-label": "отправлено" }, "✓✓");

export const editButton = (start) => {
  const node = h("button.amend", { type: "button", "aria-label": "Исправить это сообщение", "data-testid": "amend" }, icon("edit"));
  node.addEventListener("click", start);
  return node;
};
