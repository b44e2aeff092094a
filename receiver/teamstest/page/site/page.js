// The page: channels and chats on the left, what was posted in one of them on
// the right, kept true by the server's events.

import { bundled } from "./card.js";
import { $, button, element, initials } from "./dom.js";
import { drawPost, drawRefused, drawThread, drawWriting, look, toast } from "./posts.js";
import { botBadDays, clear, deed, faultsLeft, goodDay, queue, webhookBadDays } from "./server.js";

const KEPT = 200; // messages on the page for each place; older ones leave it

const query = new URLSearchParams(location.search);
const places = new Map(); // key → {messages: id → message, unread}
const drawn = new Map(); // message's id → {element, look}
const said = new Map(); // message's id → what the bot told this user about it
let directory = { known: false, name: "", team: "", users: [], conversations: [] };
let me = null; // the user that the page is
let current = null; // the key of the place on the right
let isDark = query.has("theme") ? query.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
let isPhone = query.get("width") === "phone";

// A place's key is the conversation's id, or this and the webhook's name.
const WEBHOOK = "workflow/";
const keyOf = (message) => message.conversation || WEBHOOK + message.webhook;
const isWebhook = (key) => key === null || key.startsWith(WEBHOOK);
const conversation = (key) => directory.conversations.find((one) => one.id === key);

function place(key) {
  if (!places.has(key)) places.set(key, { messages: new Map(), unread: 0 });
  return places.get(key);
}

function nameOf(key) {
  if (isWebhook(key)) return key.slice(WEBHOOK.length);
  const c = conversation(key);
  return c?.kind === "personal" ? directory.name : c?.name ?? key;
}

// visible are the conversations that the user is in.
function visible() {
  return directory.conversations.filter((c) => c.members.includes(me?.id));
}

// ——— the list on the left ———

function drawRail() {
  const entry = (key) => {
    const { unread } = place(key);
    const made = button("", () => show(key), element("span", "avatar", initials(nameOf(key))), element("span", unread ? "label fresh" : "label", nameOf(key)));
    if (unread) made.append(element("span", "count", unread > 99 ? "99+" : String(unread)));
    if (key === current) made.setAttribute("aria-current", "true");
    return element("li", "", made);
  };
  const webhooks = [...places.keys()].filter(isWebhook).sort();
  const mine = directory.known ? visible() : [];
  $("channels").replaceChildren(...webhooks.map(entry));
  $("team").replaceChildren(...mine.filter((c) => c.kind === "channel").map((c) => entry(c.id)));
  $("chats").replaceChildren(...mine.filter((c) => c.kind !== "channel").map((c) => entry(c.id)));
  $("team-name").textContent = directory.team;
  $("bot").hidden = $("me").hidden = !directory.known;
  $("webhooks").hidden = directory.known && webhooks.length === 0;
}

function drawMe() {
  $("as").replaceChildren(...directory.users.map((user) => {
    const option = element("option", "", user.name);
    option.value = user.id;
    return option;
  }));
  const wanted = query.get("as")?.toLowerCase();
  const was = me?.id;
  me = directory.users.find((user) => user.id === was) ??
    directory.users.find((user) => wanted && user.name.toLowerCase().startsWith(wanted)) ?? directory.users[0] ?? null;
  if (me) $("as").value = me.id;
}

// ——— the place on the right ———

function show(key) {
  current = key;
  place(key).unread = 0;
  $("name").textContent = nameOf(key);
  $("letter").textContent = initials(nameOf(key));
  $("address").textContent = isWebhook(key) ? `${location.origin}/${key}` : key;
  redraw();
}

// redraw draws everything of the place again.
function redraw() {
  document.documentElement.classList.toggle("dark", isDark);
  document.body.classList.toggle("phone", isPhone);
  $("theme").setAttribute("aria-pressed", isDark);
  $("phone").setAttribute("aria-pressed", isPhone);
  $("feed").replaceChildren();
  drawn.clear();
  const messages = current === null ? [] : [...place(current).messages.values()];
  messages.forEach(put);
  drawEmpty();
  drawAround();
  drawRail();
  drawFaults();
  toBottom();
}

