// Short notes that come and go, and what each error code means.

import { $, h } from "./dom.js";

const WORDS = {
  no_line: "Песочница не отвечает. Попробуйте ещё раз через минуту.",
  no_button: "Эта кнопка уже не действует.",
  empty: "Пустое сообщение отправить нельзя.",
  empty_file: "В этом файле ничего нет.",
  bad_file: "Не получилось прочитать файл.",
  too_large: "Слишком большой файл: песочница берёт до 90 МБ за раз.",
  no_address: "Выберите ящик.",
  forbidden: "Страница открыта по чужому адресу. Откройте ту, что назвала команда.",
};

export function toast(words, { seconds = 4, alert = false, place = "toasts" } = {}) {
  const note = h("div.toast", { "data-testid": "toast" }, h("span", {}, words));
  if (alert) {
    const close = h("button.quiet", { type: "button", "data-testid": "toast-close" }, "Понятно");
    close.addEventListener("click", () => note.remove());
    note.classList.add("alert");
    note.append(close);
  } else setTimeout(() => note.remove(), seconds * 1000);
  $(place).append(note);
  while ($(place).childElementCount > 3) $(place).firstElementChild.remove();
}

export const complain = (error) => toast(WORDS[error.message] ?? "Что-то пошло не так. Обновите страницу.");
