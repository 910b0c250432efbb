// Texts with entities, as Telegram has them, become elements. Offsets count UTF-16 units, as JavaScript does.

import { h } from "./dom.js";

const SAFE_LINK = /^(https?|tg|mailto|tel):/i;

const WRAPPERS = {
  bold: () => h("b"),
  italic: () => h("i"),
  underline: () => h("u"),
  strikethrough: () => h("s"),
  code: () => h("code"),
  pre: () => h("pre"),
  blockquote: () => h("blockquote"),
  expandable_blockquote: () => h("blockquote"),
  spoiler: spoiler,
  text_link: (entity) => link(entity.url),
  url: (entity, text) => link(/^[a-z]+:/i.test(text) ? text : `https://${text}`),
  email: (entity, text) => link(`mailto:${text}`),
  phone_number: (entity, text) => link(`tel:${text}`),
  mention: () => h("span.ref"),
  hashtag: () => h("span.ref"),
  cashtag: () => h("span.ref"),
  text_mention: () => h("span.ref"),
};

const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

export function link(url) {
  if (!SAFE_LINK.test(url)) return h("span.ref");
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" });
}

function spoiler() {
  const hidden = h("button.spoiler", { type: "button", "aria-label": "Показать скрытый текст" });
  hidden.addEventListener("click", () => {
    hidden.classList.add("shown");
    hidden.removeAttribute("aria-label");
  });
  return hidden;
}

/** Return the nodes of a text. `command(text)` makes the node of a bot command. */
export function rich(text, entities = [], command = null) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return build(text, sorted, 0, text.length, command);
}

function build(text, entities, start, end, command) {
  const nodes = [];
  let at = start;
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index];
    const stop = Math.min(entity.offset + entity.length, end);
    if (entity.offset < at || entity.offset >= end) continue; // inside one that is done already
    if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
    const inner = entities.slice(index + 1).filter((other) => other.offset >= entity.offset && other.offset < stop);
    const words = text.slice(entity.offset, stop);
    const node = entity.type === "bot_command" && command ? command(words) : WRAPPERS[entity.type]?.(entity, words);
    const content = build(text, inner, entity.offset, stop, command);
    if (node) {
      node.append(...content);
      nodes.push(node);
    } else nodes.push(...content);
    // The line break that ends a block is no line of its own.
    at = BLOCKS.has(entity.type) && text[stop] === "\n" && stop < end ? stop + 1 : stop;
  }
  if (at < end) nodes.push(text.slice(at, end));
  return nodes;
}

// VK marks mentions as [club1|Name] and finds addresses and hashtags by itself.
const VK = /\[(club|id|public)(\d+)\|([^\]]+)\]|https?:\/\/[^\s<>«»]+[^\s<>«».,:;!?)]|#[\p{L}\p{N}_]+(?:@\w+)?/gu;

export function vkText(text) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(VK)) {
    if (found.index > at) nodes.push(text.slice(at, found.index));
    let node = h("span.ref");
    if (found[3]) node = link(`https://vk.com/${found[1]}${found[2]}`);
    else if (found[0].startsWith("http")) node = link(found[0]);
    node.append(found[3] ?? found[0]);
    nodes.push(node);
    at = found.index + found[0].length;
  }
  nodes.push(text.slice(at));
  return nodes;
}
