// Everything works without this script; it copies links, keeps today's number current and changes the
// theme without a reload.
"use strict";

const say = (text) => {
  const place = document.querySelector("[data-say]");
  if (place) place.textContent = text;
};

// Copy buttons are hidden until there is something to press them with.
for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.querySelector("[data-label]");
  const before = label.textContent;
  let timer;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(button.dataset.copy);
    label.textContent = done ? "Copied" : "Press Ctrl+C";
    button.classList.toggle("done", done);
    say(done ? "Link copied" : "The link is selected; press Ctrl and C to copy it");
    clearTimeout(timer);
    timer = setTimeout(() => {
      label.textContent = before;
      button.classList.remove("done");
    }, 2500);
  });
}

// copy uses the clipboard where the browser allows it, and a selected field elsewhere: on a page that
// came over http there is no clipboard.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.readOnly = true;
    field.className = "sr";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    if (done) field.remove();
    else field.addEventListener("blur", () => field.remove());
    return done;
  }
}

// Today's number: asked for every two seconds while the page is looked at, slower while the server is
// away, and no more once nobody is logged in.
const live = document.querySelector("[data-live]");
if (live) {
  const every = 2000;
  let pause = every;
  let timer;
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const answer = await fetch(live.dataset.live, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return live.parentElement.classList.remove("on");
      if (!answer.ok) throw new Error(answer.statusText);
      const today = await answer.json();
      live.textContent = today.text;
      live.parentElement.classList.add("on");
      pause = every;
    } catch {
      live.parentElement.classList.remove("on");
      pause = Math.min(pause * 2, 60000);
    }
    timer = setTimeout(ask, pause);
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}

// The theme changes at once; the form tells the server to remember it.
for (const form of document.querySelectorAll("[data-theme-form]")) {
  form.addEventListener("submit", (event) => {
    const theme = event.submitter?.value;
    if (!theme) return;
    event.preventDefault();
    document.documentElement.dataset.theme = theme;
    document.querySelector('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme;
    for (const button of document.querySelectorAll("[data-theme-form] button")) {
      button.setAttribute("aria-pressed", String(button.value === theme));
    }
    fetch(form.action, { method: "POST", body: new URLSearchParams({ theme, back: form.elements.back.value }), redirect: "manual" });
  });
}

// A menu closes when something else is pressed, or by Escape.
const menu = document.querySelector("details.account");
if (menu) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}
