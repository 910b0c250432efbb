// The box in which people write: text, files, corrections.

import { $, h, icon, size } from "./dom.js";
import { complain } from "./toast.js";
import { act } from "./wire.js";

const LARGEST = 150; // pixels

let person = () => 0;
let amended = null; // id of the message that is being corrected
let attached = []; // File objects

export function setUpComposer({ author, sent }) {
  person = author;
  setUpFiles();
  const [form, box] = [$("composer"), $("say")];
  box.addEventListener("input", refresh);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
    if (event.key === "Escape" && amended) stopEditing();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value;
    if (!text.trim() && !attached.length) return;
    const files = attached;
    box.value = "";
    attached = [];
    drawTray();
    try {
      await send(text, files);
      if (amended) stopEditing();
      sent();
    } catch (error) {
      box.value = text; // nothing that was written is lost
      attached = files;
      drawTray();
      complain(error);
    }
    refresh();
  });
  $("edit-stop").addEventListener("click", stopEditing);
}

/** Let the box grow with its text, and the button work when there is something to send. */
function refresh() {
  const box = $("say");
  box.style.setProperty("height", "auto");
  box.style.setProperty("height", `${Math.min(box.scrollHeight + 2, LARGEST)}px`);
  $("send").disabled = !box.value.trim() && !attached.length;
}

async function send(text, files) {
  if (amended) return act("edit", { person: person(), message: amended, text });
  if (!files.length) return act("say", { person: person(), text });
  const read = await Promise.all(files.map(async (file) => ({ name: file.name, type: file.type, data: await base64(file) })));
  return act("send", { person: person(), files: read, caption: text, as_files: $("as-files").checked });
}

const base64 = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("bad_file"));
    reader.readAsDataURL(file);
  });

export function startEditing(message) {
  amended = message.message_id;
  $("say").value = message.text ?? message.caption ?? "";
  $("editing").hidden = false;
  $("say").focus();
  refresh();
}

export function stopEditing() {
  if (amended === null) return;
  amended = null;
  $("say").value = "";
  $("editing").hidden = true;
  refresh();
}

// Files

function setUpFiles() {
  $("attach").addEventListener("click", () => $("files").click());
  $("files").addEventListener("change", () => {
    attach($("files").files);
    $("files").value = "";
  });
  $("say").addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    attach(event.clipboardData.files);
  });
  const screen = document.querySelector(".screen");
  for (const name of ["dragenter", "dragover"]) {
    screen.addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      screen.classList.add("dropping");
    });
  }
  screen.addEventListener("dragleave", (event) => {
    if (!screen.contains(event.relatedTarget)) screen.classList.remove("dropping");
  });
  screen.addEventListener("drop", (event) => {
    event.preventDefault();
    screen.classList.remove("dropping");
    attach(event.dataTransfer.files);
  });
}

function attach(files) {
  attached = [...attached, ...files];
  drawTray();
  refresh();
  $("say").focus();
}

function drawTray() {
  $("tray").hidden = !attached.length;
  for (const image of $("tray-files").querySelectorAll("img")) URL.revokeObjectURL(image.src);
  $("tray-files").replaceChildren(...attached.map(trayItem));
}

function trayItem(file, index) {
  const picture = file.type.startsWith("image/");
  const remove = h("button.round.small", { type: "button", "aria-label": `Убрать ${file.name}` }, icon("close"));
  remove.addEventListener("click", () => {
    attached = attached.filter((_, place) => place !== index);
    drawTray();
    refresh();
    $("say").focus();
  });
  const face = picture ? h("img", { src: URL.createObjectURL(file), alt: "", width: 56, height: 56 }) : icon("file");
  return h("li", { title: `${file.name}, ${size(file.size)}`, "data-testid": "tray-file" }, face, picture ? null : h("small", {}, file.name), remove);
}
