// The page of cards: every card of the data under its name, light or dark, as
// wide as on a desktop or on a phone.

import { bundled, drawCard } from "./card.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const cards = JSON.parse($("data").textContent);
let isDark = query.has("theme") ? query.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
let isPhone = query.get("width") === "phone";

// element makes an element; what is put inside as a string is only text.
function element(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}

function json(card) {
  return element("pre", "json", JSON.stringify(card, null, 2));
}

function shown(one) {
  const made = element("section", "shown", element("h2", "", one.name));
  const said = element("p", "about", "");
  const notes = element("div", "");
  made.append(
    element("p", "about", one.summary ? `Preview: ${one.summary}` : "No preview text"),
    bundled ? drawCard(one.card, isDark, () => { said.textContent = "Nobody answers this button here." }) : json(one.card),
    said,
    element("p", "about", one.size),
    notes);
  for (const note of one.notes ?? []) notes.append(element("p", "note", note));
  if (bundled) made.append(element("details", "", element("summary", "", "JSON"), json(one.card)));
  return made;
}

function draw() {
  document.documentElement.classList.toggle("dark", isDark);
  document.body.classList.toggle("phone", isPhone);
  $("theme").setAttribute("aria-pressed", isDark);
  $("phone").setAttribute("aria-pressed", isPhone);
  $("cards").replaceChildren(...cards.map(shown));
}

$("unbundled").hidden = bundled;
$("theme").addEventListener("click", () => { isDark = !isDark; draw(); });
$("phone").addEventListener("click", () => { isPhone = !isPhone; draw(); });
draw();
