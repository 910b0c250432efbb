// What readers see: the Telegram channel and the VK wall.

import { $, h, icon, keep, when } from "./dom.js";
import { wallMedia } from "./media.js";
import { arranged, content, dayLine } from "./messages.js";
import { vkText } from "./richtext.js";
import { on } from "./wire.js";

const TOGETHER = 15; // seconds between the parts of one announcement
const FOLDED_FROM = 400; // characters

export function setUpChannels() {
  on("channel", (channel) => {
    $("channel-title").textContent = channel.title;
    $("channel-about").textContent = `@${channel.username} · канал в Telegram`;
    $("channel-empty").hidden = channel.posts.length > 0;
    follow(arranged(channel.posts));
  });
  on("wall", (wall) => {
    $("wall-title").textContent = wall.name;
    $("wall-about").textContent = `vk.com/${wall.screen_name} · стена сообщества`;
    $("wall-empty").hidden = wall.posts.length > 0;
    keep($("wall-posts"), wall.posts.map((post) => ({ ...post, name: wall.name })), (post) => post.id, wallPost);
  });
}

let followed = 0; // where following put the scroller last

/** Show the beginning of what came last, unless the reader is looking at something else. */
function follow(items) {
  const scroller = $("channel");
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  const follows = atEnd || Math.abs(scroller.scrollTop - followed) < 4;
  keep($("channel-posts"), items, (item) => item.key, channelPost);
  if (!follows) return;
  const posts = items.filter((item) => item.messages);
  const newest = posts.at(-1)?.messages[0].date ?? 0;
  const first = posts.find((item) => newest - item.messages[0].date <= TOGETHER);
  if (!first) return;
  const node = $("channel-posts").kept.get(String(first.key)).node;
  scroller.scrollTop = node.offsetTop - $("channel-posts").offsetTop - 10;
  followed = scroller.scrollTop;
}

function channelPost(item) {
  if (item.day) return dayLine(item);
  const [first] = item.messages;
  const ids = item.messages.map((message) => message.message_id).join(" ");
  const post = h("article.bubble.their", { "data-testid": "channel-post", "data-post": ids, tabindex: -1 }, content(item.messages));
  if (first.photo || first.video || first.animation) post.classList.add("pictured");
  return post;
}

function wallPost(post) {
  return h(
    "article.wall-post",
    { "data-testid": "wall-post", "data-post": post.id, tabindex: -1 },
    h(
      "header",
      {},
      h("span.face.vk", { "aria-hidden": true }, icon("rupor", "")),
      h("div", {}, h("h3", {}, post.name), h("p", {}, h("time", { datetime: post.date }, when(new Date(post.date))), post.edited ? " · изменено" : null)),
    ),
    ...wallWords(post.text),
    wallMedia(post),
    h("footer", { "aria-hidden": true }, icon("like"), icon("chat"), icon("share")),
  );
}

/** VK folds a long text, so that the pictures below it come into sight. */
function wallWords(text) {
  if (!text) return [];
  const words = h("div.text", { "data-testid": "text" }, vkText(text));
  if (text.length <= FOLDED_FROM) return [words];
  words.classList.add("folded");
  const more = h("button.linkish.more", { type: "button", "data-testid": "more" }, "Показать ещё");
  more.addEventListener("click", () => {
    words.classList.remove("folded");
    words.closest("article").focus({ preventScroll: true });
    more.remove();
  });
  return [words, more];
}
