// Draws one card with Microsoft's renderer. What a card holds comes from
// anybody: nothing of it becomes HTML except through markdown-it with HTML
// switched off, and the page's policy stops scripts and foreign addresses.

import { hostConfig } from "./hostconfig.js";

const AC = globalThis.AdaptiveCards;

// bundled: the renderer was built in.
export const bundled = Boolean(AC && globalThis.markdownit);

const safeLink = /^(https?|mailto):/i;

const markdown = bundled ? teamsMarkdown() : null;

// The Markdown that Teams knows in a card: bold, italic, lists and links. No
// headings, tables, pictures, code or quotes.
function teamsMarkdown() {
  const md = globalThis.markdownit("zero", { html: false, linkify: false });
  md.enable(["emphasis", "link", "list", "newline", "escape", "entity"]);
  md.validateLink = (url) => safeLink.test(url.trim());
  return md;
}

// drawCard returns an element that shows the card; onAction is called with
// words for what a button cannot do here.
export function drawCard(card, isDark, onAction) {
  const frame = document.createElement("div");
  frame.className = "card";
  if (String(card?.msteams?.width).toLowerCase() === "full") frame.classList.add("full");
  try {
    frame.append(render(card, isDark, onAction));
  } catch (problem) {
    const words = document.createElement("p");
    words.className = "broken";
    words.textContent = `The renderer cannot draw this card: ${problem.message}`;
    frame.append(words);
  }
  return frame;
}

function render(card, isDark, onAction) {
  const mentioned = new Set((card.msteams?.entities ?? []).map((e) => e?.text));
  AC.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markMentions(markdown.render(text), mentioned);
    result.didProcess = true;
  };
  const drawing = new AC.AdaptiveCard();
  drawing.hostConfig = new AC.HostConfig(hostConfig(isDark, getComputedStyle(document.body).fontFamily));
  drawing.onExecuteAction = (action) => {
    if (action instanceof AC.OpenUrlAction) {
      if (safeLink.test(action.url ?? "")) window.open(action.url, "_blank", "noopener,noreferrer");
      return;
    }
    onAction("Nobody answers this button: behind a webhook there is no bot.");
  };
  drawing.parse(card);
  const element = drawing.render();
  if (!element) throw new Error("it holds nothing that can be shown");
  for (const link of element.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const picture of element.querySelectorAll("img")) {
    if (picture.src.startsWith("data:")) picture.onerror = () => standIn(picture, "This picture cannot be read.").classList.add("unread");
    else standIn(picture, "Pictures from other machines are not loaded here.");
  }
  return element;
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
