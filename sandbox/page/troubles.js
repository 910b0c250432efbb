// The panel of misfortunes.

import { $, h, keep, plural } from "./dom.js";
import { complain } from "./toast.js";
import { act, on, state } from "./wire.js";

const FIRST_CHOICE = { mailbox_unknown: 4, mailbox_full: 9 }; // so that each breaks another one
const chosen = new Map(); // trouble -> mailbox, before it is switched on

export function setUpTroubles() {
  on("troubles", draw);
  on("town", () => draw(state("troubles")));
  on("violations", drawViolations);
  $("troubles-open").addEventListener("click", () => open($("troubles").hidden));
  $("troubles-close").addEventListener("click", () => open(false));
  $("troubles").addEventListener("keydown", (event) => event.key === "Escape" && open(false));
  $("repair").addEventListener("click", () => act("repair", {}).catch(complain));
}

function open(shown) {
  $("troubles").hidden = !shown;
  $("troubles-open").setAttribute("aria-expanded", String(shown));
  ($(shown ? "troubles-close" : "troubles-open")).focus();
}

function draw(troubles) {
  const boxes = state("town")?.mailboxes;
  if (!troubles || !boxes) return;
  const active = troubles.switches.filter((one) => one.on).length;
  $("troubles-count").hidden = !active;
  $("troubles-count").textContent = active;
  $("troubles-open").setAttribute("aria-label", active ? `Неполадки: ${active} ${plural(active, "включена", "включены", "включены")}` : "Неполадки");
  $("repair").disabled = !active;
  keep($("switches"), troubles.switches, (one) => one.name, (one) => row(one, boxes));
}

function row(trouble, boxes) {
  const id = `trouble-${trouble.name}`;
  const box = h("input", { type: "checkbox", role: "switch", id, checked: trouble.on, "aria-describedby": `${id}-hint`, "data-testid": id });
  const select = trouble.needs_address ? addresses(trouble, boxes) : null;
  box.addEventListener("change", () => {
    act("trouble", { name: trouble.name, on: box.checked, address: select?.value }).catch((error) => {
      box.checked = trouble.on;
      complain(error);
    });
  });
  return h(
    "li.trouble",
    { "data-on": String(trouble.on) },
    h("label", { for: id }, h("span", {}, trouble.label), box),
    h("p", { id: `${id}-hint` }, trouble.hint),
    select,
  );
}

function addresses(trouble, boxes) {
  const now = trouble.address || chosen.get(trouble.name) || boxes[FIRST_CHOICE[trouble.name] ?? 0].address;
  const select = h(
    "select",
    { "aria-label": `Ящик: ${trouble.label}`, "data-testid": `trouble-${trouble.name}-address` },
    boxes.map((box) => h("option", { value: box.address, selected: box.address === now }, `${box.organisation} — ${box.shown}`)),
  );
  select.addEventListener("change", () => {
    chosen.set(trouble.name, select.value);
    if (trouble.on) act("trouble", { name: trouble.name, on: true, address: select.value }).catch(complain);
  });
  return select;
}

function drawViolations({ total, latest }) {
  $("violations-sum").textContent = total
    ? `${total} ${plural(total, "нарушение", "нарушения", "нарушений")} правил Telegram, VK или почты`
    : "Ни одного нарушения правил Telegram, VK и почты";
  $("violations-sum").parentElement.classList.toggle("bad", total > 0);
  $("violations").replaceChildren(...latest.map((words) => h("li", {}, words)));
}
