// Rich messages: blocks of text, quotations, code and media, one below the other.

import { h } from "./dom.js";
import { telegramMedia } from "./media.js";
import { link } from "./richtext.js";

const INLINE = {
  bold: () => h("b"),
  italic: () => h("i"),
  underline: () => h("u"),
  strikethrough: () => h("s"),
  spoiler: () => h("span.ref"),
  code: () => h("code"),
  url: (text) => link(text.url),
};

/** The nodes of a rich text: a string, a list of rich texts, or one that holds another. */
function words(text) {
  if (typeof text === "string") return [text];
  if (Array.isArray(text)) return text.flatMap(words);
  const node = (INLINE[text.type] ?? (() => h("span.ref")))(text);
  node.append(...words(text.text ?? ""));
  return [node];
}

const AIR = { "margin-block": "0.4em" };

const paragraph = (text) => h("div.text", { "data-testid": "text", style: AIR }, words(text));

const quotation = (content) => h("div.text", { style: AIR }, h("blockquote", {}, content));

const BLOCKS = {
  paragraph: (block) => [paragraph(block.text)],
  pre: (block) => [h("pre", { style: AIR }, words(block.text))],
  blockquote: (block) => [quotation(drawn(block.blocks))],
  expandable_blockquote: (block) => [quotation(paragraph(block.text))],
  collage: (block) => telegramMedia(block.blocks),
};

/** All of a rich message. A block of media has its file where a message has it. */
export function drawn(blocks) {
  return blocks.flatMap((block) => (BLOCKS[block.type] ?? ((one) => telegramMedia([one])))(block));
}
