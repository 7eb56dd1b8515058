// What a page does beyond being a page.  Everything here is a convenience: sorting, filters and periods are links and
// forms, and work without it.
//
//   refresh    the same address is fetched again; what is marked data-live is put in place of what was there, and
//              charts get new numbers.  Nothing moves, no field loses what is being typed
//   filters    a form marked data-filters does the same while one types
//   "/"        goes to the filter
"use strict";

const TYPING_MS = 250;

// ---- refresh

async function pageAt(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname === "/login") location.reload();
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function isBusy(part) {
  const chosen = getSelection();
  const marked = chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode);
  return marked || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
}

function openedOf(part) {
  return new Map([...part.querySelectorAll("details[data-keep]")].map((one) => [one.dataset.keep, one.open]));
}

// Where the keyboard is, in words that the new page has too.
function placeOf(part) {
  const here = document.activeElement;
  if (!here || !part.contains(here)) return null;
  return here.getAttribute("href");
}

function replace(part, fresh) {
  if (isBusy(part) || part.innerHTML === fresh.innerHTML) return;
  const opened = openedOf(part);
  const place = placeOf(part);
  const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  part.replaceChildren(...fresh.childNodes);
  for (const one of part.querySelectorAll("details[data-keep]")) {
    if (opened.has(one.dataset.keep)) one.open = opened.get(one.dataset.keep);
  }
  part.querySelectorAll(".scroll").forEach((one, number) => { one.scrollLeft = scrolled[number] || 0; });
  if (place) [...part.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === place)?.focus({ preventScroll: true });
}

function take(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (other) replace(part, other);
  }
  for (const data of document.querySelectorAll("[data-live-data]")) {
    const other = fresh.getElementById(data.id);
    if (other && other.textContent !== data.textContent) {
      data.textContent = other.textContent;
      document.dispatchEvent(new CustomEvent("whimbrel:data", { detail: data.id }));
    }
  }
  const twin = fresh.querySelector("[data-twin]");
  if (twin) document.querySelector("[data-twin]").href = twin.getAttribute("href");
}

// Charts come and go with what there is to show; then the page is another one.
function shapeOf(page) {
  return [...page.querySelectorAll("[data-live], [data-live-data]")].map((one) => one.id).join(" ");
}

async function refresh(button) {
  button.classList.add("looking");
  try {
    const fresh = await pageAt(location.href);
    if (shapeOf(fresh) !== shapeOf(document)) return location.reload();
    take(fresh);
    button.classList.remove("late");
    button.title = "Look again by itself";
  } catch (error) {
    button.classList.add("late");
    button.title = `The hub did not answer: ${error.message}`;
  } finally {
    button.classList.remove("looking");
  }
}

function startRefresh() {
  const period = document.querySelector("[data-refresh]");
  const seconds = Number(period?.dataset.refresh);
  const button = period?.querySelector("[data-live-switch]");
  if (!seconds || !button || !document.querySelector("[data-live-data], [data-live]:not(#live-period)")) return;
  const show = (on) => button.setAttribute("aria-pressed", String(on));
  const isOn = () => button.getAttribute("aria-pressed") === "true";
  button.hidden = false;
  show(sessionStorage.getItem("live") !== "off");
  button.addEventListener("click", () => {
    show(!isOn());
    sessionStorage.setItem("live", isOn() ? "on" : "off");
    if (isOn()) refresh(button);
  });
  const isWanted = () => isOn() && !document.hidden && !document.querySelector(".zoomed, .custom[open]");
  setInterval(() => { if (isWanted()) refresh(button); }, seconds * 1000);
  document.addEventListener("visibilitychange", () => { if (isWanted()) refresh(button); });
}

// ---- filters

function addressOf(form) {
  const given = [...new FormData(form)].filter(([name, value]) => value !== "" && name !== "offset");
  return `${form.getAttribute("action")}?${new URLSearchParams(given)}`;
}

function startFilters(form) {
  let waiting = 0;
  let latest = "";
  const look = async () => {
    const address = (latest = addressOf(form));
    try {
      const fresh = await pageAt(address);
      if (address !== latest) return; // somebody went on typing
      take(fresh);
      history.replaceState(null, "", address);
    } catch {
      form.submit(); // the hub's own words are the better message
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, TYPING_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    look();
  });
}

// ---- keys, theme, map

function onKey(event) {
  if (event.key === "Escape") document.querySelector(".custom[open]")?.removeAttribute("open");
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const field = document.querySelector(`[data-focus-key="${CSS.escape(event.key)}"]`);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}

function startTheme(button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    document.dispatchEvent(new Event("whimbrel:theme"));
  });
}

// A box or a link that is pointed at: what it is linked to stays, the rest steps back.
function light(event) {
  const map = event.target.closest?.(".map");
  const at = event.target.closest?.(".map .node, .map .link");
  if (!map || event.type === "mouseout" || event.type === "focusout") {
    for (const one of document.querySelectorAll(".map.focused")) one.classList.remove("focused");
  }
  if (!at || event.type === "mouseout" || event.type === "focusout") return;
  const links = [...map.querySelectorAll(".link")];
  const near = at.matches(".link") ? [at] : links.filter((one) => [one.dataset.from, one.dataset.to].includes(at.dataset.node));
  const names = new Set([at.dataset.node, ...near.flatMap((one) => [one.dataset.from, one.dataset.to])]);
  for (const one of links) one.classList.toggle("lit", near.includes(one));
  for (const one of map.querySelectorAll(".node")) one.classList.toggle("lit", names.has(one.dataset.node));
  map.classList.add("focused");
}

document.addEventListener("keydown", onKey);
for (const name of ["mouseover", "mouseout", "focusin", "focusout"]) document.addEventListener(name, light);
document.addEventListener("click", (event) => {
  const open = document.querySelector(".custom[open]");
  if (open && !open.contains(event.target)) open.open = false;
});
for (const button of document.querySelectorAll("[data-theme-switch]")) startTheme(button);
for (const form of document.querySelectorAll("[data-filters]")) startFilters(form);
startRefresh();
