// Draws one card with Microsoft's renderer. What a card holds comes from
// anybody: nothing of it becomes HTML except through markdown-it with HTML
// switched off, and the page's policy stops scripts and foreign addresses.

import { hostConfig } from "./hostconfig.js";

const AC = globalThis.AdaptiveCards;

// bundled: the renderer was built in.
export const bundled = Boolean(AC && globalThis.markdownit);

const safeLink = /^(https?|mailto):/i;

// The Markdown that Teams knows in a card: bold, italic, lists and links. No
// headings, tables, pictures, code or quotes; code and quotes are known in the
// text of a message.
const inCards = ["emphasis", "link", "list", "newline", "escape", "entity"];
const cardMarkdown = bundled ? teamsMarkdown(inCards) : null;
const textMarkdown = bundled ? teamsMarkdown([...inCards, "backticks", "fence", "blockquote"]) : null;

function teamsMarkdown(rules) {
  const md = globalThis.markdownit("zero", { html: false, linkify: false });
  md.enable(rules);
  md.validateLink = (url) => safeLink.test(url.trim());
  return md;
}

// drawText returns an element that shows the text of a message. A user's is
// plain, a bot's is Markdown; mentions are the names that it really mentions.
export function drawText(text, mentions, isPlain) {
  const made = document.createElement("div");
  made.className = "text";
  if (isPlain || !bundled) {
    made.classList.add("plain");
    for (const part of text.split(/(<at>.*?<\/at>)/)) made.append(plainPart(part, mentions));
    return made;
  }
  made.innerHTML = markMentions(textMarkdown.render(text), new Set(mentions.map((name) => `<at>${name}</at>`)));
  foreignLinks(made);
  return made;
}

// plainPart is a part of a plain text: a mention, or text.
function plainPart(part, mentions) {
  const name = part.match(/^<at>(.*)<\/at>$/)?.[1];
  if (!mentions.includes(name)) return part;
  const made = document.createElement("span");
  made.className = "mention";
  made.textContent = name;
  return made;
}

// drawCard returns an element that shows the card; act is called with what a
// button would send: its type, id, title, verb, and its data with the inputs.
export function drawCard(card, isDark, act) {
  const frame = document.createElement("div");
  frame.className = "card";
  if (String(card?.msteams?.width).toLowerCase() === "full") frame.classList.add("full");
  try {
    frame.append(render(card, isDark, act));
  } catch (problem) {
    const words = document.createElement("p");
    words.className = "broken";
    words.textContent = `The renderer cannot draw this card: ${problem.message}`;
    frame.append(words);
  }
  return frame;
}

function render(card, isDark, act) {
  const mentioned = new Set((card.msteams?.entities ?? []).map((e) => e?.text));
  AC.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markMentions(cardMarkdown.render(text), mentioned);
    result.didProcess = true;
  };
  const drawing = new AC.AdaptiveCard();
  drawing.hostConfig = new AC.HostConfig(hostConfig(isDark, getComputedStyle(document.body).fontFamily));
  drawing.onExecuteAction = (action) => {
    if (action instanceof AC.OpenUrlAction) {
      if (safeLink.test(action.url ?? "")) window.open(action.url, "_blank", "noopener,noreferrer");
      return;
    }
    const data = action.data && typeof action.data === "object" ? action.data : {};
    act({ type: action.getJsonTypeName(), id: action.id ?? "", title: action.title ?? "", verb: action.verb ?? "", data });
  };
  drawing.parse(card);
  const element = drawing.render();
  if (!element) throw new Error("it holds nothing that can be shown");
  foreignLinks(element);
  for (const picture of element.querySelectorAll("img")) {
    if (picture.src.startsWith("data:")) picture.onerror = () => standIn(picture, "This picture cannot be read.").classList.add("unread");
    else standIn(picture, "Pictures from other machines are not loaded here.");
  }
  return element;
}

// foreignLinks makes links open in a window that knows nothing of this one.
function foreignLinks(element) {
  for (const link of element.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
}

// standIn puts words where a picture would be: the page loads nothing from
// other machines.
function standIn(picture, why) {
  picture.onload = picture.onerror = null; // the renderer's own would remove the words
  const words = document.createElement("span");
  words.className = "standin";
  words.textContent = picture.alt ? `picture: ${picture.alt}` : "picture";
  words.title = why;
  picture.replaceWith(words);
  return words;
}

// markMentions shows <at>name</at>, escaped by now, as Teams shows a mention
// that the card's entities explain.
function markMentions(html, mentioned) {
  return html.replace(/&lt;at&gt;(.*?)&lt;\/at&gt;/g, (whole, name) => {
    const plain = new DOMParser().parseFromString(name, "text/html").documentElement.textContent;
    return mentioned.has(`<at>${plain}</at>`) ? `<span class="mention">${name}</span>` : whole;
  });
}
