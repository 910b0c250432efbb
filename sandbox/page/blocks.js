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

const paragraph = (text) => h("div.text", { "data-testid": "text" }, words(text));

const BLOCKS = {
  paragraph: (block) => [paragraph(block.text)],
  pre: (block) => [h("pre", {}, words(block.text))],
  blockquote: (block) => [h("blockquote", {}, drawn(block.blocks))],
  expandable_blockquote: (block) => [h("blockquote", {}, paragraph(block.text))],
  collage: (block) => telegramMedia(block.blocks),
};

/** All of a rich message. A block of media has its file where a message has it. */
export function drawn(blocks) {
  return blocks.flatMap((block) => (BLOCKS[block.type] ?? ((one) => telegramMedia([one])))(block));
}
