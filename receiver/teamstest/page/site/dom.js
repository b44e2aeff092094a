// Small pieces of the page.

export const $ = (id) => document.getElementById(id);

// element makes an element; what is put inside as a string is only text.
export function element(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}

// button makes a button that does something when it is clicked.
export function button(className, act, ...inside) {
  const made = element("button", className, ...inside);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

export function clock(at) {
  const made = element("time", "", new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  made.dateTime = at;
  made.title = new Date(at).toString();
  return made;
}

export function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`;
}

// initials are what stands for a person without a picture.
export function initials(name) {
  return name.split(/\s+/).slice(0, 2).map((word) => word[0] ?? "").join("");
}
