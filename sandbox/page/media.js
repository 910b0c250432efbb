// Pictures, albums, videos and files inside messages and posts. Sizes are known before anything loads: nothing jumps.

import { $, h, icon, size } from "./dom.js";

const telegramFile = (fileId) => `/files/telegram/${encodeURIComponent(fileId)}`;

/** How many pictures stand in each row of an album. */
const ROWS = { 1: [1], 2: [2], 3: [1, 2], 4: [1, 3], 5: [2, 3], 6: [3, 3], 7: [1, 3, 3], 8: [2, 3, 3], 9: [3, 3, 3], 10: [1, 3, 3, 3] };

function photo(url, { width, height, words = "Фотография" } = {}) {
  const image = h("img", { src: url, alt: words, loading: "lazy", decoding: "async", width, height });
  return h("button.shot", { type: "button", "aria-label": `${words}: открыть`, "data-testid": "photo", onclick: () => enlarge(url, words) }, image);
}

export function enlarge(url, words) {
  $("picture-image").src = url;
  $("picture-image").alt = words;
  $("picture").showModal();
}

function fileRow(name, bytes, url) {
  return h(
    "a.file",
    { href: url, download: name, "data-testid": "file" },
    h("span.file-icon", {}, icon("file")),
    h("span.file-words", {}, h("b", {}, name || "файл"), h("small", {}, size(bytes))),
  );
}

function video(url, { width = 320, height = 180, quiet = false } = {}) {
  const player = h("video", { src: url, controls: !quiet, loop: quiet, width, height, preload: "metadata", "aria-label": "Видео" });
  if (quiet) player.muted = true;
  return h("div.shot", { "data-testid": "video" }, player);
}

/** The single media of a Telegram message, as {visual: node} or {other: node}. */
function ofMessage(message) {
  if (message.photo) {
    const best = message.photo.at(-1);
    return { visual: photo(telegramFile(best.file_id), best), shape: best };
  }
  if (message.animation) return { visual: picturesque(message.animation), shape: message.animation };
  if (message.video) return { visual: video(telegramFile(message.video.file_id), message.video), shape: message.video };
  if (message.sticker) return { other: h("p.sticker", {}, message.sticker.emoji ?? "🙂") };
  if (message.voice) return { other: sound(message.voice, "Голосовое сообщение") };
  if (message.audio) return { other: sound(message.audio, message.audio.file_name ?? "Аудио") };
  if (message.document) {
    const { file_id: id, file_name: name, file_size: bytes } = message.document;
    return { other: fileRow(name, bytes, telegramFile(id)) };
  }
  return {};
}

function picturesque(animation) {
  const url = telegramFile(animation.file_id);
  return animation.mime_type === "image/gif" ? photo(url, animation) : video(url, { ...animation, quiet: true });
}

function sound(file, words) {
  return h("div.sound", {}, h("small", {}, words), h("audio", { src: telegramFile(file.file_id), controls: true, preload: "none" }));
}

/** All media of one or several Telegram messages that belong together. */
export function telegramMedia(messages) {
  const found = messages.map(ofMessage);
  const visual = found.filter((one) => one.visual);
  const nodes = [];
  if (visual.length === 1) {
    const { width = 4, height = 3 } = visual[0].shape;
    nodes.push(h("div.album.single", { style: { "--shape": `${width} / ${Math.min(height, width * 1.35)}` } }, visual[0].visual));
  } else if (visual.length) nodes.push(album(visual.map((one) => one.visual)));
  nodes.push(...found.filter((one) => one.other).map((one) => one.other));
  return nodes;
}

export function album(shots) {
  const rows = ROWS[Math.min(shots.length, 10)] ?? [1];
  let at = 0;
  const drawn = rows.map((count) => {
    const row = h("div.album-row", { style: { "--count": String(count) } }, shots.slice(at, at + count));
    at += count;
    return row;
  });
  return h("div.album", { "data-testid": "album" }, drawn, shots.slice(at));
}

export function wallMedia(post) {
  const nodes = [];
  const visual = [
    ...post.photos.map((url) => photo(url)),
    ...post.videos.map((one) => video(one.url)),
  ];
  if (visual.length) nodes.push(album(visual));
  nodes.push(...post.docs.map((doc) => (doc.mime_type.startsWith("image/") ? pictureFile(doc) : fileRow(doc.title, doc.size, doc.url))));
  return nodes;
}

/** VK shows a picture that came as a file, but small and with its name. */
function pictureFile(doc) {
  return h("div.picture-file", {}, photo(doc.url, { words: doc.title }), fileRow(doc.title, doc.size, doc.url));
}
