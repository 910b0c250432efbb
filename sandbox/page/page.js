// Puts the page together.

import { setUpChannels } from "./channels.js";
import { setUpChat } from "./chat.js";
import { setUpDeliveries } from "./deliveries.js";
import { $ } from "./dom.js";
import { setUpMail } from "./mail.js";
import { setUpPanes } from "./panes.js";
import { toast } from "./toast.js";
import { setUpTroubles } from "./troubles.js";
import { connect } from "./wire.js";

const THEMES = { "": "как в системе", light: "светлая", dark: "тёмная" };

function setUpTheme() {
  const label = () => {
    const theme = document.documentElement.dataset.theme ?? "";
    $("theme").title = `Тема: ${THEMES[theme]}`;
    $("theme").setAttribute("aria-label", `Тема: ${THEMES[theme]}. Сменить`);
  };
  $("theme").addEventListener("click", () => {
    const order = Object.keys(THEMES);
    const next = order[(order.indexOf(document.documentElement.dataset.theme ?? "") + 1) % order.length];
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    if (next) localStorage.setItem("theme", next);
    else localStorage.removeItem("theme");
    label();
  });
  label();
}

function setUpDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
  const { origin } = location;
  $("cli").textContent = [
    `curl -s ${origin}/config > sandbox.toml`,
    "rupor --config sandbox.toml announce --text 'Собрание в 18:00' --to tg,vk,mail:orgs --wait",
    "rupor --config sandbox.toml status",
  ].join("\n");
  $("about-open").addEventListener("click", () => $("about").showModal());
  $("cli-copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText($("cli").textContent).then(() => toast("Скопировано"), () => toast("Не получилось: выделите и скопируйте сами"));
  });
}

setUpTheme();
setUpDialogs();
setUpPanes();
setUpChat();
setUpChannels();
setUpMail();
setUpDeliveries();
setUpTroubles();

let lost = 0;
connect((up) => {
  if (up) {
    clearTimeout(lost);
    lost = 0;
    $("offline").hidden = true;
  } else lost ||= setTimeout(() => ($("offline").hidden = false), 1200); // a blink is not worth a word
});
