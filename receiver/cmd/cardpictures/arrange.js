// Puts some of the page's cards side by side, leaves the rest of the page out,
// and says where each of them is, in CSS pixels from the page's corner.
((from, count) => {
  document.querySelector(".bar").hidden = true;
  Object.assign(document.getElementById("cards").style, { display: "flex", flexFlow: "row wrap", alignItems: "flex-start", justifyContent: "flex-start" });
  const all = [...document.querySelectorAll("#cards > .shown")];
  const some = all.slice(from, from + count);
  for (const shown of all) {
    shown.hidden = !some.includes(shown);
    for (const part of shown.children) part.hidden = !part.classList.contains("card");
  }
  return some.map((shown) => {
    const { x, y, width, height } = shown.querySelector(".card").getBoundingClientRect();
    return { x: x + scrollX, y: y + scrollY, width, height };
  });
})
