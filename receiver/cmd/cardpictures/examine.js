// Looks at every card of the page and returns what is wrong, a line each. It
// ends when all pictures are there or have failed.
(async () => {
  const found = [];
  await document.fonts.ready;
  await Promise.allSettled([...document.images].map((picture) => picture.decode()));
  for (const shown of document.querySelectorAll("#cards > .shown")) {
    const name = shown.querySelector("h2").textContent;
    const wrong = (what) => found.push(`${name}: ${what}`);
    const excerpt = (element) => JSON.stringify((element.innerText || element.alt || element.className || "").trim().slice(0, 60));
    const frame = shown.querySelector(".card");
    const drawn = frame?.querySelector(".ac-adaptiveCard");
    if (frame?.querySelector(".broken")) wrong(frame.innerText.trim());
    if (!drawn || drawn.offsetHeight < 20 || drawn.innerText.trim() === "") {
      wrong("the card is empty");
      continue;
    }
    // What a button shows is looked at, too.
    const hidden = [...drawn.querySelectorAll("*")].filter((element) => element.style.display === "none");
    for (const element of hidden) element.style.display = element.matches(".ac-columnSet, .ac-actionSet") ? "flex" : "block";
    const right = frame.getBoundingClientRect().right + 1;
    if (drawn.scrollWidth > drawn.clientWidth) wrong(`it is ${drawn.scrollWidth} px wide and has room for ${drawn.clientWidth}`);
    for (const element of drawn.querySelectorAll("*")) {
      const box = element.getBoundingClientRect();
      if (box.width > 0 && box.right > right) wrong(`${excerpt(element)} reaches ${Math.ceil(box.right - right)} px beyond the card`);
    }
    for (const text of drawn.querySelectorAll(".ac-textBlock, .ac-richTextBlock, .ac-fact-title, .ac-fact-value")) {
      const line = parseFloat(getComputedStyle(text).lineHeight) || 20;
      const letters = text.innerText.trim().length;
      if (letters > 8 && text.clientWidth < 48 && text.clientHeight > 3 * line) wrong(`${excerpt(text)} is squeezed into ${text.clientWidth} px`);
      if (letters > 0 && text.clientWidth === 0) wrong(`${excerpt(text)} has no room at all`);
    }
    for (const picture of drawn.querySelectorAll("img")) {
      if (picture.naturalWidth === 0) wrong(`the picture ${excerpt(picture)} is not there`);
    }
    for (const words of drawn.querySelectorAll(".standin.unread")) wrong(`${excerpt(words)}: ${words.title}`);
    for (const element of hidden) element.style.display = "none";
  }
  return found;
})()