function drawEmpty() {
  const isEmpty = $("feed").children.length === 0;
  const isHook = isWebhook(current) && !(current === null && directory.known);
  $("empty").hidden = !isEmpty || !isHook;
  $("quiet").hidden = !isEmpty || isHook;
}

// drawAround draws what depends on the conversation and not on its messages.
function drawAround() {
  const c = conversation(current);
  const away = c && (!c.installed || c.blocked);
  $("absent").hidden = !away;
  $("compose").hidden = !c;
  if (c) {
    const mention = c.kind === "personal" ? "" : `@${directory.name}`;
    const hint = c.kind === "channel" ? "Start a post" : "Write";
    if ($("compose").dataset.of !== c.id) {
      $("compose").dataset.of = c.id;
      $("compose").replaceChildren(drawWriting(hint, mention, (text) => say(c.id, "", text)));
    }
  }
  if (away) {
    const does = c.installed ? "unblock" : "install";
    $("absent").replaceChildren(
      c.installed ? `You have blocked ${directory.name}. ` : `${directory.name} is not here: it hears and posts nothing. `,
      button("", () => act(does), c.installed ? "Unblock" : c.kind === "channel" ? "Add it to the team" : "Add it"));
  }
  drawBadDays(c);
}

// put draws a message for the first time, or what has changed of it.
function put(message) {
  const feed = $("feed");
  const known = drawn.get(message.id);
  if (!message.shown && isWebhook(current)) {
    const line = drawRefused(message, feed.lastElementChild);
    if (line) feed.append(line);
    return line;
  }
  const words = said.get(message.id);
  const now = look(message, me?.name, words);
  if (known?.look === now) return null;
  const inThread = Boolean(message.thread);
  const tag = inThread && message.message_id === message.thread ? "div" : "li";
  const made = drawPost(tag, message, { user: me?.name, isDark, said: words, act: (action, shown) => press(message, action, shown) });
  drawn.set(message.id, { element: made, look: now });
  made.dataset.order = message.id;
  if (known) known.element.replaceWith(made);
  else if (inThread) putInThread(message, made);
  else inOrder(feed, made);
  while (feed.children.length > KEPT) feed.firstElementChild.remove();
  return made;
}

// inOrder puts what was posted earlier above what was posted later: messages
// come in the order of their last change, and an edit moves nothing in Teams.
function inOrder(list, made) {
  const later = [...list.children].find((one) => Number(one.dataset.order) > Number(made.dataset.order));
  list.insertBefore(made, later ?? null);
}

function putInThread(message, made) {
  const feed = $("feed");
  let thread = [...feed.children].find((one) => one.dataset.thread === message.thread);
  if (!thread) {
    const channel = current;
    thread = drawThread(message.thread, `@${directory.name}`, (text) => say(channel, message.thread, text));
    thread.dataset.order = message.id;
    inOrder(feed, thread);
  }
  if (message.message_id !== message.thread) {
    inOrder(thread.querySelector(".replies"), made);
    return;
  }
  thread.prepend(made);
  thread.dataset.order = message.id;
  inOrder(feed, thread);
}

function toBottom() {
  $("scroll").scrollTop = $("scroll").scrollHeight;
}

// ——— what the user does ———

async function say(conversation, thread, text) {
  const words = await deed("say", { as: me.id, conversation, thread, text });
  if (words) toast(words);
}

async function press(message, action, shown) {
  if (!message.conversation) {
    toast("Nobody answers this button: behind a webhook there is no bot.");
    return;
  }
  shown.classList.add("waiting");
  const words = await deed("press", { as: me.id, conversation: message.conversation, message: message.message_id, action });
  shown.classList.remove("waiting");
  said.set(message.id, words);
  if (keyOf(message) === current) put(place(current).messages.get(message.id) ?? message);
}

async function act(name) {
  const words = await deed(name, { as: me.id, conversation: current });
  if (words) toast(words);
}

// ——— a bad day, on the page's place or on all webhooks before there is one ———

