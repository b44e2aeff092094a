// The page: channels on the left, the posts of one of them on the right, kept
// true by the server's events.

import { bundled, drawCard } from "./card.js";

const KEPT = 200; // posts on the page for each channel; older ones leave it

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const channels = new Map(); // name → {messages, unread}
let current = null;
let isDark = query.has("theme") ? query.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
let isPhone = query.get("width") === "phone";

// element makes an element; what is put inside as a string is only text.
function element(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}

function clock(at) {
  const made = element("time", "", new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  made.dateTime = at;
  made.title = new Date(at).toString();
  return made;
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`;
}

function json(message) {
  return element("pre", "json", JSON.stringify(message.card ?? null, null, 2));
}

function post(message) {
  const icon = element("img");
  icon.src = "icon.svg";
  icon.alt = "";
  const shown = bundled ? drawCard(message.card, isDark, toast) : json(message);
  const summary = element("summary", "",
    element("span", "preview", message.summary ? `Preview: ${message.summary}` : "No preview text"),
    element("span", "", `${size(message.bytes)} of 28 KB`),
    element("span", "more", "JSON"));
  const foot = bundled ? element("details", "foot", summary) : element("div", "foot", summary);
  // The JSON of a large card is only made when somebody wants to see it.
  if (bundled) foot.addEventListener("toggle", () => foot.children.length < 2 && foot.append(json(message)), { once: true });
  const made = element("li", "post", icon,
    element("div", "body", element("div", "head", element("b", "", "Workflows"), clock(message.at)), shown, foot));
  made.dataset.id = message.id;
  return made;
}

// refused is one line for what Teams would not show; a storm of the same is
// still one line.
function refused(message) {
  const key = `${message.status} ${message.reason}`;
  const last = $("feed").lastElementChild;
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

function append(message) {
  const made = message.shown ? post(message) : refused(message);
  if (made) $("feed").append(made);
  while ($("feed").children.length > KEPT) $("feed").firstElementChild.remove();
  $("empty").hidden = true;
  return made;
}

function toBottom() {
  $("scroll").scrollTop = $("scroll").scrollHeight;
}

function toast(words) {
  $("live").textContent = words;
  setTimeout(() => { $("live").textContent = "live"; }, 4000);
}

function drawChannels() {
  const names = [...channels.keys()].sort();
  $("channels").replaceChildren(...names.map((name) => {
    const channel = channels.get(name);
    const button = element("button", "", element("span", "avatar", name[0]), element("span", channel.unread ? "label fresh" : "label", name));
    button.type = "button";
    if (channel.unread) button.append(element("span", "count", channel.unread > 99 ? "99+" : String(channel.unread)));
    if (name === current) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => show(name));
    return element("li", "", button);
  }));
}

function show(name) {
  current = name;
  channels.get(name).unread = 0;
  $("name").textContent = name;
  $("letter").textContent = name[0];
  $("address").textContent = `${location.origin}/workflow/${name}`;
  redraw();
}

// redraw draws everything of the channel again.
function redraw() {
  document.documentElement.classList.toggle("dark", isDark);
  document.body.classList.toggle("phone", isPhone);
  $("theme").setAttribute("aria-pressed", isDark);
  $("phone").setAttribute("aria-pressed", isPhone);
  $("feed").replaceChildren();
  const messages = channels.get(current)?.messages ?? [];
  $("empty").hidden = messages.length > 0;
  messages.forEach(append);
  drawChannels();
  drawFaults();
  toBottom();
}

function arrived(message) {
  let channel = channels.get(message.webhook);
  if (!channel) channels.set(message.webhook, channel = { messages: [], unread: 0 });
  channel.messages.push(message);
  if (channel.messages.length > KEPT) channel.messages.shift();
  const wanted = query.get("channel");
  if (current === null && (!wanted || wanted === message.webhook)) {
    show(message.webhook);
    return;
  }
  if (message.webhook === current) {
    const scroll = $("scroll");
    const atBottom = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    append(message)?.classList.add("new");
    if (atBottom) toBottom();
  } else {
    channel.unread++;
  }
  drawChannels();
  drawFaults();
}

// A bad day, on the page's channel or on all of them before there is one.
const badDays = [
  ["Too busy: 429 for the next 3 messages", [{ status: 429, retry_after: "5s", times: 3 }]],
  ["Out of order: 503 for the next 5", [{ status: 503, times: 5 }]],
  ["Says 200, but the body speaks of an error", [{ body: "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0" }]],
  ["Answers the next one after 10 seconds", [{ latency: "10s" }]],
  ["Breaks the connection after showing the card", [{ cut: "after" }]],
  ["Does not take the next card: 400", [{ status: 400 }]],
  ["The flow is deleted: 404 until it is a good day", [{ status: 404, times: -1 }]],
];

function drawBadDays() {
  const choice = (words, act) => {
    const button = element("button", "", words);
    button.type = "button";
    button.setAttribute("role", "menuitem");
    button.addEventListener("click", async () => {
      $("badday").open = false;
      await act();
      drawFaults();
    });
    return button;
  };
  $("faults").replaceChildren(
    ...badDays.map(([words, faults]) => choice(words, () => fetch("faults", { method: "POST", body: JSON.stringify({ webhook: current ?? "", faults }) }))),
    choice("A good day again", () => fetch("faults", { method: "DELETE" })),
  );
}

let asking = false;

// drawFaults says which faults still wait; one question at a time.
async function drawFaults() {
  if (asking) return;
  asking = true;
  try {
    const queued = await (await fetch("faults")).json();
    const mine = [...(queued[current] ?? []), ...(queued[""] ?? [])];
    const left = mine.reduce((sum, fault) => sum + (fault.times < 0 ? Infinity : Math.max(fault.times ?? 1, 1)), 0);
    $("fault").hidden = left === 0;
    $("fault").textContent = left === Infinity ? "a bad day, until you end it" : `a bad day for ${left} more`;
  } catch {
    // The server is away; the light at the top says so.
  } finally {
    asking = false;
  }
}

function listen() {
  const events = new EventSource("events");
  const light = (state, words) => { $("live").className = `live ${state}`; $("live").textContent = words; };
  events.addEventListener("open", () => light("on", "live"));
  events.addEventListener("error", () => light("off", "the simulator is away"));
  events.addEventListener("message", (event) => arrived(JSON.parse(event.data)));
  events.addEventListener("cleared", () => {
    for (const channel of channels.values()) Object.assign(channel, { messages: [], unread: 0 });
    redraw();
  });
}

$("unbundled").hidden = bundled;
$("example-url").textContent = `${location.origin}/workflow/ops`;
$("example-curl").textContent = `curl -d '{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive",` +
  `"content":{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"Hello"}]}}]}' ${location.origin}/workflow/ops`;
$("theme").addEventListener("click", () => { isDark = !isDark; redraw(); });
$("phone").addEventListener("click", () => { isPhone = !isPhone; redraw(); });
$("clear").addEventListener("click", () => fetch("messages", { method: "DELETE" }));
document.addEventListener("click", (event) => { if (!$("badday").contains(event.target)) $("badday").open = false; });
drawBadDays();
redraw();
listen();
