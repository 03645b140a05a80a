// Shortcuts from the keyboard. None while somebody types, none with Ctrl, Alt or Meta, none at all where switched off
// (WCAG 2.1.4): the switch is on the page of one's own account.
(() => {
  const store = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("lazaret-keys");
      localStorage.setItem("lazaret-keys", value);
    } catch { /* storage is blocked: shortcuts stay on for this page */ }
  };
  const places = { o: "/", t: "/transfers", a: "/approvals", s: "/suppliers", u: "/send" };
  let going = false;

  const typing = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || element.matches("input:not([type=radio]):not([type=checkbox]), select, textarea"));

  const step = (by) => {
    const rows = [...document.querySelectorAll("a[data-row]")];
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
  };

  const choose = (vote) => document.querySelector(`input[name=vote][value=${vote}]`)?.click();

  const acts = {
    "/": () => document.querySelector("#find")?.focus(),
    "?": () => document.querySelector("#keys")?.showModal(),
    j: () => step(1),
    k: () => step(-1),
    o: () => document.activeElement?.matches("a[data-row]") && document.activeElement.click(),
    a: () => choose("approve"),
    d: () => choose("reject"),
    g: () => { going = true; setTimeout(() => { going = false; }, 1500); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (store() === "off" || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (going && places[event.key]) {
      event.preventDefault();
      location.assign(places[event.key]);
    } else if (acts[event.key]) {
      event.preventDefault();
      acts[event.key]();
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.querySelector("[data-keys]");
    if (!toggle) return;
    toggle.checked = store() !== "off";
    toggle.addEventListener("change", () => store(toggle.checked ? "on" : "off"));
  });
})();