function drawBadDays(c) {
  const choice = (words, does) => {
    const made = button("", async () => {
      $("badday").open = false;
      await does();
      drawFaults();
    }, words);
    made.setAttribute("role", "menuitem");
    return made;
  };
  const of = c ? { conversation: c.id } : { webhook: (current ?? WEBHOOK).slice(WEBHOOK.length) };
  const days = c ? botBadDays : webhookBadDays;
  const items = days.map(([words, faults]) => choice(words, () => queue(of, faults)));
  if (c?.installed) {
    items.push(choice(`Take ${directory.name} away from here`, () => act("uninstall")));
    if (c.kind === "personal" && !c.blocked) items.push(choice(`Block ${directory.name}`, () => act("block")));
  }
  $("faults").replaceChildren(...items, choice("A good day again", goodDay));
}

let asking = false;

// drawFaults says which faults still wait; one question at a time.
async function drawFaults() {
  if (asking) return;
  asking = true;
  try {
    const left = isWebhook(current)
      ? await faultsLeft((current ?? WEBHOOK).slice(WEBHOOK.length), "")
      : await faultsLeft(`conversation ${current}`, "service connector");
    $("fault").hidden = left === 0;
    $("fault").textContent = left === Infinity ? "a bad day, until you end it" : `a bad day for ${left} more`;
  } catch {
    // The server is away; the light at the top says so.
  } finally {
    asking = false;
  }
}

// ——— what the server tells ———

function arrived(message) {
  const key = keyOf(message);
  const here = place(key);
  const isNew = !here.messages.has(message.id);
  here.messages.set(message.id, message);
  if (here.messages.size > KEPT) here.messages.delete(here.messages.keys().next().value);
  const wanted = query.get("channel");
  if (current === null && (!wanted || wanted === nameOf(key))) {
    show(key);
    return;
  }
  if (key === current) {
    const scroll = $("scroll");
    const atBottom = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    if (message.edited && !isNew) said.delete(message.id); // it was about the card before
    const made = put(message);
    if (isNew) made?.classList.add("new");
    drawEmpty();
    if (atBottom && isNew) toBottom();
  } else if (isNew && !message.by_user) {
    here.unread++;
  }
  drawRail();
  drawFaults();
}

function around(told) {
  directory = told;
  drawMe();
  if (directory.known && current === null) {
    const wanted = query.get("channel");
    const at = visible().find((c) => nameOf(c.id) === wanted) ?? (wanted ? null : visible().filter((c) => c.kind === "channel").at(-1));
    if (at) show(at.id);
  }
  if (current !== null) $("name").textContent = nameOf(current);
  drawAround();
  drawEmpty();
  drawRail();
}

function listen() {
  const events = new EventSource("events");
  const light = (state, words) => { $("live").className = `live ${state}`; $("live").textContent = words; };
  events.addEventListener("open", () => light("on", "live"));
  events.addEventListener("error", () => light("off", "the simulator is away"));
  events.addEventListener("bot", (event) => around(JSON.parse(event.data)));
  events.addEventListener("message", (event) => arrived(JSON.parse(event.data)));
  events.addEventListener("cleared", () => {
    for (const here of places.values()) Object.assign(here, { messages: new Map(), unread: 0 });
    said.clear();
    redraw();
  });
}

$("unbundled").hidden = bundled;
$("example-url").textContent = `${location.origin}/workflow/ops`;
$("example-curl").textContent = `curl -d '{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive",` +
  `"content":{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"Hello"}]}}]}' ${location.origin}/workflow/ops`;
$("theme").addEventListener("click", () => { isDark = !isDark; redraw(); });
$("phone").addEventListener("click", () => { isPhone = !isPhone; redraw(); });
$("clear").addEventListener("click", clear);
$("as").addEventListener("change", () => {
  me = directory.users.find((user) => user.id === $("as").value);
  said.clear();
  const mine = visible();
  if (isWebhook(current) || mine.some((c) => c.id === current)) redraw();
  else show(mine.find((c) => c.kind === "personal").id);
});
document.addEventListener("click", (event) => { if (!$("badday").contains(event.target)) $("badday").open = false; });
redraw();
listen();
