// Draws messages: what a webhook posted, what the bot posted, what people
// wrote. What comes from outside becomes text nodes, or goes through card.js.

import { bundled, drawCard, drawText } from "./card.js";
import { $, button, clock, element, initials, size } from "./dom.js";

// bot says whether a message is of one of the bot's conversations.
const ofBot = (message) => Boolean(message.conversation);

function json(card) {
  return element("pre", "json", JSON.stringify(card ?? null, null, 2));
}

function picture(message) {
  if (message.by_user) return element("span", "face", initials(message.from));
  const icon = element("img");
  icon.src = "icon.svg";
  icon.alt = "";
  return icon;
}

// foot tells what phones preview, how large the message is, and its JSON.
function foot(message, card) {
  const summary = element("summary", "",
    element("span", "preview", message.summary ? `Preview: ${message.summary}` : "No preview text"),
    element("span", "", `${size(message.bytes)} of ${ofBot(message) ? 100 : 28} KB`),
    element("span", "more", "JSON"));
  const made = bundled ? element("details", "foot", summary) : element("div", "foot", summary);
  // The JSON of a large card is only made when somebody wants to see it.
  if (bundled) made.addEventListener("toggle", () => made.children.length < 2 && made.append(json(card)), { once: true });
  return made;
}

// cardFor is the card that a user sees: the bot may have answered to one alone.
export function cardFor(message, user) {
  return message.answers?.[user] ?? message.card;
}

// look is all that a message's picture on the page depends on: while it is the
// same, nothing has to be drawn again.
export function look(message, user, said) {
  return JSON.stringify([message.text, cardFor(message, user), message.deleted, message.shown, message.reason, message.edited, message.reactions, said]);
}

// drawPost returns an element that shows a message as a user sees it. act is
// called with what a button of its card would send; said is what the bot told
// this user about it.
export function drawPost(tag, message, { user, isDark, act, said }) {
  const made = element(tag, "post", picture(message));
  const head = element("div", "head", element("b", "", message.from ?? "Workflows"), clock(message.at));
  const body = element("div", "body", head);
  made.append(body);
  made.dataset.id = message.id;
  if (message.edited) head.append(element("span", "edited", message.edited === 1 ? "Edited" : `Edited ${message.edited} times`));
  if (message.deleted) {
    body.append(element("p", "gone", "This message has been deleted."));
    return made;
  }
  if (message.text) body.append(drawText(message.text, message.mentions ?? [], message.by_user));
  const card = cardFor(message, user);
  if (card && message.shown) {
    body.append(bundled ? drawCard(card, isDark, (action) => act(action, made)) : json(card));
    if (message.answers?.[user]) body.append(element("p", "only", "Only you see this card, until the bot changes it for everybody."));
  } else if (!message.shown) {
    body.append(element("p", "refused", element("b", "", "Not shown"), `: ${message.reason}`));
  }
  if (said) body.append(element("p", "said", said));
  for (const [kind, names] of Object.entries(message.reactions ?? {})) {
    body.append(element("span", "reaction", `${kind}: ${names.join(", ")}`));
  }
  if (card) body.append(foot(message, card));
  return made;
}

// drawRefused is one line for what Teams would not show; a storm of the same
// is still one line: then there is nothing new to show, and null comes back.
export function drawRefused(message, last) {
  const key = `${message.status} ${message.reason}`;
  if (last?.dataset.key === key) {
    const times = Number(last.dataset.times) + 1;
    last.dataset.times = times;
    last.querySelector("b").textContent = `Not shown, ${times} times`;
    last.querySelector("time").replaceWith(clock(message.at));
    return null;
  }
  const answer = message.status ? `answered ${message.status}` : "no answer";
  const made = element("li", "refused", element("b", "", "Not shown"), `: ${answer}, ${message.reason}`, clock(message.at));
  made.dataset.key = key;
  made.dataset.times = 1;
  return made;
}

// drawWriting returns a form to write in; write is called with the text.
// mention is the bot's name where it stands in front of what is written.
export function drawWriting(hint, mention, write) {
  const line = element("input");
  line.placeholder = hint;
  line.setAttribute("aria-label", hint);
  line.autocomplete = "off";
  line.maxLength = 4000;
  const send = element("button", "", "Send");
  const form = element("form", "writing", line, send);
  if (mention) form.prepend(element("span", "mention", mention));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = line.value.trim();
    if (!text) return;
    line.value = "";
    write(text);
  });
  return form;
}

// drawThread returns an element with a place for a thread's first message, for
// what is replied, and for writing a reply.
export function drawThread(id, mention, write) {
  const open = button("reply", () => {
    const form = drawWriting("Reply", mention, write);
    open.replaceWith(form);
    form.querySelector("input").focus();
  }, "Reply");
  const made = element("li", "thread", element("ol", "replies"), open);
  made.dataset.thread = id;
  return made;
}

// toast shows words at the top for a while.
export function toast(words) {
  const live = $("live");
  const before = live.textContent;
  live.textContent = words;
  setTimeout(() => { if (live.textContent === words) live.textContent = before; }, 4000);
}
